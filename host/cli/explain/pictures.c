/* Writes heat maps as SVG files: see pictures.h. */
#include "cli/explain/pictures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "base/file_system.h"
#include "cli/input/input_names.h"
#include "cli/report/svg.h"

_Static_assert(SVG_COLUMNS >= WALK_COLUMNS, "a step must fit into a picture");

static bool path_of(const walk *w, const walk_step *s, const char *folder, char *path, size_t size) {
  const example *e = w->example;
  const int length =
      snprintf(path, size, "%s/%s%s%s.svg", folder, e != NULL ? e->name : "", e != NULL ? "-" : "", s->id);
  if (length >= 0 && (size_t)length < size) return true;
  complain("--svg: the path of a file would be longer than %zu bytes", size);
  return false;
}

static bool spare_inputs(const walk *w, const run_options *options, const char *folder) {
  char path[4096];
  for (size_t i = 0; i < w->steps; ++i)
    if (w->step[i].kind == WALK_WEIGHTS &&
        !(path_of(w, &w->step[i], folder, path, sizeof path) && inputs_are_spared(options, "--svg", path)))
      return false;
  return true;
}

bool pictures_prepare(const walk *w, const run_options *options, const char *folder) {
  char path[4096];
  if (!spare_inputs(w, options, folder)) return false;
  if (!clattn_make_folder(folder, CLATTN_FOR_ALL)) {
    complain("--svg %s: cannot make the folder: %s", folder, strerror(errno));
    return false;
  }
  snprintf(path, sizeof path, "%s/weights.svg", folder); /* a path that is too long is refused later */
  if (clattn_part_try(path)) return true;
  complain("--svg %s: cannot write into the folder: %s", folder, strerror(errno));
  return false;
}

/* The sentence about the row of the focus, or the answer to the article's question. */
static const char *caption_of(const walk *w, const walk_step *s) {
  const bool answered = s->rows < WALK_LINES && s->line[s->rows][0] != '\0';
  return answered ? s->line[s->rows + 1] : s->line[clattn_walk_focus_row(w)];
}

static bool write_picture(const walk *w, const walk_step *s, const char *folder) {
  char path[4096], title[192];
  svg_heat_map map = {.title = title, .caption = caption_of(w, s), .rows = s->rows, .columns = s->columns};
  if (!path_of(w, s, folder, path, sizeof path)) return false;
  if (w->seen.heads > 1)
    snprintf(title, sizeof title, "%s: weights, head %zu", w->name, s->head);
  else
    snprintf(title, sizeof title, "%s: weights", w->name);
  for (size_t r = 0; r < s->rows; ++r) {
    map.row[r] = s->row[r];
    for (size_t c = 0; c < s->columns; ++c) map.share[r][c] = (double)s->value[r][c];
  }
  for (size_t c = 0; c < s->columns; ++c) map.column[c] = s->column[c];
  if (!svg_write_heat_map(path, &map)) return false;
  printf("picture   %s\n", path);
  return true;
}

bool pictures_write(const walk *w, const char *folder) {
  bool good = true;
  for (size_t i = 0; i < w->steps && good; ++i)
    if (w->step[i].kind == WALK_WEIGHTS) good = write_picture(w, &w->step[i], folder);
  return good;
}
