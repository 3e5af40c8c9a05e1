/* The reference, in float: on one core, and with its rows shared by all cores with OpenMP. */
#include <stdio.h>

#include "base/clock.h"
#include "cli/compare/contestant.h"
#include "cli/compare/team.h"

/* Many pieces, because later ones may be longer, and a core may be slower. */
#define PIECES_A_THREAD 8

static clattn_status run_scalar(contestant *c, const input *in, const clattn_outputs *outputs, split *times,
                                clattn_error *error) {
  (void)c;
  const double started = clattn_now();
  const clattn_status status = clattn_reference_run(&in->problem, &in->inputs, outputs, error);
  *times = (split){.compute = clattn_now() - started};
  return status;
}

static clattn_status run_openmp(contestant *c, const input *in, const clattn_outputs *outputs, split *times,
                                clattn_error *error) {
  (void)c;
  const clattn_loop loop = {PIECES_A_THREAD * team_size(), team_run};
  const double started = clattn_now();
  const clattn_status status = clattn_reference_run_in(&loop, &in->problem, &in->inputs, outputs, error);
  *times = (split){.compute = clattn_now() - started};
  return status;
}

void contestant_scalar_open(contestant *c) {
  *c = (contestant){.kind = &contestant_scalar};
  snprintf(c->name, sizeof c->name, "reference, 1 core");
}

void contestant_openmp_open(contestant *c) {
  *c = (contestant){.kind = &contestant_openmp};
  snprintf(c->name, sizeof c->name, "reference, OpenMP, %zu threads", team_size());
  if (team_exists()) return;
  snprintf(c->name, sizeof c->name, "reference, OpenMP");
  snprintf(c->missing, sizeof c->missing, "the program was built without OpenMP");
}

const contestant_kind contestant_scalar = {"scalar", NULL, run_scalar, contestant_check_other, NULL};
const contestant_kind contestant_openmp = {"openmp", NULL, run_openmp, contestant_check_other, NULL};
