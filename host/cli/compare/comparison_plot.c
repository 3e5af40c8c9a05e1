/* Draws time against length on logarithmic axes: a line per contestant, and a mark where two
 * lines cross. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_system.h"
#include "cli/compare/comparison.h"
#include "cli/report/gnuplot.h"

/* Okabe and Ito's colours, which need no telling of red from green; the points differ too. */
static const struct {
  const char *colour;
  int point;
} looks[] = {{"#000000", 4}, {"#e69f00", 6}, {"#009e73", 8}, {"#0072b2", 5},
             {"#d55e00", 7}, {"#cc79a7", 9}, {"#56b4e9", 11}};
enum { LOOKS = sizeof looks / sizeof looks[0] };

static void print_title(FILE *to, const comparison *c) {
  const clattn_problem *p = &c->problem;
  char title[256];
  snprintf(title, sizeof title, "Attention from X: model_dim %zu, %zu heads of %zu%s%s", p->model_dim, p->heads,
           p->head_dim, p->causal ? ", causal" : "", p->batch > 1 ? ", several sequences" : "");
  fputs("set title ", to);
  gnuplot_text(to, title);
  fprintf(to,
          "\nset logscale x 2\nset logscale y\nset format y '%%.0s %%cs'\nset xlabel 'tokens'\nset ylabel 'time'\n"
          "set xrange [%g:%g]\nset key below left Left reverse vertical maxrows 3\n",
          (double)c->length[0] / 1.2, (double)c->length[c->lengths - 1] * 1.2);
}

/* Columns: length, total, computing time. */
static void print_lines(FILE *to, const comparison *c) {
  for (size_t i = 0; i < c->contestants; ++i) {
    fprintf(to, "$who%zu << EOD\n", i);
    for (size_t n = 0; n < c->lengths; ++n) {
      const result *r = comparison_result(c, n, i);
      if (r->state == RESULT_TIMED) fprintf(to, "%zu %g %g\n", c->length[n], r->total, r->median.compute);
    }
    fputs("EOD\n", to);
  }
}

/* The points where two totals cross. False without memory. */
static bool print_crossings(FILE *to, const comparison *c) {
  size_t count;
  crossing *all = comparison_crossings(c, &count);
  if (all == NULL) return false;
  fputs("$crossings << EOD\n", to);
  for (size_t i = 0; i < count; ++i) fprintf(to, "%g %g %.3g\n", all[i].length, all[i].seconds, all[i].length);
  fputs("EOD\n", to);
  free(all);
  return true;
}

static bool has_times(const comparison *c, size_t i) {
  for (size_t n = 0; n < c->lengths; ++n)
    if (comparison_result(c, n, i)->state == RESULT_TIMED) return true;
  return false;
}

static void print_plots(FILE *to, const comparison *c) {
  fputs("plot ", to);
  for (size_t i = 0; i < c->contestants; ++i) {
    if (!has_times(c, i)) continue;
    fprintf(to, "$who%zu using 1:2 with linespoints linewidth 2 pointsize 0.9 pointtype %d linecolor rgb '%s' title ",
            i, looks[i % LOOKS].point, looks[i % LOOKS].colour);
    gnuplot_text(to, c->contestant[i].name);
    fputs(", ", to);
    if (c->contestant[i].kind == &contestant_device)
      fprintf(to, "$who%zu using 1:3 with lines dashtype 3 linewidth 2 linecolor rgb '%s' title 'computing only', ", i,
              looks[i % LOOKS].colour);
  }
  fputs("$crossings using 1:2 with points pointtype 6 pointsize 2 linewidth 2 linecolor rgb '#cc0000' title "
        "'crossing', "
        "$crossings using 1:2:3 with labels left offset char 1,-0.7 textcolor rgb '#cc0000' notitle\n",
        to);
}

/* Divides a path into folder and name. */
static void divide(const char *path, char *folder, size_t size, const char **name) {
  const char *slash = clattn_last_slash(path);
  *name = slash != NULL ? slash + 1 : path;
  snprintf(folder, size, "%.*s",
           slash == NULL   ? 1
           : slash == path ? 1
                           : (int)(slash - path),
           slash == NULL ? "." : path);
}

bool comparison_plot(const comparison *c, const char *path) {
  char folder[4096];
  const char *name;
  gnuplot g = {.script = NULL};
  divide(path, folder, sizeof folder, &name);
  if (!gnuplot_begin(&g, GNUPLOT_SVG, folder, name)) return false;
  print_title(g.script, c);
  print_lines(g.script, c);
  const bool whole = print_crossings(g.script, c);
  if (whole) print_plots(g.script, c);
  return gnuplot_end(&g) && whole;
}
