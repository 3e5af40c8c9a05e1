/* Writes the library's page completely or not at all: see html.h. */
#include "cli/explain/html.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/files/whole_file.h"
#include "explain/page.h"

static void fill(FILE *to, const void *page) {
  const out *o = page;
  fwrite(o->text, 1, o->used, to);
}

bool html_prepare(const char *path) {
  return whole_file_try("--html", path);
}

bool html_write(const walk *w, const char *path) {
  out page = {.text = NULL};
  clattn_page_write(&page, w);
  if (page.failed) complain("no host memory for the page");
  const bool written = !page.failed && whole_file_write("--html", path, fill, &page);
  free(page.text);
  if (written) printf("\npage      %s\n", path);
  return written;
}
