/* Colour and a bar of progress, where they may be. */
#ifndef CLATTN_CLI_TERMINAL_H
#define CLATTN_CLI_TERMINAL_H

#include <stddef.h>

typedef enum text_style { PLAIN, BOLD, GREEN, RED } text_style;

/* The escape sequence for standard output, or "" when it is no terminal, TERM is "dumb" or NO_COLOR is set. */
const char *style(text_style style);

/* A line with a bar, in place of the last one; nothing where standard output is no terminal. `label` is cut to fit. */
void progress_show(size_t done, size_t all, const char *label);
void progress_clear(void);

#endif
