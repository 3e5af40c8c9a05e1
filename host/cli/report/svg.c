/* Writes SVG: rectangles and text, no script and no font of its own. Names and captions may hold
 * any character; those with a meaning in XML are written as entities. */
#include "cli/report/svg.h"

#include <stdio.h>
#include <string.h>

#include "cli/files/whole_file.h"

enum { CELL_WIDTH = 84, CELL_HEIGHT = 48, MARGIN = 24, LETTER = 9, TITLE = 40, NAMES = 28, CAPTION = 34 };

static void write_text(FILE *file, const char *text) {
  for (; *text != '\0'; ++text) switch (*text) {
    case '&':
      fputs("&amp;", file);
      break;
    case '<':
      fputs("&lt;", file);
      break;
    case '>':
      fputs("&gt;", file);
      break;
    default:
      if ((unsigned char)*text >= ' ') fputc(*text, file);
    }
}

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

static void write_label(FILE *file, double x, double y, const char *anchor, const char *more, const char *text) {
  fprintf(file, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\"%s>", x, y, anchor, more);
  write_text(file, text);
  fputs("</text>\n", file);
}

static void write_cell(FILE *file, double x, double y, double share) {
  char text[16];
  const bool hidden = share == 0.0;
  fprintf(file, "<rect x=\"%.0f\" y=\"%.0f\" width=\"%d\" height=\"%d\" fill=\"#%06x\"/>\n", x, y, CELL_WIDTH - 2,
          CELL_HEIGHT - 2, colour_of(share));
  snprintf(text, sizeof text, hidden ? "masked" : share < 0.001 ? "< 0.1 %%" : "%.1f %%", 100.0 * share);
  write_label(file, x + CELL_WIDTH / 2.0 - 1, y + CELL_HEIGHT / 2.0 + 5, "middle",
              share > 0.55 ? " fill=\"#ffffff\""
              : hidden     ? " fill=\"#8a8a8a\""
                           : "",
              text);
}

static double names_width(const svg_heat_map *m) {
  size_t longest = 0;
  for (size_t r = 0; r < m->rows; ++r)
    if (strlen(m->row[r]) > longest) longest = strlen(m->row[r]);
  return (double)(longest * LETTER + 12);
}

static double larger(double a, double b) {
  return a > b ? a : b;
}

/* As wide as the map or as the text above and below it. */
static double whole_width(const svg_heat_map *m, double left) {
  const double text = (double)strlen(m->title) * (LETTER + 2),
               caption = m->caption == NULL ? 0.0 : (double)strlen(m->caption) * 8.5;
  return larger(left + (double)m->columns * CELL_WIDTH, MARGIN + larger(text, caption)) + MARGIN;
}

static void write_map(FILE *file, const void *from) {
  const svg_heat_map *m = from;
  const double left = MARGIN + names_width(m), top = MARGIN + TITLE + NAMES;
  const double width = whole_width(m, left), bottom = top + (double)m->rows * CELL_HEIGHT;
  const double height = bottom + MARGIN + (m->caption != NULL ? CAPTION : 0);
  fprintf(file,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
          "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"16\" fill=\"#1a1a1a\">\n",
          width, height, width, height);
  fprintf(file, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
  write_label(file, MARGIN, MARGIN + 18, "start", " font-size=\"20\" font-weight=\"bold\"", m->title);
  for (size_t c = 0; c < m->columns; ++c)
    write_label(file, left + ((double)c + 0.5) * CELL_WIDTH, top - 8, "middle", "", m->column[c]);
  for (size_t r = 0; r < m->rows; ++r) {
    const double y = top + (double)r * CELL_HEIGHT;
    write_label(file, left - 10, y + CELL_HEIGHT / 2.0 + 5, "end", "", m->row[r]);
    for (size_t c = 0; c < m->columns; ++c) write_cell(file, left + (double)c * CELL_WIDTH, y, m->share[r][c]);
  }
  if (m->caption != NULL) write_label(file, MARGIN, bottom + CAPTION, "start", "", m->caption);
  fputs("</svg>\n", file);
}

bool svg_write_heat_map(const char *path, const svg_heat_map *map) {
  return whole_file_write("--svg", path, write_map, map);
}
