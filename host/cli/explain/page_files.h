/* The files of the page, inside the program. cmake/embed.cmake writes the table. */
#ifndef CLATTN_CLI_PAGE_FILES_H
#define CLATTN_CLI_PAGE_FILES_H

#include "base/embedded.h"

extern const clattn_embedded page_files[];
extern const size_t page_count;

#endif
