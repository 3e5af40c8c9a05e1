/* clattn-access: exact counts of what a kernel loads and stores, and a picture of it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "compile.h"
#include "device.h"
#include "options.h"
#include "report.h"

void complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("clattn-access: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

/* What is wrong with the options is said as by clattn itself. */
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

static bool draw(const subject *s, const char *file) {
  FILE *to = fopen(file, "w");
  if (to != NULL) {
    report_picture(s, to);
    const bool written = !ferror(to);
    if (fclose(to) == 0 && written) return true;
  }
  complain("cannot write %s: %s", file, strerror(errno));
  return false;
}

static int run_all(const access_options *o) {
  int result = EXIT_PASSED;
  json_t *all = o->json ? json_array() : NULL;
  for (const char **word = o->word; *word != NULL; ++word) {
    subject s;
    int code = subject_run(*word, &o->sizes, &s);
    if (code != -1) {
      json_decref(all);
      return code;
    }
    if (o->svg != NULL && !draw(&s, o->svg)) result = EXIT_BAD_INPUT;
    if (!has_passed(&s) && result == EXIT_PASSED) result = EXIT_CHECK_FAILED;
    if (o->json) {
      json_array_append_new(all, report_json(&s));
    } else {
      if (word != o->word) putchar('\n');
      report_text(&s);
    }
  }
  if (o->json && json_dumpf(all, stdout, JSON_INDENT(1)) == 0) putchar('\n');
  json_decref(all);
  return result;
}

static int run(const access_options *o) {
  const char *trouble = compile_begin();
  if (trouble != NULL) complain("%s", trouble);
  const int code = trouble == NULL ? run_all(o) : EXIT_BAD_INPUT;
  device_forget();
  compile_end();
  return code;
}

int main(int argc, const char **argv) {
  access_options options;
  int code = access_options_read(argc, argv, &options);
  if (code == -1) code = run(&options);
  access_options_free(&options);
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  complain("cannot write to standard output");
  return code == EXIT_PASSED ? EXIT_BAD_INPUT : code;
}
