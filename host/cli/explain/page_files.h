/* The files that a page is made of, inside the program; the table is written by cmake/embed.cmake. */
#ifndef CLATTN_CLI_PAGE_FILES_H
#define CLATTN_CLI_PAGE_FILES_H

#include "base/embedded.h"

extern const clattn_embedded page_files[];
extern const size_t page_count;

#endif
