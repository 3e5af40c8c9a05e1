/* The comparison as a page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/compare/comparison.h"
#include "cli/report/terminal.h"
#include "cli/report/units.h"

#define NAME_WIDTH 48

void comparison_text_head(const comparison *c) {
  const clattn_problem *p = &c->problem;
  printf("%sproblem%s   batch %zu, ", style(BOLD), style(PLAIN), p->batch);
  if (c->lengths > 1)
    printf("tokens %zu to %zu", c->length[0], c->length[c->lengths - 1]);
  else
    printf("tokens %zu", c->length[0]);
  printf(", model_dim %zu, %zu heads of %zu", p->model_dim, p->heads, p->head_dim);
  if (p->kv_heads != 0 && p->kv_heads != p->heads) printf(", kv_heads %zu", p->kv_heads);
  if (p->value_dim != p->head_dim) printf(", values of %zu", p->value_dim);
  printf("%s%s%s%s, random, seed %zu\n", p->causal ? ", causal" : "", p->type != CLATTN_F32 ? ", " : "",
         p->type != CLATTN_F32 ? clattn_type_name(p->type) : "", p->layout == CLATTN_LAYOUT_XWT ? ", xwt" : "",
         c->options->input.number[NUMBER_SEED]);
  for (size_t i = 0; i < c->contestants; ++i)
    printf("%s%-10s%s%zu %s\n", style(BOLD), i == 0 ? "who" : "", style(PLAIN), i + 1, c->contestant[i].name);
  if (c->no_device[0] != '\0') printf("no device: %s\n", c->no_device);
  fflush(stdout);
}

/* ---- times ------------------------------------------------------------------------------------------------------- */

/* "-" without a transfer. */
static const char *part_text(double seconds, char text[16]) {
  return seconds > 0.0 ? duration_text(seconds, text) : "-";
}

/* Ratios, from thousandths to millions. */
static const char *ratio_text(double ratio, char text[16]) {
  if (!(ratio > 0.0)) return "-";
  snprintf(text, 16, "%.*f x", ratio < 0.0995 ? 4 : ratio < 9.95 ? 2 : ratio < 99.5 ? 1 : 0, ratio);
  return text;
}

/* Number and name of a contestant. A long device name is cut, its pipeline never: that tells the rows of one device
 * apart. */
static void print_name(const comparison *c, size_t i) {
  const contestant *one = &c->contestant[i];
  const bool device = one->kind == &contestant_device;
  char name[NAME_WIDTH], pipeline[NAME_WIDTH / 2] = "";
  if (device) snprintf(pipeline, sizeof pipeline, ", %s", clattn_pipeline_name(one->pipeline));
  clattn_text_copy(name, sizeof name - strlen(pipeline), device ? one->device_info.name : one->name, false);
  printf("%zu %s%-*s", i + 1, name, NAME_WIDTH - (int)strlen(name), pipeline);
}

static void print_timed(const comparison *c, size_t n, size_t i) {
  const result *r = comparison_result(c, n, i);
  char text[6][16];
  const bool fastest = comparison_fastest(c, n) == i;
  printf("%10s%10s%10s%10s%12s%12s%6.0f %%%5zu%s\n", part_text(r->median.upload, text[0]),
         duration_text(r->median.compute, text[1]), part_text(r->median.download, text[2]),
         duration_text(r->total, text[3]), ratio_text(comparison_ratio(c, n, 0, i), text[4]),
         ratio_text(comparison_ratio(c, n, i, comparison_fastest(c, n)), text[5]), 100.0 * r->spread, r->runs,
         fastest ? "  fastest" : "");
}

void comparison_text_length(const comparison *c, size_t n) {
  if (c->lengths > 1)
    printf("\n%s%zu tokens%s, %.3g GFLOP\n", style(BOLD), c->length[n], style(PLAIN), c->flops[n] * 1e-9);
  else
    printf("\n%.3g GFLOP\n", c->flops[n] * 1e-9);
  printf("%s  %-*s%10s%10s%10s%10s%12s%12s%8s%5s%s\n", style(BOLD), NAME_WIDTH, "", "upload", "compute", "download",
         "total", "vs ref", "vs fastest", "spread", "runs", style(PLAIN));
  for (size_t i = 0; i < c->contestants; ++i) {
    const result *r = comparison_result(c, n, i);
    print_name(c, i);
    if (r->state == RESULT_TIMED)
      print_timed(c, n, i);
    else
      printf("  %s%s%s\n", r->state == RESULT_WRONG ? style(RED) : "", result_trouble(r), style(PLAIN));
  }
  fflush(stdout);
}

/* ---- a sweep's table --------------------------------------------------------------------------------------------- */

/* Totals: a line per length, a column per contestant. */
static void print_totals(const comparison *c) {
  printf("\n%stotal%s\n%s%8s", style(BOLD), style(PLAIN), style(BOLD), "tokens");
  for (size_t i = 0; i < c->contestants; ++i) printf("%12zu", i + 1);
  printf("  fastest%s\n", style(PLAIN));
  for (size_t n = 0; n < c->lengths; ++n) {
    const size_t fastest = comparison_fastest(c, n);
    printf("%8zu", c->length[n]);
    for (size_t i = 0; i < c->contestants; ++i) {
      char text[16];
      const result *r = comparison_result(c, n, i);
      printf("%12s", r->state == RESULT_TIMED ? duration_text(r->total, text) : result_state_name(r->state));
    }
    if (fastest < c->contestants) printf("  %zu", fastest + 1);
    putchar('\n');
  }
}

static const char *crossing_text(const crossing *x, char text[48]) {
  switch (x->kind) {
  case CROSSING_ALWAYS:
    return "from the start";
  case CROSSING_FROM:
    snprintf(text, 48, "from about %.3g on", x->length);
    break;
  case CROSSING_UNTIL:
    snprintf(text, 48, "only up to about %.3g", x->length);
    break;
  case CROSSING_NEVER:
    snprintf(text, 48, "never up to %.0f", x->last);
    break;
  case CROSSING_UNKNOWN:
  case CROSSING_KINDS:
    return "-";
  }
  return text;
}

static void print_overtakings(const comparison *c) {
  size_t count;
  overtaking *all = comparison_overtakings(c, &count);
  bool often = false;
  printf("\n%swho is ahead of whom%s\n%s%-16s%-26s%-26s%s\n", style(BOLD), style(PLAIN), style(BOLD), "",
         "by the total", "by computing only", style(PLAIN));
  for (size_t i = 0; i < count; ++i) {
    char pair[32], text[2][48];
    const overtaking *o = &all[i];
    snprintf(pair, sizeof pair, "%zu of %zu", o->one + 1, o->other + 1);
    printf("%-16s%-26s%-26s%s\n", pair, crossing_text(&o->total, text[0]), crossing_text(&o->compute, text[1]),
           o->total.changes > 1 || o->compute.changes > 1 ? " (*)" : "");
    often = often || o->total.changes > 1 || o->compute.changes > 1;
  }
  if (often) printf("(*) the lines cross more than once: this is the last crossing\n");
  free(all);
}

/* ---- remarks ----------------------------------------------------------------------------------------------------- */

static void print_missing(const comparison *c) {
  for (size_t i = 0; i < c->contestants; ++i)
    if (c->contestant[i].missing[0] != '\0') printf("%zu is not available: %s\n", i + 1, c->contestant[i].missing);
}

void comparison_text(const comparison *c) {
  if (c->lengths > 1) {
    print_totals(c);
    print_overtakings(c);
  }
  printf("\nmedians of runs in turn; results were checked before the timed runs; energy is not measured\n");
  char disturbed[STEADY_TEXT];
  if (comparison_disturbed(c, disturbed)) print_disturbed(disturbed);
  print_missing(c);
}
