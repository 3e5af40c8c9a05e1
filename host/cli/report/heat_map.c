/* The layout of a heat map, and the files: see heat_map.h. */
#include "cli/report/heat_map.h"

#include <string.h>

#include "cli/command.h"
#include "cli/files/whole_file.h"
#include "cli/report/canvas.h"
#include "cli/report/gnuplot.h"
#include "explain/out.h"

enum { CELL_WIDTH = 84, CELL_HEIGHT = 48, MARGIN = 24, LETTER = 9, TITLE = 40, NAMES = 28, CAPTION = 34 };
enum { INK = 0x1a1a1a, QUIET = 0x8a8a8a, PAPER = 0xffffff };

/* ---- the layout -------------------------------------------------------------------------------------------------- */

/* From white through blue to a dark blue that prints well. */
static unsigned colour_of(double share) {
  static const double stop[3][3] = {{247.0, 251.0, 255.0}, {66.0, 146.0, 198.0}, {8.0, 48.0, 107.0}};
  const size_t half = share < 0.5 ? 0 : 1;
  const double part = 2.0 * share - (double)half;
  unsigned colour = 0;
  for (int i = 0; i < 3; ++i)
    colour = colour << 8 | (unsigned)(stop[half][i] + (stop[half + 1][i] - stop[half][i]) * part + 0.5);
  return colour;
}

static void draw_cell(FILE *to, const canvas *c, double x, double y, double share) {
  char text[16];
  const bool hidden = share == 0.0;
  const text_look look = {ANCHOR_MIDDLE, share > 0.55 ? PAPER : hidden ? QUIET : INK, false};
  c->rectangle(to, x, y, CELL_WIDTH - 2, CELL_HEIGHT - 2, colour_of(share));
  snprintf(text, sizeof text, hidden ? "masked" : share < 0.001 ? "< 0.1 %%" : "%.1f %%", 100.0 * share);
  c->text(to, x + CELL_WIDTH / 2.0 - 1, y + CELL_HEIGHT / 2.0 + 5, &look, text);
}

static double names_width(const heat_map *m) {
  size_t longest = 0;
  for (size_t r = 0; r < m->rows; ++r)
    if (clattn_out_width(m->row[r]) > longest) longest = clattn_out_width(m->row[r]);
  return (double)(longest * LETTER + 12);
}

static double larger(double a, double b) {
  return a > b ? a : b;
}

/* As wide as the map or as the text above and below it. */
static double whole_width(const heat_map *m, double left) {
  const double text = (double)clattn_out_width(m->title) * (LETTER + 2),
               caption = m->caption == NULL ? 0.0 : (double)clattn_out_width(m->caption) * 8.5;
  return larger(left + (double)m->columns * CELL_WIDTH, MARGIN + larger(text, caption)) + MARGIN;
}

static void draw(FILE *to, const canvas *c, const heat_map *m) {
  static const text_look heading = {ANCHOR_START, INK, true}, below = {ANCHOR_START, INK, false},
                         above = {ANCHOR_MIDDLE, INK, false}, beside = {ANCHOR_END, INK, false};
  const double left = MARGIN + names_width(m), top = MARGIN + TITLE + NAMES;
  const double bottom = top + (double)m->rows * CELL_HEIGHT;
  c->begin(to, whole_width(m, left), bottom + MARGIN + (m->caption != NULL ? CAPTION : 0));
  c->text(to, MARGIN, MARGIN + 18, &heading, m->title);
  for (size_t k = 0; k < m->columns; ++k)
    c->text(to, left + ((double)k + 0.5) * CELL_WIDTH, top - 8, &above, m->column[k]);
  for (size_t r = 0; r < m->rows; ++r) {
    const double y = top + (double)r * CELL_HEIGHT;
    c->text(to, left - 10, y + CELL_HEIGHT / 2.0 + 5, &beside, m->row[r]);
    for (size_t k = 0; k < m->columns; ++k) draw_cell(to, c, left + (double)k * CELL_WIDTH, y, m->share[r][k]);
  }
  if (m->caption != NULL) c->text(to, MARGIN, bottom + CAPTION, &below, m->caption);
  c->end(to);
}

/* ---- the files --------------------------------------------------------------------------------------------------- */

static void fill_svg(FILE *to, const void *map) {
  draw(to, &svg_canvas, map);
}

static bool write_svg(const char *folder, const char *name, const heat_map *map) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path)
    return whole_file_write("--svg", path, fill_svg, map);
  complain("--svg: the path of a file would be longer than %zu bytes", sizeof path);
  return false;
}

static bool write_png(const char *folder, const char *name, const heat_map *map) {
  gnuplot g;
  if (!gnuplot_begin(&g, GNUPLOT_PNG, folder, name)) return false;
  draw(g.script, &gnuplot_canvas, map);
  return gnuplot_end(&g);
}

static const struct {
  const char *option, *ending;
  bool (*write)(const char *folder, const char *name, const heat_map *map);
} formats[PICTURE_FORMATS] = {
    [PICTURE_SVG] = {"--svg", ".svg", write_svg}, [PICTURE_PNG] = {"--png", ".png", write_png}};

const char *picture_option(picture_format format) {
  return formats[format].option;
}

const char *picture_ending(picture_format format) {
  return formats[format].ending;
}

bool picture_can(picture_format format) {
  return format == PICTURE_SVG || gnuplot_is_there(formats[format].option);
}

bool heat_map_write(picture_format format, const char *folder, const char *name, const heat_map *map) {
  return formats[format].write(folder, name, map);
}
