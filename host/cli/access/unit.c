/* Draws a matrix unit: the matrices of a product, each element with the lane that holds it and its number there. The
 * lanes share the colours out, and those of one lane are dark. */
#include "cli/access/unit.h"

#include <stdbool.h>
#include <string.h>

#include "cli/access/shapes.h"
#include "cli/access/words.h"

#include "../../../kernels/common/matrix_units.h"

enum { SIDE_MOST = 16, COPIES_MOST = 2, SUMS_MOST = 2, MARGIN = 20, LABEL = 22, GAP = 24, LINE = 16, HEAD = 34 };
enum { CELL_WIDTH = 33, CELL_HEIGHT = 17 };
#define LETTER 6.6 /* of 12 pixels, on average */

#define NAME(unit) [unit] = #unit
static const char *const names[MATRIX_UNITS] = {NAME(MATRIX_MMA_8),   NAME(MATRIX_MMA_16),  NAME(MATRIX_DPAS_8),
                                                NAME(MATRIX_DPAS_16), NAME(MATRIX_WMMA_11), NAME(MATRIX_WMMA_12),
                                                NAME(MATRIX_MFMA)};

/* Who holds an element. */
typedef enum mark {
  ANOTHER, /* another lane */
  OWN,     /* the lane that stands out */
  FETCHED  /* a lane that it exchanges elements with */
} mark;

typedef struct element {
  int lane[COPIES_MOST], lanes;
  int index; /* which of the lane's elements it is */
  mark mark;
} element;

typedef struct grid {
  int rows, columns;
  int first_column; /* the number of its first column */
  element at[SIDE_MOST][SIDE_MOST];
} grid;

typedef int place_function(int unit, int lane, int i);

/* ---- who holds what ---------------------------------------------------------------------------------------------- */

/* Enters `each` elements of every lane; the first of a lane gets the number `first`. */
static void fill(grid *g, int unit, int each, int first, place_function *row_of, place_function *column_of) {
  for (int lane = 0; lane < MATRIX_LANES(unit); ++lane)
    for (int i = 0; i < each; ++i) {
      element *e = &g->at[row_of(unit, lane, i)][column_of(unit, lane, i)];
      e->lane[e->lanes++] = lane;
      e->index = first + i;
    }
}

static bool is_held(const element *e, int64_t lane) {
  for (int i = 0; i < e->lanes; ++i)
    if (e->lane[i] == lane) return true;
  return false;
}

static void mark_own(grid *g, int64_t lane) {
  for (int row = 0; row < g->rows; ++row)
    for (int column = 0; column < g->columns; ++column)
      if (is_held(&g->at[row][column], lane)) g->at[row][column].mark = OWN;
}

/* Marks the elements of left that the lane gets from another one, and what the other one has of the sums. Returns the
 * other lane; -1: the lane needs none. */
static int mark_fetched(grid *left, grid *sums, int unit, int64_t lane) {
  int other = -1;
  for (int row = 0; row < left->rows; ++row)
    for (int depth = 0; depth < left->columns; ++depth) {
      element *to = &left->at[row][depth];
      element *from = &sums[depth / MATRIX_COLUMNS(unit)].at[row][depth % MATRIX_COLUMNS(unit)];
      if (!is_held(to, lane) || is_held(from, lane)) continue;
      to->mark = from->mark = FETCHED;
      other = from->lane[0];
    }
  return other;
}

/* ---- a grid ------------------------------------------------------------------------------------------------------ */

static double width_of(const grid *g) {
  return LABEL + (double)g->columns * CELL_WIDTH;
}

static double height_of(const grid *g) {
  return HEAD + (double)g->rows * CELL_HEIGHT;
}

/* The cells that look like this one, from it on, as the path of a dashed line; empties `left`. */
static void draw_alike(FILE *to, const grid *g, bool left[SIDE_MOST][SIDE_MOST], int row, int column, int lanes) {
  static const char *const class_of[] = {[OWN] = "own", [FETCHED] = "fetched"};
  const element *e = &g->at[row][column];
  char colour[8];
  words_colour((size_t)e->lane[0], (size_t)lanes, colour);
  if (e->mark == ANOTHER)
    fprintf(to, "<path stroke=\"%s\" d=\"", colour);
  else
    fprintf(to, "<path class=\"%s\" d=\"", class_of[e->mark]);
  for (int r = row; r < g->rows; ++r)
    for (int c = 0; c < g->columns; ++c) {
      const element *other = &g->at[r][c];
      if (!left[r][c] || other->mark != e->mark || (e->mark == ANOTHER && other->lane[0] != e->lane[0])) continue;
      fprintf(to, "M%d %d.5h1", c, r);
      left[r][c] = false;
    }
  fputs("\"/>\n", to);
}

static void draw_cells(FILE *to, const grid *g, int unit, double x, double y) {
  bool left[SIDE_MOST][SIDE_MOST];
  memset(left, true, sizeof left);
  fprintf(to, "<g class=\"cells\" transform=\"translate(%.6g %.6g) scale(%d %d)\">\n", x, y, CELL_WIDTH, CELL_HEIGHT);
  for (int row = 0; row < g->rows; ++row)
    for (int column = 0; column < g->columns; ++column)
      if (left[row][column]) draw_alike(to, g, left, row, column, MATRIX_LANES(unit));
  fputs("</g>\n", to);
}

/* "12:3". Of two lanes the first. */
static void draw_labels(FILE *to, const grid *g, double x, double y) {
  char text[16];
  for (int row = 0; row < g->rows; ++row) {
    const double base = y + row * CELL_HEIGHT + 12;
    snprintf(text, sizeof text, "%d", row);
    svg_text(to, x - 5, base, "end", text);
    fprintf(to, "<text class=\"cell\" y=\"%.6g\">", base);
    for (int column = 0; column < g->columns; ++column) {
      const element *e = &g->at[row][column];
      fprintf(to, "<tspan%s x=\"%.6g\">%d:%d</tspan>", e->mark != ANOTHER ? " class=\"on\"" : "",
              x + (column + 0.5) * CELL_WIDTH, e->lane[0], e->index);
    }
    fputs("</text>\n", to);
  }
}

static void draw_grid(FILE *to, const grid *g, int unit, double x, double y, const char *heading) {
  const double corner = x + LABEL, top = y + HEAD;
  char text[16];
  svg_text(to, corner, y + 14, "plain", heading);
  for (int column = 0; column < g->columns; ++column) {
    snprintf(text, sizeof text, "%d", g->first_column + column);
    svg_text(to, corner + (column + 0.4) * CELL_WIDTH, top - 5, "small", text);
  }
  draw_cells(to, g, unit, corner, top);
  draw_labels(to, g, corner, top);
}

/* ---- the two pictures -------------------------------------------------------------------------------------------- */

static void write_style(FILE *to) {
  fputs(".cells { fill: none; stroke-width: .92; stroke-dasharray: .95 .05; stroke-opacity: .4; }\n"
        ".own { stroke: #222; stroke-opacity: 1; }\n"
        ".fetched { stroke: #b00020; stroke-opacity: 1; }\n"
        ".cell { font-size: 10px; text-anchor: middle; }\n"
        ".on { fill: #fff; }\n",
        to);
}

enum { LINES_MOST = 3, LINE_TEXT = 120 };

/* Begins the picture, which is at least `width` wide, with a heading and lines of text; returns where they end. */
static double begin(FILE *to, double width, double height, const char *heading, char lines[LINES_MOST][LINE_TEXT]) {
  double y = 26, widest = width;
  for (int i = 0; i < LINES_MOST; ++i)
    if (LETTER * (double)strlen(lines[i]) > widest) widest = LETTER * (double)strlen(lines[i]);
  svg_begin(to, widest + 2 * MARGIN, height + 26 + LINES_MOST * LINE + 2 * MARGIN, heading, write_style);
  svg_text(to, MARGIN, y, "heading", heading);
  for (int i = 0; i < LINES_MOST; ++i) svg_text(to, MARGIN, y += LINE, "plain", lines[i]);
  return y + MARGIN;
}

static void explain_labels(const unit_view *v, char line[LINE_TEXT]) {
  const int unit = (int)v->unit, lane = (int)v->lane;
  const int used = snprintf(line, LINE_TEXT, "%d lanes. %d:1 is element 1 of lane %d", MATRIX_LANES(unit), lane, lane);
  const int held = MATRIX_LANES(unit) / MATRIX_COPIES(unit);
  if (MATRIX_COPIES(unit) > 1)
    snprintf(line + used, LINE_TEXT - (size_t)used, "; of left and right, lanes %d to %d hold the same as 0 to %d",
             held, MATRIX_LANES(unit) - 1, held - 1);
}

static void draw_product(const unit_view *v, FILE *to) {
  const int unit = (int)v->unit, depth = MATRIX_DEPTH(unit);
  grid left = {.rows = MATRIX_ROWS(unit), .columns = depth};
  grid right = {.rows = depth, .columns = MATRIX_COLUMNS(unit)};
  grid sum = {.rows = MATRIX_ROWS(unit), .columns = MATRIX_COLUMNS(unit)};
  char heading[LINE_TEXT], lines[LINES_MOST][LINE_TEXT];
  fill(&left, unit, MATRIX_LEFT(unit), 0, left_row, left_depth);
  fill(&right, unit, MATRIX_RIGHT(unit), 0, right_depth, right_row); /* transposed */
  fill(&sum, unit, MATRIX_SUM(unit), 0, sum_row, sum_column);
  mark_own(&left, v->lane);
  mark_own(&right, v->lane);
  mark_own(&sum, v->lane);
  snprintf(heading, sizeof heading, "%s: which lane holds which element", names[unit]);
  explain_labels(v, lines[0]);
  snprintf(lines[1], LINE_TEXT, "Dark: lane %d, with %d elements of left, %d of right, %d of sum", (int)v->lane,
           MATRIX_LEFT(unit), MATRIX_RIGHT(unit), MATRIX_SUM(unit));
  snprintf(lines[2], LINE_TEXT, "A row of left and a column of right transposed give the sum where they meet");
  const double below = height_of(&right) + GAP, beside = width_of(&left) + GAP;
  const double y = begin(to, beside + width_of(&sum), below + height_of(&left), heading, lines);
  draw_grid(to, &right, unit, MARGIN + beside, y, "right, transposed: depth x columns");
  draw_grid(to, &left, unit, MARGIN, y + below, "left: rows x depth");
  draw_grid(to, &sum, unit, MARGIN + beside, y + below, "sum: rows x columns");
  svg_end(to);
}

/* Neighbouring sums, as many as make a left, and the left that they make. */
typedef struct handover {
  int count;
  grid sums[SUMS_MOST], left;
  int other; /* the lane with which the one that stands out exchanges elements; -1: none */
} handover;

static void find_handover(const unit_view *v, handover *h) {
  const int unit = (int)v->unit, columns = MATRIX_COLUMNS(unit);
  *h = (handover){.count = MATRIX_DEPTH(unit) / columns,
                  .left = {.rows = MATRIX_ROWS(unit), .columns = MATRIX_DEPTH(unit)}};
  fill(&h->left, unit, MATRIX_LEFT(unit), 0, left_row, left_depth);
  mark_own(&h->left, v->lane);
  for (int s = 0; s < h->count; ++s) {
    h->sums[s] = (grid){.rows = MATRIX_ROWS(unit), .columns = columns, .first_column = s * columns};
    fill(&h->sums[s], unit, MATRIX_SUM(unit), s * MATRIX_SUM(unit), sum_row, sum_column);
    mark_own(&h->sums[s], v->lane);
  }
  h->other = mark_fetched(&h->left, h->sums, unit, v->lane);
}

static void explain_handover(const unit_view *v, const handover *h, char lines[LINES_MOST][LINE_TEXT]) {
  const char *sums = h->count > 1 ? "sums" : "sum";
  explain_labels(v, lines[0]);
  if (h->other >= 0) {
    snprintf(lines[1], LINE_TEXT, "Dark: lane %d holds it in the %s. Red: lane %d does", (int)v->lane, sums, h->other);
    snprintf(lines[2], LINE_TEXT, "Both hold all of it in left: each sends the other what the other lacks");
  } else {
    snprintf(lines[1], LINE_TEXT, "Dark: lane %d. What it holds of the %s is what it holds of left,", (int)v->lane,
             sums);
    snprintf(lines[2], LINE_TEXT, "in the same order: no element leaves its lane");
  }
}

static void draw_handed(const unit_view *v, FILE *to) {
  const int unit = (int)v->unit;
  handover h;
  char heading[LINE_TEXT], lines[LINES_MOST][LINE_TEXT];
  find_handover(v, &h);
  explain_handover(v, &h, lines);
  snprintf(heading, sizeof heading, "%s: sums become the next product's left", names[unit]);
  const double sum_width = width_of(&h.sums[0]) + GAP, sums_width = h.count * sum_width;
  const double y = begin(to, sums_width + GAP + width_of(&h.left), height_of(&h.left), heading, lines);
  for (int s = 0; s < h.count; ++s) {
    char text[16];
    snprintf(text, sizeof text, "sum %d", s);
    draw_grid(to, &h.sums[s], unit, MARGIN + s * sum_width, y, text);
  }
  svg_text(to, MARGIN + sums_width - GAP / 2.0, y + height_of(&h.left) / 2.0, "heading", "→");
  draw_grid(to, &h.left, unit, MARGIN + sums_width + GAP, y, "left of the next product: rows x depth");
  svg_end(to);
}

void unit_picture(const unit_view *view, FILE *to) {
  if (view->handed)
    draw_handed(view, to);
  else
    draw_product(view, to);
}
