/* What the articles ask to be shown besides their examples. Each runs on the device and prints its page. */
#ifndef CLATTN_CLI_DEMOS_H
#define CLATTN_CLI_DEMOS_H

#include "cli/explain/walk.h"

typedef struct demo {
  const char *name;    /* what follows `clattn explain` */
  const char *example; /* whose article it belongs to */
  const char *summary;
  int (*run)(const run_options *device); /* --device, --platform, --pipeline and --kernel are looked at */
} demo;

size_t demo_count(void);
const demo *demo_at(size_t index); /* NULL when index >= count */
const demo *demo_find(const char *name);

/* The focus's weights with the walk's scale and with 1 / sqrt(head_dim). Returns the exit code. */
int demo_scales(const run_options *options, const walk *w);

/* ---- for the files of demonstrations ------------------------------------------------------------------------------
 */

void demo_headline(const char *text);

/* A table that is made line by line: its columns first. Returns where the numbers of the new row go. */
void demo_name_columns(walk_step *table, const char *const *names, size_t count);
float *demo_add_row(walk_step *table, const char *name);

/* The exit code, and a complaint where a check failed. */
int demo_verdict(const clattn_check_report *report);

/* Runs a problem of the demonstration's own, and checks it. GO_ON, or the exit code, after a complaint. */
int demo_run(const run_options *device, const clattn_problem *problem, const clattn_inputs *inputs,
             const clattn_outputs *outputs, clattn_check_report *check);

int demo_dictionary(const run_options *device);
int demo_bank(const run_options *device);

#endif
