/* The words of a place as SVG paths. Words that the same work-items touch share one path and one tip, words side by
 * side are one dashed line with a dash for each, and what looks the same in another phase refers to the first: a
 * rectangle for each word made the files ten times as large. */
#define _POSIX_C_SOURCE 200809L
#include "cli/access/words.h"

#include <stdlib.h>
#include <string.h>

#include "cli/access/shapes.h"
#include "recorder/count.h"

enum { STRIPES_MOST = 4, LISTED_MOST = 12 };
#define INK 0.9 /* of a cell's width and height; the rest separates it from the next */

/* A word that somebody touches; column and line count in cells. */
typedef struct spot {
  const cell *cell;
  size_t line, column;
} spot;

/* Writes cells as the path's commands; cells side by side become one line. */
typedef struct pen {
  FILE *to;
  size_t line, column, length;
} pen;

/* ---- style and headings ------------------------------------------------------------------------------------------ */

/* A word is one stripe; class s4b is the second of four. */
void words_style(FILE *to) {
  fprintf(to,
          ".words { fill: none; stroke-width: %g; stroke-dasharray: %g %g; }\n"
          ".untouched { stroke: #eee; }\n"
          ".ring, .dot { stroke-linecap: round; stroke-dasharray: .01 .99; stroke-dashoffset: -%g; }\n"
          ".ring { stroke: #000; stroke-width: .51; }\n"
          ".dot { stroke: #fff; stroke-width: .37; }\n",
          INK, INK, 1.0 - INK, INK / 2.0);
  for (int stripes = 2; stripes <= STRIPES_MOST; ++stripes)
    for (int i = 0; i < stripes; ++i)
      fprintf(to, ".s%d%c { stroke-dasharray: %.4g %.4g; stroke-dashoffset: %.4g; }\n", stripes, 'a' + i, INK / stripes,
              1.0 - INK / stripes, -INK / stripes * i);
}

static void define_heading(FILE *to, bool local) {
  const size_t columns = local ? BANKS : LINE_BYTES / WORD_BYTES;
  char text[24];
  fprintf(to, "<g id=\"%s\">\n", local ? "bank" : "byte");
  svg_text(to, -4, 0, "end", local ? "bank" : "byte");
  for (size_t c = 0; c < columns; c += 4) {
    snprintf(text, sizeof text, "%zu", local ? c : c * WORD_BYTES);
    svg_text(to, (double)c * CELL, 0, "small", text);
  }
  fputs("</g>\n", to);
}

void words_definitions(FILE *to) {
  fputs("<defs>\n", to);
  define_heading(to, false);
  define_heading(to, true);
  fputs("</defs>\n", to);
}

void words_heading(FILE *to, bool local, double x, double y) {
  fprintf(to, "<use href=\"#%s\" x=\"%.6g\" y=\"%.6g\"/>\n", local ? "bank" : "byte", x, y);
}

/* From dark violet to yellow; the brightness alone tells them apart, too. */
void words_colour(size_t item, size_t of, char text[8]) {
  static const double anchor[5][3] = {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}};
  const double at = of > 1 ? 4.0 * (double)item / (double)(of - 1) : 2.0;
  const int below = at >= 4.0 ? 3 : (int)at;
  int part[3];
  for (int i = 0; i < 3; ++i)
    part[i] = (int)(anchor[below][i] + (at - below) * (anchor[below + 1][i] - anchor[below][i]) + 0.5);
  snprintf(text, 8, "#%02x%02x%02x", (unsigned)part[0] & 0xff, (unsigned)part[1] & 0xff, (unsigned)part[2] & 0xff);
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

static void pen_lift(pen *p) {
  if (p->length > 0) fprintf(p->to, "M%zu %zuh%zu", p->column, p->line, p->length);
  p->length = 0;
}

static void pen_cell(pen *p, size_t line, size_t column) {
  if (p->length > 0 && p->line == line && p->column + p->length == column) {
    ++p->length;
    return;
  }
  pen_lift(p);
  *p = (pen){p->to, line, column, 1};
}

/* `attributes`: class and colour. */
static void draw_spots(FILE *to, const char *attributes, const spot *first, size_t count) {
  pen p = {.to = to};
  fprintf(to, "<path %s d=\"", attributes);
  for (size_t i = 0; i < count; ++i) pen_cell(&p, first[i].line, first[i].column);
  pen_lift(&p);
  fputs("\"/>", to);
}

/* The cells that `take` takes, in reading order; returns how many. */
static size_t find_spots(const words *w, bool (*take)(const cell *), spot *found) {
  size_t count = 0;
  for (size_t i = 0; i < w->count; ++i) {
    const size_t line = w->line[i / w->columns];
    if (line != WORDS_HIDDEN && take(&w->cells[i])) found[count++] = (spot){&w->cells[i], line, i % w->columns};
  }
  return count;
}

/* ---- who touches them -------------------------------------------------------------------------------------------- */

static size_t list_items(const items *set, const char *what, char *text, size_t size) {
  const size_t count = items_count(set);
  size_t shown = 0, listed = 0;
  if (count == 0) return 0;
  size_t used = (size_t)snprintf(text, size, "%s by work-item%s", what, count > 1 ? "s" : "");
  while (shown < count && listed++ < LISTED_MOST && used < size) {
    const size_t item = items_at(set, shown);
    size_t last = shown;
    while (last + 1 < count && items_at(set, last + 1) == item + (last + 1 - shown)) ++last;
    if (last < shown + 2) last = shown;
    used += (size_t)snprintf(text + used, size - used, last > shown ? " %zu-%zu" : " %zu", item, items_at(set, last));
    shown = last + 1;
  }
  if (shown < count && used < size) used += (size_t)snprintf(text + used, size - used, " and %zu more", count - shown);
  return used < size ? used : size;
}

/* Spots of the same work-items: a stripe for each of these, or for some of them from the first to the last. */
static void draw_group(FILE *to, const words *w, const spot *first, size_t count) {
  const cell *c = first->cell;
  const items *shown = items_count(&c->loaded) > 0 ? &c->loaded : &c->stored;
  const size_t sharers = items_count(shown), stripes = sharers < STRIPES_MOST ? sharers : STRIPES_MOST;
  char tip[400], colour[8], attributes[40];
  const size_t used = list_items(&c->loaded, "loaded", tip, sizeof tip);
  list_items(&c->stored, used > 0 ? ", stored" : "stored", tip + used, sizeof tip - used);
  svg_group_begin(to, tip);
  for (size_t i = 0; i < stripes; ++i) {
    const size_t n = stripes > 1 ? i * (sharers - 1) / (stripes - 1) : 0;
    words_colour(items_at(shown, n), w->items, colour);
    if (stripes == 1)
      snprintf(attributes, sizeof attributes, "stroke=\"%s\"", colour);
    else
      snprintf(attributes, sizeof attributes, "class=\"s%zu%c\" stroke=\"%s\"", stripes, (char)('a' + i), colour);
    draw_spots(to, attributes, first, count);
  }
  svg_group_end(to);
}

static int compare_items(const items *a, const items *b) {
  for (size_t i = 0; i < ITEMS_MOST / 64; ++i)
    if (a->bits[i] != b->bits[i]) return a->bits[i] < b->bits[i] ? -1 : 1;
  return 0;
}

static int compare_cells(const cell *a, const cell *b) {
  const int order = compare_items(&a->loaded, &b->loaded);
  return order != 0 ? order : compare_items(&a->stored, &b->stored);
}

/* By work-items, and those of the same ones in reading order. */
static int compare_spots(const void *one, const void *other) {
  const spot *a = one, *b = other;
  const int order = compare_cells(a->cell, b->cell);
  return order != 0 ? order : (a->cell > b->cell) - (a->cell < b->cell);
}

static bool is_untouched(const cell *c) {
  return !cell_is_touched(c);
}

static bool is_stored(const cell *c) {
  return items_count(&c->stored) > 0;
}

static void write_words(FILE *to, const words *w) {
  spot *spots = malloc((w->count + 1) * sizeof *spots);
  if (spots == NULL) return;
  size_t count = find_spots(w, is_untouched, spots), end;
  if (count > 0) draw_spots(to, "class=\"untouched\"", spots, count);
  count = find_spots(w, cell_is_touched, spots);
  qsort(spots, count, sizeof *spots, compare_spots);
  for (size_t i = 0; i < count; i = end) {
    for (end = i + 1; end < count && compare_cells(spots[i].cell, spots[end].cell) == 0;) ++end;
    draw_group(to, w, &spots[i], end - i);
  }
  count = find_spots(w, is_stored, spots);
  if (count > 0) draw_spots(to, "class=\"ring\"", spots, count);
  if (count > 0) draw_spots(to, "class=\"dot\"", spots, count);
  free(spots);
}

/* ---- the same again ---------------------------------------------------------------------------------------------- */

/* Which of those drawn it is; their count where it is none. */
static size_t find_drawn(const words_drawn *d, const char *text) {
  size_t i = 0;
  while (i < d->count && strcmp(d->text[i], text) != 0) ++i;
  return i;
}

/* Takes over `text`. Without memory it is forgotten, and drawn once more when it comes again. */
static void remember(words_drawn *d, char *text) {
  char **more = realloc(d->text, (d->count + 1) * sizeof *more);
  if (more == NULL) {
    free(text);
    return;
  }
  d->text = more;
  d->text[d->count++] = text;
}

void words_draw(FILE *to, words_drawn *d, const words *w) {
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  if (memory == NULL) return;
  write_words(memory, w);
  if (fclose(memory) == 0) {
    const size_t n = find_drawn(d, text);
    fprintf(to, "<g class=\"words\" transform=\"translate(%.6g %.6g) scale(%d)\">", w->x, w->y + CELL * INK / 2.0,
            CELL);
    if (n < d->count) {
      fprintf(to, "<use href=\"#w%zu\"/></g>\n", n);
      free(text);
    } else {
      fprintf(to, "<g id=\"w%zu\">\n%s</g></g>\n", n, text);
      remember(d, text);
    }
  } else {
    free(text);
  }
}

void words_forget(words_drawn *d) {
  for (size_t i = 0; i < d->count; ++i) free(d->text[i]);
  free(d->text);
}
