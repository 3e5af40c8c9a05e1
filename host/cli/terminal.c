/* Asks the system whether standard output is a terminal. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "terminal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <io.h>
#define isatty _isatty
#define fileno _fileno
#else
#include <unistd.h>
#endif

static bool may_colour(void) {
  const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
  if (no_colour != NULL && no_colour[0] != '\0') return false;
  if (term != NULL && strcmp(term, "dumb") == 0) return false;
  return isatty(fileno(stdout)) != 0;
}

const char *style(text_style style) {
  static const char *const sequences[] = {"\033[0m", "\033[1m", "\033[32m", "\033[31m"};
  return may_colour() ? sequences[style] : "";
}
