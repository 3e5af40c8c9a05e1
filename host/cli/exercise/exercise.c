/* `clattn exercise list | start | check`: see exercises.h. */
#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exercise/crash.h"
#include "cli/exercise/grade.h"
#include "cli/options/read_options.h"
#include "cli/exercise/starter.h"
#include "cli/report/terminal.h"
#include "cli/exercise/user_text.h"
#include "cli/exercise/watch.h"

enum { WORD_ACTION, WORD_NAME, WORD_FOLDER, WORDS };

typedef struct exercise_options {
  char *word[WORDS];
  char *device, *platform;
} exercise_options;

static int read_exercise_options(int argc, const char **argv, exercise_options *o) {
  const struct poptOption table[] = {DEVICE_OPTIONS(&o->device, &o->platform, "the best"), HELP_OPTION, POPT_TABLEEND};
  poptContext context =
      open_options(argc, argv, table, "list | start NAME [DIR] | check NAME [DIR]   (DIR: exercises/NAME)");
  const int code = read_options_and_words(context, "exercise", o->word, WORDS);
  poptFreeContext(context);
  return code;
}

static void free_exercise_options(exercise_options *o) {
  for (int i = 0; i < WORDS; ++i) free(o->word[i]);
  free(o->device);
  free(o->platform);
}

/* ---- list -------------------------------------------------------------------------------------------------------- */

static int list(const exercise_options *o) {
  if (o->word[WORD_NAME] != NULL) {
    complain("unexpected argument '%s' (see 'clattn help exercise')", o->word[WORD_NAME]);
    return EXIT_BAD_INPUT;
  }
  for (size_t i = 0; i < exercise_count(); ++i) {
    const exercise *e = exercise_at(i);
    printf("%2zu  %s%-15s%s %s\n", i + 1, style(BOLD), e->name, style(PLAIN), e->title);
    printf("    %-15s %s\n", "", e->learns);
    printf("    %-15s %s, kernel %.*s: %s\n", "", clattn_stage_name(e->stage), (int)strcspn(e->kernel, ":"), e->kernel,
           e->file);
  }
  printf("\nbegin with  clattn exercise start %s\n", exercise_at(0)->name);
  return EXIT_PASSED;
}

/* ---- start ------------------------------------------------------------------------------------------------------- */

#define INCLUDES_MOST 16
#define NAME_LONGEST 64

typedef struct includes {
  char name[INCLUDES_MOST][NAME_LONGEST];
  size_t count;
} includes;

/* Copies the name if the line is  #include "name",  else makes it empty. */
static void read_include(const char *line, const char *end, char name[NAME_LONGEST]) {
  static const char directive[] = "#include \"";
  const size_t prefix = sizeof directive - 1;
  name[0] = '\0';
  if ((size_t)(end - line) <= prefix || memcmp(line, directive, prefix) != 0) return;
  const char *from = line + prefix, *quote = memchr(from, '"', (size_t)(end - from));
  if (quote != NULL && quote - from < NAME_LONGEST) snprintf(name, NAME_LONGEST, "%.*s", (int)(quote - from), from);
}

/* Adds the files that this one includes and that are not in the list. */
static void add_includes(includes *all, const char *file) {
  size_t bytes = 0;
  const char *text = clattn_kernel_source(file, &bytes), *end = text == NULL ? text : text + bytes;
  for (const char *line = text; line != NULL && line < end && all->count < INCLUDES_MOST;) {
    char name[NAME_LONGEST];
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    size_t i = 0;
    read_include(line, newline == NULL ? end : newline, name);
    while (i < all->count && strcmp(all->name[i], name) != 0) ++i;
    if (name[0] != '\0' && i == all->count) memcpy(all->name[all->count++], name, sizeof name);
    line = newline == NULL ? end : newline + 1;
  }
}

/* Names the files that declare what this file uses. */
static void print_includes(const char *file) {
  includes all = {.count = 0};
  add_includes(&all, file);
  for (size_t i = 0; i < all.count; ++i) add_includes(&all, all.name[i]);
  for (size_t i = 0; i < all.count; ++i) printf("%s kernels/%s", i == 0 ? "read    " : ",", all.name[i]);
  if (all.count > 0) printf(" (the file includes %s)\n", all.count > 1 ? "them" : "it");
}

static int start(const exercise *e, const char *folder) {
  size_t bytes = 0, starter_bytes = 0;
  region found;
  const char *text = clattn_kernel_source(e->file, &bytes);
  if (text == NULL || !region_find(text, bytes, e->name, &found)) {
    complain("%s of this library has no exercise '%s'", e->file, e->name);
    return EXIT_BAD_INPUT;
  }
  char *starter = starter_make(text, bytes, &found, &starter_bytes);
  if (starter == NULL) {
    complain("no host memory for %zu bytes", bytes);
    return EXIT_BAD_INPUT;
  }
  const bool written = user_text_write(folder, e->file, starter, starter_bytes);
  free(starter);
  if (!written) return EXIT_BAD_INPUT;
  printf("%s%s%s: %s\n\n", style(BOLD), e->name, style(PLAIN), e->title);
  printf("task     %.*s\n", found.task_length, found.task);
  printf("edit     %s/%s:%d\n", folder, e->file, found.line);
  print_includes(e->file);
  printf("then     clattn exercise check %s %s\n", e->name, folder);
  return EXIT_PASSED;
}

/* ---- check ------------------------------------------------------------------------------------------------------- */

static int say_crash(const grade_job *job, int signal, FILE *said) {
  crash_print(signal, said, stdout);
  grade_print_place(job);
  return EXIT_CHECK_FAILED;
}

static int say_endless(const grade_job *job) {
  printf("no end\n\nthe kernel does not end: no sign of life for %d seconds\n", WATCH_SECONDS);
  printf("hint     what makes each loop end? And does every work-item of a group reach every barrier?\n");
  grade_print_place(job);
  return EXIT_CHECK_FAILED;
}

static int check(const exercise *e, const char *folder, const exercise_options *o) {
  grade_job job = {.exercise = e, .folder = folder, .where = device_choice(o->platform, o->device)};
  size_t bytes = 0;
  errno = 0;
  char *text = user_text_read(folder, e->file, &bytes);
  if (text == NULL && errno == ENOMEM) {
    complain("no host memory to read %s/%s", folder, e->file);
    return EXIT_BAD_INPUT;
  }
  if (text == NULL) {
    complain("%s/%s cannot be read ('clattn exercise start %s %s' makes it)", folder, e->file, e->name, folder);
    return EXIT_BAD_INPUT;
  }
  free(text);
  FILE *said = tmpfile();
  int code = EXIT_DEVICE_FAILED;
  switch (watch(grade, &job, said, &code)) {
  case WATCH_CRASHED:
    code = say_crash(&job, code, said);
    break;
  case WATCH_ENDLESS:
    code = say_endless(&job);
    break;
  case WATCH_FAILED:
    complain("cannot start another process for the kernel");
    code = EXIT_DEVICE_FAILED;
    break;
  default:
    fflush(stdout);
    crash_pass_on(said);
    break;
  }
  if (said != NULL) fclose(said);
  return code;
}

/* ---- the command
 * ------------------------------------------------------------------------------------------------------- */

static int complain_of_name(const char *action, const char *name) {
  char allowed[512] = "";
  size_t used = 0;
  for (size_t i = 0; i < exercise_count(); ++i)
    used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "", exercise_at(i)->name);
  if (name == NULL)
    complain("exercise %s: which one? (allowed: %s)", action, allowed);
  else
    complain("unknown exercise '%s' (allowed: %s)", name, allowed);
  return EXIT_BAD_INPUT;
}

static int run(const exercise_options *o) {
  const char *action = o->word[WORD_ACTION], *name = o->word[WORD_NAME];
  const bool starts = action != NULL && strcmp(action, "start") == 0;
  char standard[64];
  if (action != NULL && strcmp(action, "list") == 0) return list(o);
  if (action == NULL || (!starts && strcmp(action, "check") != 0)) {
    complain("exercise %s (allowed: list, start NAME [DIR], check NAME [DIR])", action == NULL ? "what?" : action);
    return EXIT_BAD_INPUT;
  }
  const exercise *e = name == NULL ? NULL : exercise_find(name);
  if (e == NULL) return complain_of_name(action, name);
  snprintf(standard, sizeof standard, "exercises/%s", e->name);
  const char *folder = o->word[WORD_FOLDER] != NULL ? o->word[WORD_FOLDER] : standard;
  return starts ? start(e, folder) : check(e, folder, o);
}

int command_exercise(int argc, const char **argv) {
  exercise_options options = {.device = NULL};
  int code = read_exercise_options(argc, argv, &options);
  if (code == GO_ON) code = run(&options);
  free_exercise_options(&options);
  return code;
}
