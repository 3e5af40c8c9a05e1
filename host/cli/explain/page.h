/* A walk as a page for a browser: one file, which needs no network. */
#ifndef CLATTN_CLI_PAGE_H
#define CLATTN_CLI_PAGE_H

#include <jansson.h>

#include "cli/explain/walk.h"

/* Both return false after a complaint. */
bool page_prepare(const char *path);
bool page_write(const walk *w, const char *path); /* prints the path */

/* ---- for page.c -------------------------------------------------------------------------------------------------- */

/* All data for the page's script; NULL without memory. */
json_t *page_json(const walk *w);

#endif
