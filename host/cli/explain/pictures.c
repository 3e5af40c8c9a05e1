/* Writes heat maps as files: see pictures.h. */
#include "cli/explain/pictures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "base/file_system.h"
#include "cli/input/input_names.h"

_Static_assert(HEAT_MAP_COLUMNS >= WALK_COLUMNS, "a step must fit into a picture");

enum { NAME_BYTES = 128, PATH_BYTES = 4096 };

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Without its ending. */
static void name_of(const walk *w, const walk_step *s, char name[NAME_BYTES]) {
  const example *e = w->example;
  snprintf(name, NAME_BYTES, "%s%s%s", e != NULL ? e->name : "", e != NULL ? "-" : "", s->id);
}

static bool path_of(picture_format format, const char *folder, const char *name, char path[PATH_BYTES]) {
  if (snprintf(path, PATH_BYTES, "%s/%s%s", folder, name, picture_ending(format)) < PATH_BYTES) return true;
  complain("%s: the path of a file would be longer than %d bytes", picture_option(format), PATH_BYTES);
  return false;
}

bool pictures_spare_inputs(const walk *w, const run_options *options, picture_folders folders) {
  char name[NAME_BYTES], path[PATH_BYTES];
  for (int f = 0; f < PICTURE_FORMATS; ++f)
    for (size_t i = 0; folders[f] != NULL && i < w->steps; ++i) {
      const picture_format format = (picture_format)f;
      if (w->step[i].kind != WALK_WEIGHTS) continue;
      name_of(w, &w->step[i], name);
      if (!path_of(format, folders[f], name, path) || !inputs_are_spared(options, picture_option(format), path))
        return false;
    }
  return true;
}

static bool prepare(picture_format format, const char *folder) {
  char path[PATH_BYTES];
  const char *option = picture_option(format);
  if (!picture_can(format)) return false;
  if (!clattn_make_folder(folder, CLATTN_FOR_ALL)) {
    complain("%s %s: cannot make the folder: %s", option, folder, strerror(errno));
    return false;
  }
  snprintf(path, sizeof path, "%s/weights%s", folder, picture_ending(format)); /* too long: refused later */
  if (clattn_part_try(path)) return true;
  complain("%s %s: cannot write into the folder: %s", option, folder, strerror(errno));
  return false;
}

bool pictures_prepare(picture_folders folders) {
  for (int f = 0; f < PICTURE_FORMATS; ++f)
    if (folders[f] != NULL && !prepare((picture_format)f, folders[f])) return false;
  return true;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* The sentence about the row of the focus, or the answer to the article's question. */
static const char *caption_of(const walk *w, const walk_step *s) {
  const bool answered = s->rows < WALK_LINES && s->line[s->rows][0] != '\0';
  return answered ? s->line[s->rows + 1] : s->line[clattn_walk_focus_row(w)];
}

static bool write_map(const char *name, const heat_map *map, picture_folders folders) {
  char file[NAME_BYTES + 8], path[PATH_BYTES];
  for (int f = 0; f < PICTURE_FORMATS; ++f) {
    const picture_format format = (picture_format)f;
    if (folders[f] == NULL) continue;
    snprintf(file, sizeof file, "%s%s", name, picture_ending(format));
    if (!path_of(format, folders[f], name, path) || !heat_map_write(format, folders[f], file, map)) return false;
    printf("picture   %s\n", path);
  }
  return true;
}

static void fill_map(heat_map *map, const walk_step *s, size_t columns) {
  map->rows = s->rows;
  map->columns = columns;
  for (size_t r = 0; r < s->rows; ++r) {
    map->row[r] = s->row[r];
    for (size_t c = 0; c < columns; ++c) map->share[r][c] = (double)s->value[r][c];
  }
  for (size_t c = 0; c < columns; ++c) map->column[c] = s->column[c];
}

static bool write_step(const walk *w, const walk_step *s, picture_folders folders) {
  char name[NAME_BYTES], title[192];
  heat_map map = {.title = title, .caption = caption_of(w, s)};
  if (w->seen.heads > 1)
    snprintf(title, sizeof title, "%s: weights, head %zu", w->name, s->head);
  else
    snprintf(title, sizeof title, "%s: weights", w->name);
  fill_map(&map, s, s->columns);
  name_of(w, s, name);
  return write_map(name, &map, folders);
}

bool pictures_write(const walk *w, picture_folders folders) {
  bool good = true;
  for (size_t i = 0; i < w->steps && good; ++i)
    if (w->step[i].kind == WALK_WEIGHTS) good = write_step(w, &w->step[i], folders);
  return good;
}

bool pictures_write_table(const walk_step *table, size_t columns, const char *id, const char *title,
                          picture_folders folders) {
  heat_map map = {.title = title};
  fill_map(&map, table, columns);
  return write_map(id, &map, folders);
}
