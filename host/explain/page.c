/* Makes the page from the files in page/: in page.html {{page.css}} and the like are replaced
 * with other files, and {{walk}} with the numbers. */
#include "explain/page.h"

#include <string.h>

#include "explain/page_files.h"

static const clattn_embedded *find_file(const char *name, size_t length) {
  for (size_t i = 0; i < clattn_page_count; ++i) {
    const clattn_embedded *file = &clattn_page_files[i];
    if (strlen(file->file) == length && memcmp(file->file, name, length) == 0) return file;
  }
  return NULL;
}

/* Writes what replaces a name between {{ and }}: the file of that name, else the walk. */
static void write_named(out *o, const char *name, size_t length, const walk *w) {
  const clattn_embedded *file = find_file(name, length);
  if (file != NULL)
    clattn_out_bytes(o, file->text, file->size);
  else
    clattn_page_json(o, w);
}

/* Finds the mark. The files do not end with a 0. */
static const char *find(const char *from, const char *end, const char *mark) {
  for (; end - from >= 2; ++from)
    if (memcmp(from, mark, 2) == 0) return from;
  return NULL;
}

void clattn_page_write(out *o, const walk *w) {
  const clattn_embedded *page = find_file("page.html", 9);
  const char *from = (const char *)page->text, *end = from + page->size, *open;
  while ((open = find(from, end, "{{")) != NULL) {
    const char *close = find(open, end, "}}");
    clattn_out_bytes(o, from, (size_t)(open - from));
    write_named(o, open + 2, (size_t)(close - open) - 2, w);
    from = close + 2;
  }
  clattn_out_bytes(o, from, (size_t)(end - from));
}
