/* The table of ends. A program that spoils memory meets one of several, by what it hits. */
#include "cli/exercise/crash.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>

#define LINE_LONGEST 1024

/* Signals are told apart by number where a system has them. */
#ifndef SIGBUS
#define SIGBUS SIGSEGV
#endif

enum ending { BEYOND_AN_ARRAY, SPOILT_MEMORY, OF_THE_DRIVER, DIVISION, TRAP, OTHER };

static const struct {
  const char *what, *hint;
} endings[] = {
    [BEYOND_AN_ARRAY] = {"it reads or writes beyond the end of an array",
                         "which work-items have no element of their own? Guard them, and every index. (An array of "
                         "many megabytes within a kernel ends so, too.)"},
    [SPOILT_MEMORY] = {"it has written beyond the end of an array, into the C library's own records",
                       "which work-items have no element of their own? They must not write"},
    [OF_THE_DRIVER] = {"the driver gave up on this kernel by itself, while it compiled it or ran it",
                       "this need not be a wrong index: drivers give up so on barriers within an if or a loop that not "
                       "all work-items go through alike, and on jumps. Write it more simply"},
    [DIVISION] = {"it divides an integer by 0", "which divisor can be 0?"},
    [TRAP] = {"it came to an instruction that the compiler puts where no code can be right",
              "look for a division by a constant 0, or an index that is out of its array whatever happens"},
    [OTHER] = {"it is not known what this signal speaks for", "undo your last change, and make it in smaller steps"},
};

/* malloc's and free's last words: "corrupted size vs. prev_size", "invalid fastbin entry (free)", ... */
static bool is_of_malloc(const char *line) {
  static const char *const words[] = {"malloc", "free", "corrupt", "chunk", "invalid size", "invalid pointer"};
  if (strstr(line, "Assertion `") != NULL) return false; /* a driver's */
  for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i)
    if (strstr(line, words[i]) != NULL) return true;
  return false;
}

/* "3 warnings generated." and the like: clang counts messages that nobody sees. */
static bool is_count(const char *line) {
  return strspn(line, "0123456789") > 0 && strstr(line, " generated.\n") != NULL;
}

static enum ending ending_of(int signal, bool of_malloc) {
  switch (signal) {
  case SIGABRT:
    return of_malloc ? SPOILT_MEMORY : OF_THE_DRIVER;
  case SIGFPE:
    return DIVISION;
  case SIGILL:
    return TRAP;
  default:
    return signal == SIGSEGV || signal == SIGBUS ? BEYOND_AN_ARRAY : OTHER;
  }
}

/* The last line of what was said, and whether any is malloc's. */
static bool read_last(FILE *said, char last[LINE_LONGEST]) {
  char line[LINE_LONGEST];
  bool of_malloc = false;
  last[0] = '\0';
  if (said == NULL) return false;
  rewind(said);
  while (fgets(line, sizeof line, said) != NULL) {
    if (is_count(line) || line[0] == '\n') continue;
    of_malloc = of_malloc || is_of_malloc(line);
    snprintf(last, LINE_LONGEST, "%s", line);
  }
  return of_malloc;
}

void crash_print(int signal, FILE *said, FILE *to) {
  char last[LINE_LONGEST];
  const enum ending ending = ending_of(signal, read_last(said, last));
  fprintf(to, "crashed\n\nthe kernel ended the program (signal %d): %s\n", signal, endings[ending].what);
  if (last[0] != '\0') fprintf(to, "said     %.*s\n", (int)strcspn(last, "\n"), last);
  fprintf(to, "hint     %s\n", endings[ending].hint);
}

void crash_pass_on(FILE *said) {
  char line[LINE_LONGEST];
  if (said == NULL) return;
  rewind(said);
  while (fgets(line, sizeof line, said) != NULL)
    if (!is_count(line)) fputs(line, stderr);
}
