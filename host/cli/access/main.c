/* clattn-access: exact counts of what a kernel loads and stores, and a picture of it; and pictures of matrix units. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "recorder/compile.h"
#include "recorder/device.h"
#include "cli/files/file.h"
#include "base/file_system.h"
#include "cli/report/json_values.h"
#include "cli/options/option_values.h"
#include "cli/access/options.h"
#include "cli/access/report.h"

void complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("clattn-access: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

/* As in clattn, but without advice on devices. */
int complain_of(const clattn_error *error) {
  complain("%s", error->message);
  return error->status == CLATTN_INVALID_ARGUMENT || error->status == CLATTN_INVALID_PROBLEM ||
                 error->status == CLATTN_UNSUPPORTED
             ? EXIT_BAD_INPUT
             : EXIT_DEVICE_FAILED;
}

static bool has_passed(const subject *s) {
  for (size_t i = 0; i < s->count; ++i)
    if (s->launches[i].findings > 0) return false;
  return s->correct;
}

/* Draws what was recorded; NULL: the matrix unit. */
static bool draw(const access_options *o, const subject *s) {
  clattn_part_file part;
  errno = 0;
  if (clattn_part_open(&part, o->svg)) {
    if (s != NULL)
      report_picture(s, part.file);
    else
      unit_picture(&o->unit, part.file);
    if (clattn_part_place(&part, ferror(part.file) == 0)) return true;
  }
  complain("--svg %s: %s", o->svg, file_reason(errno));
  return false;
}

/* The results so far. */
typedef struct results {
  json_t *all; /* NULL: text is printed */
  size_t count;
  int code;
} results;

/* Returns GO_ON, or the exit code at which to stop. */
static int run_one(const access_options *o, const char *word, results *r) {
  subject s;
  const int code = subject_run(word, &o->sizes, &s);
  if (code != GO_ON) return code;
  if (o->svg != NULL && !draw(o, &s)) return EXIT_BAD_INPUT;
  if (!has_passed(&s)) r->code = EXIT_CHECK_FAILED;
  if (o->json) {
    json_add(r->all, report_json(&s));
    return GO_ON;
  }
  if (r->count++ > 0) putchar('\n');
  report_text(&s);
  return GO_ON;
}

static int run_all(const access_options *o) {
  results r = {.all = o->json ? json_array() : NULL, .code = EXIT_PASSED};
  int stop = GO_ON;
  char one[SUBJECT_WORD];
  for (const char **word = o->word; *word != NULL && stop == GO_ON; ++word)
    for (size_t next = 0; stop == GO_ON && subject_next(*word, &next, one);) stop = run_one(o, one, &r);
  if (stop == GO_ON && o->json)
    stop = json_print(r.all) ? GO_ON : EXIT_BAD_INPUT;
  else
    json_decref(r.all);
  return stop != GO_ON ? stop : r.code;
}

static int run(const access_options *o) {
  if (o->unit.unit != 0) return draw(o, NULL) ? EXIT_PASSED : EXIT_BAD_INPUT;
  const char *trouble = compile_begin();
  if (trouble != NULL) complain("%s", trouble);
  const int code = trouble == NULL ? run_all(o) : EXIT_BAD_INPUT;
  device_forget();
  programs_free();
  compile_end();
  return code;
}

int main(int argc, const char **argv) {
  access_options options;
  json_watch_memory();
  if (!options_are_once(argc, argv)) return EXIT_BAD_INPUT;
  int code = access_options_read(argc, argv, &options);
  if (code == GO_ON) code = run(&options);
  access_options_free(&options);
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  complain("cannot write to standard output");
  return code == EXIT_PASSED ? EXIT_BAD_INPUT : code;
}
