/* Draws a picture: for each phase, the words of each place that is touched. A row of global memory is a cache line; a
 * row of local memory has one word of each bank, so that a column is a bank. A word has the colours of the work-items
 * that touch it. Everything is laid out twice, the first time to measure it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/access/report.h"
#include "cli/access/shapes.h"
#include "cli/access/words.h"
#include "recorder/count.h"

enum { LABEL = 34, GAP = 26, MARGIN = 20, WIDTH_MOST = 1240, PHASES_MOST = 16, RUN_MOST = 2 };
#define LETTER 6.6 /* of 12 pixels, on average */

typedef struct drawing {
  FILE *to; /* NULL: only measure */
  double width, height;
  const launch *launch;
  const launch *group; /* the tallies of its first work-group */
  words_drawn drawn;
} drawing;

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

static void extend(drawing *d, double x, double y) {
  if (x > d->width) d->width = x;
  if (y > d->height) d->height = y;
}

static void write_text(drawing *d, double x, double y, const char *class_name, const char *text) {
  if (d->to != NULL) svg_text(d->to, x, y, class_name, text);
  if (strcmp(class_name, "end") != 0) extend(d, x + LETTER * (double)strlen(text), y);
}

static size_t items_of_group(const launch *l) {
  return l->local[0] * l->local[1] * l->local[2];
}

/* ---- a place ----------------------------------------------------------------------------------------------------- */

static size_t columns_of(const place *p) {
  return p->local ? BANKS : LINE_BYTES / WORD_BYTES;
}

static double width_of(const place *p) {
  return LABEL + (double)columns_of(p) * CELL;
}

static bool row_is_touched(const cell *cells, size_t count, size_t columns, size_t row) {
  for (size_t w = row * columns; w < (row + 1) * columns && w < count; ++w)
    if (cell_is_touched(&cells[w])) return true;
  return false;
}

/* The number of rows from `row` on that no work-item accesses. */
static size_t run_of(const cell *cells, size_t count, size_t columns, size_t row) {
  size_t run = 0;
  while ((row + run) * columns < count && !row_is_touched(cells, count, columns, row + run)) ++run;
  return run;
}

/* Its words, and the height that they take. */
static double draw_words(drawing *d, const place *p, const cell *cells, size_t count, double x, double y) {
  const size_t columns = columns_of(p), rows = (count + columns - 1) / columns;
  const double corner = x + LABEL;
  char text[48];
  size_t lines = 0, *line = malloc((rows + 1) * sizeof *line);
  if (line == NULL) return 0.0;
  for (size_t row = 0; row < rows; ++lines) {
    const double base = y + (double)lines * CELL + CELL;
    size_t run = run_of(cells, count, columns, row);
    if (run > RUN_MOST) {
      snprintf(text, sizeof text, "%zu %s untouched", run, p->local ? "rows" : "lines");
      write_text(d, corner, base - 1.0, "small", text);
      while (run-- > 0) line[row++] = WORDS_HIDDEN;
    } else {
      snprintf(text, sizeof text, "%zu", row);
      write_text(d, corner - 4, base - 2.0, "end", text);
      line[row++] = lines;
    }
  }
  const words drawn = {cells, line, count, columns, items_of_group(d->launch), corner, y};
  if (d->to != NULL) words_draw(d->to, &d->drawn, &drawn);
  free(line);
  return (double)lines * CELL;
}

enum { COUNTS_TEXT = 200 };

static const tally *tally_of(const launch *g, size_t phase, size_t index) {
  return &g->tally[phase * g->places + index];
}

/* Avoidable accesses are red: bank conflicts, and cache lines of which less than half is used. A
 * row of eight floats may use only half of each line, depending on where it begins. */
static bool is_wasteful(const place *p, const tally *t) {
  return p->local ? t->parts > t->least : t->parts > 2 * t->least;
}

/* "q: 64 loads, 8 lines (4 would do)". */
static void write_counts(const place *p, const tally *t, char text[COUNTS_TEXT]) {
  int used = snprintf(text, COUNTS_TEXT, "%s:", p->name);
  if (t->loads > 0) used += snprintf(text + used, COUNTS_TEXT - (size_t)used, " %" PRIu64 " loads,", t->loads);
  if (t->stores > 0) used += snprintf(text + used, COUNTS_TEXT - (size_t)used, " %" PRIu64 " stores,", t->stores);
  used += snprintf(text + used, COUNTS_TEXT - (size_t)used, " %" PRIu64 " %s", t->parts, p->local ? "passes" : "lines");
  if (t->parts > t->least) snprintf(text + used, COUNTS_TEXT - (size_t)used, " (%" PRIu64 " would do)", t->least);
}

/* The width of the words or of the text above them. */
static double width_with_counts(const place *p, const tally *t) {
  char text[COUNTS_TEXT];
  write_counts(p, t, text);
  const double below = width_of(p), above = LETTER * (double)strlen(text);
  return below > above ? below : above;
}

/* Draws an array; returns its height, 0 if it is not accessed. */
static double draw_place(drawing *d, size_t phase, size_t index, double x, double y) {
  const place *p = &d->launch->place[index];
  const tally *t = tally_of(d->group, phase, index);
  char text[COUNTS_TEXT];
  size_t count = 0;
  cell *cells = cells_of(d->launch, phase, index, &count);
  if (cells == NULL) return 0.0;
  write_counts(p, t, text);
  write_text(d, x, y + 12, is_wasteful(p, t) ? "bad" : "plain", text);
  if (d->to != NULL) words_heading(d->to, p->local, x + LABEL, y + 24);
  const double height = 28.0 + draw_words(d, p, cells, count, x, y + 28);
  extend(d, x + width_of(p), y + height);
  free(cells);
  return height;
}

/* ---- phases ------------------------------------------------------------------------------------------------------ */

/* Draws the arrays of a phase side by side, as far as the page is wide. */
static double draw_phase(drawing *d, size_t phase, double y) {
  const launch *g = d->group;
  double x = MARGIN, row_height = 0.0;
  char text[64];
  snprintf(text, sizeof text, phase > 0 ? "phase %zu, after barrier %zu" : "phase %zu", phase, phase);
  write_text(d, x, y + 14, "heading", text);
  y += 22;
  for (size_t i = 0; i < g->places; ++i) {
    if (tally_of(g, phase, i)->steps == 0) continue;
    const double width = width_with_counts(&g->place[i], tally_of(g, phase, i));
    if (x > MARGIN && x + width > WIDTH_MOST) {
      x = MARGIN;
      y += row_height + 10;
      row_height = 0.0;
    }
    const double height = draw_place(d, phase, i, x, y);
    if (height > row_height) row_height = height;
    x += width + GAP;
  }
  return y + row_height + 18;
}

static double draw_phases(drawing *d, double y) {
  const size_t phases = d->group->phases;
  char text[96];
  for (size_t phase = 0; phase < phases && phase < PHASES_MOST; ++phase) y = draw_phase(d, phase, y);
  if (phases <= PHASES_MOST) return y;
  snprintf(text, sizeof text, "left out: the last %zu of %zu phases", phases - PHASES_MOST, phases);
  write_text(d, MARGIN, y + 14, "heading", text);
  return y + 24;
}

/* ---- title and legend -------------------------------------------------------------------------------------------- */

static double draw_title(drawing *d, const subject *s) {
  const launch *l = d->launch;
  const clattn_problem *p = &s->problem;
  const tally global = launch_total(d->group, false), local = launch_total(d->group, true);
  char text[400];
  snprintf(text, sizeof text, "%s=%s", clattn_stage_name(s->stage), s->choice);
  write_text(d, MARGIN, 26, "heading", text);
  snprintf(text, sizeof text, "%s, kernel %s; %zu queries, %zu keys, %zu head%s of %zu%s", l->file, l->function,
           p->query_len, p->key_len, p->heads, p->heads > 1 ? "s" : "", p->head_dim, p->causal ? ", causal" : "");
  write_text(d, MARGIN, 44, "plain", text);
  snprintf(text, sizeof text,
           "the first of %zu x %zu x %zu work-groups, %zu x %zu x %zu work-items: global memory %" PRIu64
           " loads, %" PRIu64 " stores; local %" PRIu64 " loads, %" PRIu64 " stores",
           l->groups[0], l->groups[1], l->groups[2], l->local[0], l->local[1], l->local[2], global.loads, global.stores,
           local.loads, local.stores);
  write_text(d, MARGIN, 60, "plain", text);
  return 72;
}

static double draw_legend(drawing *d, double y) {
  enum { STEPS = 32 };
  const size_t last = items_of_group(d->launch) - 1;
  char text[96], colour[8];
  for (size_t i = 0; i < STEPS && d->to != NULL; ++i) {
    words_colour(i * last / (STEPS - 1), last + 1, colour);
    svg_rectangle(d->to, MARGIN + (double)i * 4, y, 4, CELL, colour);
  }
  snprintf(text, sizeof text, last > 0 ? "work-item 0 ... %zu" : "work-item %zu", last);
  write_text(d, MARGIN + 4.0 * STEPS + 8, y + 9, "plain", text);
  if (d->to != NULL) svg_dot(d->to, MARGIN + 285, y + 5, 2.2);
  write_text(d, MARGIN + 295, y + 9, "plain", "stored");
  write_text(d, MARGIN + 350, y + 9, "plain",
             "stripes: several work-items; a row is a cache line, or one word of each bank");
  return y + 26;
}

static void draw(drawing *d, const subject *s) {
  extend(d, MARGIN, draw_phases(d, draw_legend(d, draw_title(d, s))));
}

/* Makes the tallies of the first work-group. */
static bool count_first(const launch *l, launch *group) {
  *group = *l;
  group->tally = NULL;
  group->phases = 0;
  size_t phases = 1;
  for (size_t i = 0; i < l->first_count; ++i)
    if (l->first[i].phase >= phases) phases = l->first[i].phase + 1;
  return count_group(group, l->first, l->first_count, phases);
}

void report_picture(const subject *s, FILE *to) {
  launch group;
  if (s->count == 0) return;
  if (count_first(&s->launches[0], &group)) {
    drawing d = {.launch = &s->launches[0], .group = &group};
    char title[300];
    draw(&d, s);
    snprintf(title, sizeof title, "%s=%s: memory access", clattn_stage_name(s->stage), s->choice);
    svg_begin(to, d.width + MARGIN, d.height + MARGIN, title, words_style);
    words_definitions(to);
    d.to = to;
    draw(&d, s);
    svg_end(to);
    words_forget(&d.drawn);
  }
  free(group.tally);
}
