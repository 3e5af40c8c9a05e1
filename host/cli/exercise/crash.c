/* The table of crashes. A program that overwrites memory may end in several ways, depending on
 * what it hits. */
#include "cli/exercise/crash.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>

#define LINE_LONGEST 1024

/* Not every system has SIGBUS. */
#ifndef SIGBUS
#define SIGBUS SIGSEGV
#endif

enum ending { BEYOND_AN_ARRAY, SPOILT_MEMORY, OF_THE_DRIVER, DIVISION, TRAP, OTHER };

static const struct {
  const char *what, *hint;
} endings[] = {
    [BEYOND_AN_ARRAY] = {"it reads or writes beyond the end of an array",
                         "which work-items have no element of their own? Guard them, and every index. (An array of "
                         "many megabytes within a kernel also crashes like this.)"},
    [SPOILT_MEMORY] = {"it has written beyond the end of an array, into data of the C library",
                       "which work-items have no element of their own? They must not write"},
    [OF_THE_DRIVER] =
        {"the driver itself gave up while it compiled or ran this kernel",
         "the index may be right: drivers also give up on jumps, and on barriers within an if or a loop that "
         "not all work-items go through in the same way. Write it more simply"},
    [DIVISION] = {"it divides an integer by 0", "which divisor can be 0?"},
    [TRAP] = {"it reached an instruction that the compiler puts where the code cannot be right",
              "look for a division by a constant 0, or an index that is always outside its array"},
    [OTHER] = {"the cause of this signal is unknown", "undo your last change, and make it in smaller steps"},
};

/* Whether malloc or free printed it: "corrupted size vs. prev_size", "invalid fastbin entry
 * (free)", ... */
static bool is_of_malloc(const char *line) {
  static const char *const words[] = {"malloc", "free", "corrupt", "chunk", "invalid size", "invalid pointer"};
  if (strstr(line, "Assertion `") != NULL) return false; /* from a driver */
  for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i)
    if (strstr(line, words[i]) != NULL) return true;
  return false;
}

/* "3 warnings generated." and the like: clang counts messages that it does not print. */
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

/* Copies the last line; returns whether any line is from malloc. */
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
  fprintf(to, "crashed\n\nthe kernel crashed the program (signal %d): %s\n", signal, endings[ending].what);
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
