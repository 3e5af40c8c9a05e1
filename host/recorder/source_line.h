/* Finds the line of a kernel file that an instruction comes from. */
#ifndef CLATTN_ACCESS_SOURCE_LINE_H
#define CLATTN_ACCESS_SOURCE_LINE_H

#include <stdint.h>

enum { SOURCE_LINE_TEXT = 160 };

/* Writes "kernels/scores/2_tiled.cl:31", or `otherwise` if addr2line is not installed or knows no
 * line, for instance for an instruction that the optimiser merged from two. `at` is the address
 * just after the instruction. */
void source_line(const char *shared_object, uint32_t at, const char *otherwise, char text[SOURCE_LINE_TEXT]);

#endif
