/* Demonstrations for the articles, besides their examples. Each runs on the device and prints a
 * page. */
#ifndef CLATTN_CLI_DEMOS_H
#define CLATTN_CLI_DEMOS_H

#include "cli/explain/pictures.h"
#include "cli/explain/tokens.h"
#include "cli/options/options.h"
#include "explain/walk.h"

typedef struct demo {
  const char *name;    /* what follows `clattn explain` */
  const char *example; /* whose article it belongs to */
  const char *summary;
  int (*run)(const run_options *device, picture_folders pictures); /* uses only --device, --platform, --pipeline,
                                                                      --kernel */
  bool pictures;                                                   /* whether it writes any */
} demo;

size_t demo_count(void);
const demo *demo_at(size_t index); /* NULL when index >= count */
const demo *demo_find(const char *name);

/* Prints the weights of the focus with the walk's scale and with 1 / sqrt(head_dim). Returns the
 * exit code. */
int demo_scales(const run_options *options, const token_names *names, const walk *w);

/* ---- for the files of demonstrations ------------------------------------------------------------------------------
 */

void demo_headline(const char *text);

/* Fills a table: first its columns, then row by row. demo_add_row returns the memory for the
 * numbers of the row. */
void demo_name_columns(walk_step *table, const char *const *names, size_t count);
float *demo_add_row(walk_step *table, const char *name);

/* The exit code, after a complaint if a check failed. */
int demo_result(const clattn_check_report *report);

/* Runs and checks a problem. Returns GO_ON, or the exit code after a complaint. */
int demo_run(const run_options *device, const clattn_problem *problem, const clattn_inputs *inputs,
             const clattn_outputs *outputs, clattn_check_report *check);

int demo_dictionary(const run_options *device, picture_folders pictures);
int demo_bank(const run_options *device, picture_folders pictures);

#endif
