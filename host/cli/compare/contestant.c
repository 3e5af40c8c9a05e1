/* Functions that the contestants share. */
#include "cli/compare/contestant.h"
#include "clattn_check.h"

#include <stdio.h>
#include <string.h>

#include "cli/input/outputs.h"

double split_total(const split *s) {
  return s->upload + s->compute + s->download;
}

void contestant_reason(char *to, size_t size, const char *message) {
  snprintf(to, size, "%.*s", (int)strcspn(message, "\n"), message);
}

void contestant_close(contestant *c) {
  clattn_device_close(c->device);
  c->device = NULL;
}

/* ---- checking contestants without a plan ------------------------------------------------------------------------ */

static const clattn_tensor judged[] = {CLATTN_Q, CLATTN_K, CLATTN_V, CLATTN_CONTEXT, CLATTN_OUTPUT};
enum { JUDGED = sizeof judged / sizeof judged[0] };

static bool allocate(const clattn_problem *p, clattn_outputs *outputs) {
  for (int i = 0; i < JUDGED; ++i) {
    const size_t bytes = clattn_output_bytes(p, judged[i]);
    if (bytes > 0 && !outputs_allocate(outputs, judged[i], bytes)) return false;
  }
  return true;
}

clattn_status contestant_check_other(contestant *c, const input *in, double most_flops, bool *passed,
                                     clattn_error *error) {
  clattn_rows *rows = NULL;
  clattn_outputs outputs = CLATTN_OUTPUTS_INIT;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  split times;
  clattn_status status = clattn_rows_choose(&in->problem, most_flops, 1, &rows, error);
  if (status == CLATTN_OK && !allocate(&in->problem, &outputs)) {
    snprintf(error->message, sizeof error->message, "no host memory for the results of a check");
    status = error->status = CLATTN_OUT_OF_HOST_MEMORY;
  }
  if (status == CLATTN_OK) status = c->kind->run(c, in, &outputs, &times, error);
  if (status == CLATTN_OK) status = clattn_check_other(&in->problem, &in->inputs, &outputs, rows, &report, error);
  *passed = report.passed;
  outputs_free(&outputs);
  clattn_rows_destroy(rows);
  return status;
}
