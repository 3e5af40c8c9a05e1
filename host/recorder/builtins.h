/* The text of builtins.cl, embedded by cmake/embed.cmake. */
#ifndef CLATTN_ACCESS_BUILTINS_H
#define CLATTN_ACCESS_BUILTINS_H

#include "base/embedded.h"

extern const clattn_embedded clattn_access_files[]; /* one file */
extern const size_t clattn_access_count;

#endif
