/* A walk as a page for a browser: one text, which needs no network. */
#ifndef CLATTN_PAGE_H
#define CLATTN_PAGE_H

#include "explain/out.h"
#include "explain/walk.h"

/* The walk must have the form WALK_PAGE. */
void clattn_page_write(out *o, const walk *w);

/* ---- for page.c -------------------------------------------------------------------------------------------------- */

/* All data for the page's script. */
void clattn_page_json(out *o, const walk *w);

#endif
