/* Makes the page from the files in page/: in page.html {{page.css}} and the like are replaced
 * with other files, and {{walk}} with the numbers. */
#include "cli/explain/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/report/json_values.h"
#include "cli/explain/page_files.h"
#include "cli/files/whole_file.h"

/* JSON within HTML: characters that could end the script or begin a tag are escaped. */
static void write_json(FILE *to, const char *json) {
  for (; *json != '\0'; ++json)
    if (*json == '<' || *json == '>' || *json == '&')
      fprintf(to, "\\u%04x", (unsigned)*json);
    else
      fputc(*json, to);
}

static const clattn_embedded *find_file(const char *name, size_t length) {
  for (size_t i = 0; i < page_count; ++i)
    if (strlen(page_files[i].file) == length && memcmp(page_files[i].file, name, length) == 0) return &page_files[i];
  return NULL;
}

/* Writes what replaces a name between {{ and }}: the file of that name, else the walk. */
static void write_named(FILE *to, const char *name, size_t length, const char *json) {
  const clattn_embedded *file = find_file(name, length);
  if (file != NULL)
    fwrite(file->text, 1, file->size, to);
  else
    write_json(to, json);
}

/* Finds the mark. The files do not end with a 0. */
static const char *find(const char *from, const char *end, const char *mark) {
  for (; end - from >= 2; ++from)
    if (memcmp(from, mark, 2) == 0) return from;
  return NULL;
}

static void fill_page(FILE *to, const void *json) {
  const clattn_embedded *page = find_file("page.html", 9);
  const char *from = (const char *)page->text, *end = from + page->size, *open;
  while ((open = find(from, end, "{{")) != NULL) {
    const char *close = find(open, end, "}}");
    fwrite(from, 1, (size_t)(open - from), to);
    write_named(to, open + 2, (size_t)(close - open) - 2, json);
    from = close + 2;
  }
  fwrite(from, 1, (size_t)(end - from), to);
}

bool page_prepare(const char *path) {
  return whole_file_try("--html", path);
}

bool page_write(const walk *w, const char *path) {
  json_t *all = page_json(w);
  const bool whole = json_is_whole(all, "the page");
  char *json = whole ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
  json_decref(all);
  if (whole && json == NULL) complain("no host memory for the page");
  if (json == NULL) return false;
  const bool written = whole_file_write("--html", path, fill_page, json);
  free(json);
  if (written) printf("\npage      %s\n", path);
  return written;
}
