/* Prints why a plan is as it is, for `clattn run --explain-plan`. */
#include <stdio.h>

#include "cli/report/report.h"
#include "cli/report/terminal.h"
#include "cli/report/units.h"

static const char *stage_of(const clattn_reason *reason) {
  return reason->stage == CLATTN_STAGE_COUNT ? "all" : clattn_stage_name(reason->stage);
}

static void print_reason(const clattn_reason *reason, bool first) {
  char text[KERNEL_TEXT];
  const bool chosen = reason->kind <= CLATTN_REASON_RECORD;
  const char *kernel = reason->kernel != NULL ? kernel_text(reason->rung, reason->kernel, text) : "record";
  printf("%s%-10s%s%-10s%-12s%s%s%s: %s\n", style(BOLD), first ? "why" : "", style(PLAIN), stage_of(reason), kernel,
         style(chosen ? GREEN : PLAIN), clattn_reason_kind_name(reason->kind), style(PLAIN), reason->text);
  if (!chosen) return;
  printf("%32s%s\n", "", reason->choice);
  if (reason->program != NULL) printf("%32sprogram %s\n", "", reason->program);
}

void report_text_reasons(const report *r) {
  clattn_reason reason = CLATTN_REASON_INIT;
  for (size_t i = 0; r->explained != NULL && clattn_plan_get_reason(r->explained, i, &reason); ++i)
    print_reason(&reason, i == 0);
  if (r->explained != NULL && r->plan.launch_flops > 0.0)
    printf("%10s%-10s%-10s%-12s: of at most %.3g GFLOP, a first guess; longer ones are split\n", "", "all", "launches",
           "", 1e-9 * r->plan.launch_flops);
}
