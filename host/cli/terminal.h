/* Colour, where it may be. */
#ifndef CLATTN_CLI_TERMINAL_H
#define CLATTN_CLI_TERMINAL_H

typedef enum text_style { PLAIN, BOLD, GREEN, RED } text_style;

/* The escape sequence for standard output, or "" when it is no terminal, TERM is "dumb" or NO_COLOR is set. */
const char *style(text_style style);

#endif
