/* Colour on standard output and a progress bar on standard error, where these are terminals. */
#ifndef CLATTN_CLI_TERMINAL_H
#define CLATTN_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether standard output is a terminal that knows escape sequences, and NO_COLOR is not set. */
bool may_colour(void);

/* Waits until Enter is pressed; false at the end of the input. Returns at once if standard input
 * is no terminal. */
bool wait_for_enter(void);

typedef enum text_style { PLAIN, BOLD, GREEN, RED } text_style;

/* The escape sequence for standard output, or "" when it is no terminal, TERM is "dumb" or NO_COLOR is set. */
const char *style(text_style style);

/* The line of a page whose times cannot be trusted; `why` comes from steady_text. */
void print_disturbed(const char *why);

/* Shows a progress bar on standard error in place of the last one, with `label` cut to fit; nothing if standard error
 * is no terminal. Clear it before anything else is printed. */
void progress_show(size_t done, size_t all, const char *label);
void progress_clear(void);

#endif
