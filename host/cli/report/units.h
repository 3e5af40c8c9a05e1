/* Numbers with a unit, short enough for a table. */
#ifndef CLATTN_CLI_UNITS_H
#define CLATTN_CLI_UNITS_H

#include <stdint.h>

/* Three digits and s, ms or us. Both return `text`. */
const char *duration_text(double seconds, char text[16]);

/* B, KiB, ... */
const char *bytes_text(uint64_t bytes, char text[16]);

#endif
