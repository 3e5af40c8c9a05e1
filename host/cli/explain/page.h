/* A walk as a page for a browser: one file that needs no network. */
#ifndef CLATTN_CLI_PAGE_H
#define CLATTN_CLI_PAGE_H

#include <jansson.h>

#include "cli/explain/walk.h"

/* Both: false after a complaint. */
bool page_prepare(const char *path);
bool page_write(const walk *w, const char *path); /* says where it is */

/* ---- for page.c -------------------------------------------------------------------------------------------------- */

/* All that the page's script shows; NULL without memory. */
json_t *page_json(const walk *w);

#endif
