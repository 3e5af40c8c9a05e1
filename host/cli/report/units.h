/* Numbers with a unit, and names of kernels, short enough for a table. */
#ifndef CLATTN_CLI_UNITS_H
#define CLATTN_CLI_UNITS_H

#include <stdint.h>

/* Three digits and s, ms or us. Each function returns `text`. */
const char *duration_text(double seconds, char text[16]);

/* B, KiB, ... */
const char *bytes_text(uint64_t bytes, char text[16]);

/* "3 panel", or the name without a number for a kernel outside the ladders (rung 0). */
#define KERNEL_TEXT 48
const char *kernel_text(int rung, const char *name, char text[KERNEL_TEXT]);

#endif
