/* The files of the page, compiled in. cmake/embed.cmake writes the table. */
#ifndef CLATTN_PAGE_FILES_H
#define CLATTN_PAGE_FILES_H

#include "base/embedded.h"

extern const clattn_embedded clattn_page_files[];
extern const size_t clattn_page_count;

#endif
