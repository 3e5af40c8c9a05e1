/* The comparison as CSV: lines of times, then for a sweep lines of who is ahead of whom. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/compare/comparison.h"
#include "base/file_system.h"

/* As in RFC 4180: in quotation marks, and quotation marks inside doubled. */
static void print_quoted(FILE *to, const char *text) {
  fputc('"', to);
  for (; *text != '\0'; ++text) {
    if (*text == '"') fputc('"', to);
    fputc(*text, to);
  }
  fputs("\",", to);
}

/* Empty if it is not known. */
static void print_number(FILE *to, double value) {
  if (value > 0.0) fprintf(to, "%.6g", value);
  fputc(',', to);
}

static void print_time(FILE *to, const comparison *c, size_t n, size_t i, const char *disturbed) {
  const result *r = comparison_result(c, n, i);
  const bool timed = r->state == RESULT_TIMED;
  fputs("time,", to);
  print_quoted(to, c->contestant[i].name);
  fprintf(to, ",,%zu,%s,", c->length[n], result_state_name(r->state));
  const double numbers[] = {r->median.upload,
                            r->median.compute,
                            r->median.download,
                            r->total,
                            comparison_ratio(c, n, 0, i),
                            comparison_ratio(c, n, i, comparison_fastest(c, n)),
                            r->spread,
                            (double)r->runs,
                            timed ? c->flops[n] / r->total * 1e-9 : 0.0};
  for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; ++k) print_number(to, timed ? numbers[k] : 0.0);
  print_quoted(to, timed ? "" : result_trouble(r));
  print_quoted(to, disturbed);
  fputs("\n", to);
}

static void print_crossing(FILE *to, const comparison *c, const overtaking *o, const char *of, const crossing *x) {
  const bool crossed = x->kind == CROSSING_FROM || x->kind == CROSSING_UNTIL;
  fputs("ahead,", to);
  print_quoted(to, c->contestant[o->one].name);
  print_quoted(to, c->contestant[o->other].name);
  fprintf(to, "%s,", of);
  print_number(to, crossed ? x->length : 0.0);
  fprintf(to, "%s,,,,", crossing_kind_name(x->kind));
  print_number(to, crossed ? x->seconds : 0.0);
  fputs(",,,,,\"\",\"\",\n", to);
}

/* False without memory. */
static bool print_overtakings(FILE *to, const comparison *c) {
  size_t count;
  overtaking *all = comparison_overtakings(c, &count);
  if (all == NULL) return false;
  for (size_t i = 0; i < count; ++i) {
    print_crossing(to, c, &all[i], "total", &all[i].total);
    print_crossing(to, c, &all[i], "compute", &all[i].compute);
  }
  free(all);
  return true;
}

bool comparison_csv(const comparison *c, const char *path) {
  clattn_part_file part;
  char disturbed[STEADY_TEXT];
  comparison_disturbed(c, disturbed);
  bool good = clattn_part_open(&part, path);
  if (good) {
    fputs("line,who,of_whom,by,tokens,state,upload_seconds,compute_seconds,download_seconds,total_seconds,"
          "times_faster_than_scalar,times_the_fastest,spread,runs,gflops,reason,disturbed,\n",
          part.file);
    for (size_t n = 0; n < c->lengths; ++n)
      for (size_t i = 0; i < c->contestants; ++i) print_time(part.file, c, n, i, disturbed);
    if (c->lengths > 1) good = print_overtakings(part.file, c);
    good = clattn_part_place(&part, good && !ferror(part.file));
  }
  if (!good) complain("--csv %s: cannot be written: %s", path, strerror(errno));
  return good;
}
