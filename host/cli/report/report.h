/* The results of `clattn run`, and the two ways to print them. */
#ifndef CLATTN_CLI_REPORT_H
#define CLATTN_CLI_REPORT_H

#include "cli/input/input.h"
#include "clattn_check.h"
#include "cli/report/steady.h"

typedef struct report {
  const input *input;
  const clattn_device_info *device;
  const clattn_outputs *outputs;
  clattn_plan_info plan;
  bool tuned;                   /* whether a kernel comes from a tuning record */
  const clattn_plan *explained; /* NULL: without --explain-plan */
  clattn_timings timings;       /* of the fastest run */
  size_t runs;
  repeats totals; /* of all runs */
  bool checked;
  clattn_check_report check; /* when checked */
} report;

/* amount / seconds; 0 when the time is 0. */
double report_rate(double amount, double seconds);

/* Time of the reference for the whole problem; 0 without a check. */
double report_cpu_seconds(const report *report);

/* Whether the times cannot be trusted, and why (steady.h). */
bool report_disturbed(const report *report, char text[STEADY_TEXT]);

/* The first lines, printed before the work begins, and the rest, printed after it. */
void report_text_plan(const report *report);
void report_text(const report *report);
/* Why the plan is as it is, with --explain-plan. */
void report_text_reasons(const report *report);
/* False without memory. */
bool report_json(const report *report);

#endif
