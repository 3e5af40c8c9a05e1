/* Draws the ladder as bars, and as points under the roofs that the probes measured. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/gnuplot.h"
#include "cli/ladder/labels.h"
#include "cli/ladder/ladder.h"

/* One look per stage, in the order of the page. The colours are Okabe and Ito's, which need no
 * telling of red from green; the shapes differ too. */
static const struct {
  const char *colour;
  int point;
} looks[] = {{"#0072b2", 5}, {"#e69f00", 7}, {"#009e73", 9}, {"#cc79a7", 11}, {"#d55e00", 13}};
enum { LOOKS = sizeof looks / sizeof looks[0] };

/* ---- parts of both charts
 * ---------------------------------------------------------------------------------------------- */

static double gflops(const stage_ladder *s, const rung *r) {
  return rung_flops(s, r) * 1e-9;
}

/* NaN without a prediction: gnuplot leaves it out. */
static double predicted_gflops(const stage_ladder *s, const rung *r) {
  return r->predicted.seconds > 0.0 ? s->flops / r->predicted.seconds * 1e-9 : NAN;
}

typedef struct range {
  double least, most;
} range;

static void widen(range *r, double value) {
  if (!(value > 0.0)) return;
  r->least = r->least > 0.0 ? fmin(r->least, value) : value;
  r->most = fmax(r->most, value);
}

/* The range of all heights in a chart, with the roof. */
static range heights(const ladder *l) {
  range r = {0.0, 0.0};
  widen(&r, l->peaks.multiply_add.best * 1e-9);
  widen(&r, ladder_unit_peak(l).best * 1e-9);
  for (size_t i = 0; i < l->stages; ++i)
    for (size_t k = 0; k < l->stage[i].count; ++k) {
      widen(&r, gflops(&l->stage[i], &l->stage[i].rung[k]));
      widen(&r, predicted_gflops(&l->stage[i], &l->stage[i].rung[k]));
    }
  return r;
}

static void print_title(FILE *to, const ladder *l, const char *what) {
  const clattn_problem *p = &l->stage[0].problem;
  char title[512];
  snprintf(title, sizeof title, "%s: %s, %zu tokens, %zu heads of %zu%s", what, l->device->name, p->query_len, p->heads,
           p->head_dim, p->causal ? ", causal" : "");
  fputs("set title ", to);
  gnuplot_text(to, title);
  fputs("\nset logscale y\nset ylabel 'GFLOP/s of the formula'\n", to);
}

/* ---- the ladder -------------------------------------------------------------------------------------------------- */

/* Rungs side by side, with a gap between stages. The number of a bar is at its foot, where there
 * is no other mark. */
static void print_bars(FILE *to, const ladder *l) {
  size_t place = 0;
  fputs("$rungs << EOD\n", to);
  for (size_t i = 0; i < l->stages; ++i, ++place)
    for (size_t k = 0; k < l->stage[i].count; ++k, ++place) {
      const stage_ladder *s = &l->stage[i];
      const double height = gflops(s, &s->rung[k]);
      fprintf(to, "%zu %g %g %ld\n", place, height > 0.0 ? height : NAN, predicted_gflops(s, &s->rung[k]),
              strtol(looks[i % LOOKS].colour + 1, NULL, 16));
    }
  fputs("EOD\n", to);
}

static void print_names(FILE *to, const ladder *l) {
  size_t place = 0;
  fputs("set xtics rotate by -45 nomirror (", to);
  for (size_t i = 0; i < l->stages; ++i, ++place)
    for (size_t k = 0; k < l->stage[i].count; ++k, ++place) {
      const rung *r = &l->stage[i].rung[k];
      char name[64];
      snprintf(name, sizeof name, "%d %s%s%s", r->kernel.rung, r->kernel.name, r->state == RUNG_TIMED ? "" : ": ",
               r->state == RUNG_TIMED ? "" : rung_state_name(r->state));
      fputs(place > 0 ? ", " : "", to);
      gnuplot_text(to, name);
      fprintf(to, " %zu", place);
    }
  fprintf(to, ")\nset xrange [-1:%zu]\n", place - 1);
}

/* The name of each stage above its bars. */
static void print_stages(FILE *to, const ladder *l) {
  size_t place = 0;
  for (size_t i = 0; i < l->stages; place += l->stage[i++].count + 1) {
    fputs("set label ", to);
    gnuplot_text(to, clattn_stage_name(l->stage[i].stage));
    fprintf(to, " at first %g, graph 0.95 center textcolor rgb '%s'\n",
            (double)place + ((double)l->stage[i].count - 1.0) / 2.0, looks[i % LOOKS].colour);
  }
}

/* A further line of the chart if the device has a matrix unit. */
static void print_unit_peak(FILE *to, const ladder *l) {
  if (ladder_unit_peak(l).best > 0.0)
    fprintf(to, ", %g with lines dashtype 4 linewidth 2 linecolor rgb '#666666' title 'matrix unit peak'",
            ladder_unit_peak(l).best * 1e-9);
}

static void draw_ladder(FILE *to, const ladder *l) {
  const range y = heights(l);
  print_title(to, l, "Rungs");
  print_bars(to, l);
  print_names(to, l);
  print_stages(to, l);
  fprintf(to,
          "set yrange [%g:%g]\nset boxwidth 0.8\nset style fill solid 1.0 noborder\nset key below\n"
          "set grid noxtics ytics\nset style textbox opaque fillcolor rgb '#ffffff' noborder\n"
          "plot $rungs using 1:2:4 with boxes linecolor rgb variable title 'measured', "
          "$rungs using 1:(%g):(sprintf($2 < 10 ? '%%.2g' : '%%.0f', $2)) with labels boxed offset char 0,0.7 "
          "font ',11' notitle, "
          "$rungs using 1:3 with points pointtype 12 pointsize 1.2 linewidth 2 linecolor rgb '#000000' "
          "title 'predicted', "
          "%g with lines dashtype 2 linewidth 2 linecolor rgb '#666666' title 'multiply-add peak'",
          y.least / 3.0, y.most * 4.0, y.least / 3.0, l->peaks.multiply_add.best * 1e-9);
  print_unit_peak(to, l);
  fputc('\n', to);
}

/* ---- the roofline ------------------------------------------------------------------------------------------------ */

static range intensities(const ladder *l) {
  range r = {0.0, 0.0};
  if (l->peaks.read.best > 0.0) widen(&r, l->peaks.multiply_add.best / l->peaks.read.best);
  for (size_t i = 0; i < l->stages; ++i)
    for (size_t k = 0; k < l->stage[i].count; ++k) widen(&r, rung_intensity(&l->stage[i], &l->stage[i].rung[k]));
  return r;
}

static void print_points(FILE *to, const ladder *l) {
  for (size_t i = 0; i < l->stages; ++i) {
    const stage_ladder *s = &l->stage[i];
    fprintf(to, "$stage%zu << EOD\n", i);
    for (size_t k = 0; k < s->count; ++k) {
      const double x = rung_intensity(s, &s->rung[k]), y = gflops(s, &s->rung[k]);
      fprintf(to, "%g %g\n", x > 0.0 ? x : NAN, y > 0.0 ? y : NAN);
    }
    fputs("EOD\n", to);
  }
}

/* Pixels: about the size of gnuplot's chart without legend and axes, and of a label's character. */
enum { FRAME_WIDTH = 900, FRAME_HEIGHT = 525, MOST_LABELS = 64 };
#define CHARACTER 7.0

static double place_in(range r, double value, double size) {
  return log(value / r.least) / log(r.most / r.least) * size;
}

/* With several stages a point shows only its rung's number, in the colour that the legend gives
 * the stage. */
static void print_labels(FILE *to, const ladder *l, range x, range y) {
  label all[MOST_LABELS];
  char name[MOST_LABELS][48];
  double at[MOST_LABELS][2];
  const char *colour[MOST_LABELS];
  size_t count = 0;
  for (size_t i = 0; i < l->stages; ++i)
    for (size_t k = 0; k < l->stage[i].count && count < MOST_LABELS; ++k) {
      const rung *r = &l->stage[i].rung[k];
      at[count][0] = rung_intensity(&l->stage[i], r);
      at[count][1] = gflops(&l->stage[i], r);
      if (!(at[count][0] > 0.0) || !(at[count][1] > 0.0)) continue;
      snprintf(name[count], sizeof name[count], "%d%s%s", r->kernel.rung, l->stages == 1 ? " " : "",
               l->stages == 1 ? r->kernel.name : "");
      all[count] = (label){.x = place_in(x, at[count][0], FRAME_WIDTH),
                           .y = place_in(y, at[count][1], FRAME_HEIGHT),
                           .width = CHARACTER * (double)strlen(name[count])};
      colour[count++] = looks[i % LOOKS].colour;
    }
  labels_place(all, count);
  for (size_t i = 0; i < count; ++i) {
    fputs("set label ", to);
    gnuplot_text(to, name[i]);
    fprintf(to, " at first %g, first %g center offset graph %.4f,%.4f font ',12' textcolor rgb '%s' front\n", at[i][0],
            at[i][1], all[i].dx / FRAME_WIDTH, all[i].dy / FRAME_HEIGHT, colour[i]);
  }
}

static void draw_roofline(FILE *to, const ladder *l) {
  range y = heights(l), x = intensities(l);
  x = (range){x.least / 2.0, x.most * 4.0};
  y = (range){y.least / 3.0, y.most * 3.0};
  const double peak = l->peaks.multiply_add.best * 1e-9;
  print_title(to, l, "Roofline");
  print_points(to, l);
  print_labels(to, l, x, y);
  fprintf(to,
          "set logscale x\nset xlabel 'operations of the formula per byte that the kernel requests (flop/B)'\n"
          "set xrange [%g:%g]\nset yrange [%g:%g]\nset samples 500\nset key outside right top\n"
          "roof(rate, x) = x * rate < %g ? x * rate : %g\n"
          "plot roof(%g, x) with lines linewidth 2 linecolor rgb '#444444' title 'reading', "
          "roof(%g, x) with lines dashtype 3 linewidth 2 linecolor rgb '#444444' title 'strided'",
          x.least, x.most, y.least, y.most, peak, peak, l->peaks.read.best * 1e-9, l->peaks.strided.best * 1e-9);
  for (size_t i = 0; i < l->stages; ++i) {
    fprintf(to, ", $stage%zu using 1:2 with points pointtype %d pointsize 1.3 linecolor rgb '%s' title ", i,
            looks[i % LOOKS].point, looks[i % LOOKS].colour);
    gnuplot_text(to, clattn_stage_name(l->stage[i].stage));
  }
  print_unit_peak(to, l);
  fputc('\n', to);
}

bool ladder_plot(const ladder *l, const char *folder) {
  static const struct {
    const char *name;
    void (*draw)(FILE *to, const ladder *l);
  } charts[] = {{"ladder.svg", draw_ladder}, {"roofline.svg", draw_roofline}};
  for (size_t i = 0; i < sizeof charts / sizeof charts[0]; ++i) {
    gnuplot g = {.script = NULL};
    if (!gnuplot_begin(&g, GNUPLOT_SVG, folder, charts[i].name)) return false;
    charts[i].draw(g.script, l);
    if (!gnuplot_end(&g)) return false;
  }
  return true;
}
