/* `clattn model DIR`: the walk through the attention of a model's layer. */
#include <popt.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/explain/load.h"
#include "cli/explain/print.h"

typedef struct model_options {
  run_options run;
  char *folder, *focus;
} model_options;

static int read_all(int argc, const char **argv, model_options *o) {
  *o = (model_options){.focus = NULL};
  struct poptOption table[] = {
      {"focus", 0, POPT_ARG_STRING, &o->focus, 0, "show only one query: a token of the text, or its number", "TOKEN"},
      POPT_TABLEEND};
  const own_options own = {.command = "model",
                           .table = table,
                           .title = "walk:",
                           .usage = "DIR [--text TEXT] [OPTIONS]",
                           .word = &o->folder,
                           .word_is_model = true};
  return own_options_read(argc, argv, &own, &o->run);
}

static int walk_through(const model_options *o) {
  loaded_walk loaded;
  const walk *w = &loaded.walk;
  int code = walk_load(&o->run, NULL, o->focus, WALK_TEXT, &loaded);
  if (code == GO_ON) {
    print_begin_of(w);
    for (size_t i = 0; i < w->steps; ++i) print_step(w, i);
    print_end_of(w);
    code = print_failed() ? EXIT_BAD_INPUT : w->check.passed ? EXIT_PASSED : EXIT_CHECK_FAILED;
  }
  walk_unload(&loaded);
  return code;
}

int command_model(int argc, const char **argv) {
  model_options o;
  int code = read_all(argc, argv, &o);
  if (code == GO_ON && o.run.explain != 0) {
    complain("--explain-plan goes only with 'clattn run'");
    code = EXIT_BAD_INPUT;
  }
  if (code == GO_ON) code = walk_through(&o);
  run_options_free(&o.run);
  free(o.folder);
  free(o.focus);
  return code;
}
