/* What `clattn run` found out, and the two ways to print it. */
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
  const clattn_plan *explained; /* NULL: nobody asked why the plan is so */
  clattn_timings timings;       /* of the fastest run */
  size_t runs;
  repeats totals; /* of all of them */
  bool checked;
  clattn_check_report check; /* when checked */
} report;

/* Operations of a stage over its time; 0 when the time is 0. */
double report_rate(double amount, double seconds);

/* Time of the scalar path for the whole problem; 0 without a check. */
double report_cpu_seconds(const report *report);

/* Whether the times are not to be trusted, and why (steady.h). */
bool report_disturbed(const report *report, char text[STEADY_TEXT]);

/* The first lines, before the work begins, and the rest behind it. */
void report_text_plan(const report *report);
void report_text(const report *report);
/* Why the plan is so, when that was asked for. */
void report_text_reasons(const report *report);
/* false without memory. */
bool report_json(const report *report);

#endif
