/* Writes the page of a walk to a file. */
#ifndef CLATTN_CLI_EXPLAIN_HTML_H
#define CLATTN_CLI_EXPLAIN_HTML_H

#include "explain/walk.h"

/* Both return false after a complaint. */
bool html_prepare(const char *path);
bool html_write(const walk *w, const char *path); /* prints the path */

#endif
