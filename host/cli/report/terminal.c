/* Asks the system whether standard output is a terminal. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "cli/report/terminal.h"

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

/* Whether standard output is a terminal that knows escape sequences. */
static bool is_terminal(void) {
  const char *term = getenv("TERM");
  if (term != NULL && strcmp(term, "dumb") == 0) return false;
  return isatty(fileno(stdout)) != 0;
}

bool may_colour(void) {
  const char *no_colour = getenv("NO_COLOR");
  return (no_colour == NULL || no_colour[0] == '\0') && is_terminal();
}

const char *style(text_style style) {
  static const char *const sequences[] = {"\033[0m", "\033[1m", "\033[32m", "\033[31m"};
  return may_colour() ? sequences[style] : "";
}

bool wait_for_enter(void) {
  if (!isatty(fileno(stdin))) return true;
  fputs("-- Enter: go on --", stdout);
  fflush(stdout);
  for (int c = getchar(); c != '\n'; c = getchar())
    if (c == EOF) return false;
  return true;
}

void progress_show(size_t done, size_t all, const char *label) {
  enum { WIDTH = 24 };
  if (!is_terminal() || all == 0) return;
  const size_t full = done >= all ? WIDTH : WIDTH * done / all;
  printf("\r\033[K[");
  for (size_t i = 0; i < WIDTH; ++i) putchar(i < full ? '#' : '.');
  printf("] %3zu %%  %.48s", 100 * (done < all ? done : all) / all, label);
  fflush(stdout);
}

void progress_clear(void) {
  if (!is_terminal()) return;
  printf("\r\033[K");
  fflush(stdout);
}

void print_disturbed(const char *why) {
  printf("%sdisturbed%s %s\n", style(RED), style(PLAIN), why);
}
