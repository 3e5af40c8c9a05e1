/* Which line of a kernel file an instruction comes from. */
#ifndef CLATTN_ACCESS_SOURCE_LINE_H
#define CLATTN_ACCESS_SOURCE_LINE_H

#include <stdint.h>

enum { SOURCE_LINE_TEXT = 160 };

/* "kernels/scores/2_tiled.cl:31"; `otherwise` where addr2line is not installed or knows no line, as of an instruction
 * that the optimiser has made of two. `at`: just behind it. */
void source_line(const char *shared_object, uint32_t at, const char *otherwise, char text[SOURCE_LINE_TEXT]);

#endif
