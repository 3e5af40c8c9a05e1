/* Asks the system whether standard output and standard error are terminals. */
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

static bool is_terminal(FILE *stream) {
  const char *term = getenv("TERM");
  if (term != NULL && strcmp(term, "dumb") == 0) return false;
  return isatty(fileno(stream)) != 0;
}

bool may_colour(void) {
  const char *no_colour = getenv("NO_COLOR");
  return (no_colour == NULL || no_colour[0] == '\0') && is_terminal(stdout);
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

/* Characters of the bar on the line. A terminal without colours, or a user who wants none, gets no escape sequence to
 * clear them either. */
static int bar_width;

void progress_show(size_t done, size_t all, const char *label) {
  enum { WIDTH = 24, LABEL = 40 };
  char bar[WIDTH + 1] = "";
  if (!is_terminal(stderr) || all == 0) return;
  const size_t full = done >= all ? WIDTH : WIDTH * done / all;
  for (size_t i = 0; i < WIDTH; ++i) bar[i] = i < full ? '#' : '.';
  fflush(stdout); /* which may be the same terminal */
  const int width = fprintf(stderr, "\r[%s] %3zu %%  %.*s", bar, 100 * (done < all ? done : all) / all, LABEL, label);
  if (width < bar_width) fprintf(stderr, "%*s", bar_width - width, "");
  if (width > bar_width) bar_width = width;
  fflush(stderr);
}

void progress_clear(void) {
  if (bar_width == 0) return;
  fprintf(stderr, "\r%*s\r", bar_width, "");
  fflush(stderr);
  bar_width = 0;
}

void print_disturbed(const char *why) {
  printf("%sdisturbed%s %s\n", style(RED), style(PLAIN), why);
}
