/* Colour and a bar of progress, where they may be. */
#ifndef CLATTN_CLI_TERMINAL_H
#define CLATTN_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether standard output is a terminal that knows escape sequences, and NO_COLOR is not set. */
bool may_colour(void);

/* Waits until Enter is pressed; false at the end of the input. At once where standard input is no terminal. */
bool wait_for_enter(void);

typedef enum text_style { PLAIN, BOLD, GREEN, RED } text_style;

/* The escape sequence for standard output, or "" when it is no terminal, TERM is "dumb" or NO_COLOR is set. */
const char *style(text_style style);

/* The line of a page whose times are not to be trusted; `why` is steady_text's. */
void print_disturbed(const char *why);

/* A line with a bar, in place of the last one; nothing where standard output is no terminal. `label` is cut to fit. */
void progress_show(size_t done, size_t all, const char *label);
void progress_clear(void);

#endif
