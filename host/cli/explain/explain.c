/* `clattn explain`: a walk through attention, or one of the demonstrations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/explain/demos.h"
#include "cli/explain/explain_options.h"
#include "cli/files/file.h"
#include "cli/input/input_names.h"
#include "cli/explain/html.h"
#include "cli/explain/load.h"
#include "cli/explain/pictures.h"
#include "cli/explain/print.h"
#include "cli/report/terminal.h"

static int complain_of_word(const char *word) {
  char allowed[256];
  size_t used = 0;
  for (size_t i = 0; i < clattn_example_count(); ++i)
    used +=
        (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "", clattn_example_at(i)->name);
  for (size_t i = 0; i < demo_count(); ++i)
    used += (size_t)snprintf(allowed + used, sizeof allowed - used, ", %s", demo_at(i)->name);
  complain("unknown word '%s' (allowed: %s)", word, allowed);
  return EXIT_BAD_INPUT;
}

static bool has_input(const run_options *o) {
  return o->example != NULL || o->random != 0 || o->model != NULL || o->file[CLATTN_X] != NULL ||
         o->file[CLATTN_Q] != NULL;
}

/* Takes the word as the name of an example. */
static int take_example(explain_options *o) {
  if (o->run.example != NULL || has_input(&o->run)) {
    complain("more than one input: '%s' and %s", o->word, o->run.example != NULL ? "--example" : "other options");
    return EXIT_BAD_INPUT;
  }
  o->run.example = o->word;
  o->word = NULL;
  return GO_ON;
}

/* The first option that demonstrations, which have their own input and meaning, do not use;
 * NULL: none. */
static const char *first_unused(const demo *d, const explain_options *o) {
  const run_options *r = &o->run;
  const meaning_options *m = &r->meaning;
  const struct {
    bool given;
    const char *name;
  } all[] = {{o->focus != NULL, "--focus"},
             {o->picture[PICTURE_SVG] != NULL && !d->pictures, "--svg"},
             {o->picture[PICTURE_PNG] != NULL && !d->pictures, "--png"},
             {o->html != NULL, "--html"},
             {o->tokens_from != NULL, "--tokens-from"},
             {o->step != 0, "--step"},
             {r->example != NULL, "--example"},
             {r->random != 0, "--random"},
             {r->model != NULL, "--model"},
             {m->causal != 0, "--causal"},
             {m->layout_text != NULL, "--layout"},
             {m->type_text != NULL, "--type"},
             {m->math_text != NULL, "--math"},
             {m->scale_text != NULL, "--scale"},
             {m->softcap_text != NULL, "--softcap"},
             {m->align_text != NULL, "--align"},
             {m->window_left_text != NULL, "--window-left"},
             {m->window_right_text != NULL, "--window-right"},
             {m->positions_text != NULL, "--positions"},
             {m->rotary_text != NULL, "--rotary"}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    if (all[i].given) return all[i].name;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (r->file[t] != NULL) return file_option_name((clattn_tensor)t);
  for (int i = 0; i < NUMBER_COUNT; ++i)
    if (r->number_text[i] != NULL) return number_option_name((number_option)i);
  for (int i = 0; i < POSITION_FILES; ++i)
    if (r->position_file[i] != NULL) return position_file_option((position_file)i);
  for (int i = 0; i < LIST_COUNT; ++i)
    if (r->list_text[i] != NULL) return list_option_name((list_option)i);
  return NULL;
}

static int run_demo(const demo *d, const explain_options *o) {
  const char *unused = first_unused(d, o);
  if (unused == NULL) return pictures_prepare(o->picture) ? d->run(&o->run, o->picture) : EXIT_BAD_INPUT;
  complain("%s does not go with %s", unused, d->name);
  return EXIT_BAD_INPUT;
}

/* False if the reader ended it. */
static bool print_steps(const walk *w, bool wait) {
  for (size_t i = 0; i < w->steps; ++i) {
    print_step(w, i);
    if (wait && i + 1 < w->steps && !wait_for_enter()) {
      putchar('\n');
      return false;
    }
  }
  return true;
}

static void print_demos(const walk *w) {
  const example *e = w->example;
  for (size_t i = 0; e != NULL && i < demo_count(); ++i)
    if (strcmp(demo_at(i)->example, e->name) == 0)
      printf("\nclattn explain %s: %s\n", demo_at(i)->name, demo_at(i)->summary);
}

static int print_text(const explain_options *o, const token_names *names, const walk *w) {
  int code = GO_ON;
  print_begin_of(w);
  if (!print_steps(w, o->step != 0)) return GO_ON;
  if (o->run.meaning.scale_given) code = demo_scales(&o->run, names, w);
  print_end_of(w);
  print_demos(w);
  return code;
}

static int write_page(const explain_options *o, const walk *w) {
  print_begin_of(w);
  const bool written = html_write(w, o->html);
  if (written) print_end_of(w);
  return written ? GO_ON : EXIT_BAD_INPUT;
}

static int prepare_files(const explain_options *o, const walk *w) {
  if (o->html != NULL && !inputs_are_spared(&o->run, "--html", o->html)) return EXIT_BAD_INPUT;
  if (!pictures_spare_inputs(w, &o->run, o->picture) || !pictures_prepare(o->picture)) return EXIT_BAD_INPUT;
  return o->html != NULL && !html_prepare(o->html) ? EXIT_BAD_INPUT : GO_ON;
}

static int walk_through(const explain_options *o, const token_names *names) {
  loaded_walk loaded;
  const walk *w = &loaded.walk;
  int code = walk_load(&o->run, names, o->focus, o->html != NULL ? WALK_PAGE : WALK_TEXT, &loaded);
  if (code == GO_ON) code = prepare_files(o, w);
  if (code == GO_ON) {
    code = o->html != NULL ? write_page(o, w) : print_text(o, names, w);
    if (code == GO_ON || code == EXIT_PASSED) code = w->check.passed ? EXIT_PASSED : EXIT_CHECK_FAILED;
    if (!pictures_write(w, o->picture)) code = EXIT_BAD_INPUT;
  }
  walk_unload(&loaded);
  return code;
}

/* The names that --tokens-from gives, for inputs that have none of their own. */
static int read_names(const explain_options *o, token_names *names) {
  *names = (token_names){.count = 0};
  if (o->tokens_from == NULL) return GO_ON;
  if (o->run.example != NULL || !has_input(&o->run)) {
    complain("--tokens-from does not go with an example, whose tokens have names (allowed: with --x, --q or --random)");
    return EXIT_BAD_INPUT;
  }
  if (o->html != NULL && file_is_same(o->tokens_from, o->html)) {
    complain("--html: %s is the input of --tokens-from; it is not overwritten (allowed: another file)", o->html);
    return EXIT_BAD_INPUT;
  }
  return token_names_read(o->tokens_from, names) ? GO_ON : EXIT_BAD_INPUT;
}

static int walk_with_names(const explain_options *o) {
  token_names names;
  int code = read_names(o, &names);
  if (code == GO_ON) code = walk_through(o, &names);
  token_names_free(&names);
  return code;
}

int command_explain(int argc, const char **argv) {
  explain_options o;
  int code = explain_options_read(argc, argv, &o);
  if (code == GO_ON && o.run.explain != 0) {
    complain("--explain-plan goes only with 'clattn run'");
    code = EXIT_BAD_INPUT;
  }
  if (code == GO_ON && o.html != NULL && o.step != 0) {
    complain("--step does not go with --html, which prints no steps");
    code = EXIT_BAD_INPUT;
  }
  const demo *d = code == GO_ON && o.word != NULL ? demo_find(o.word) : NULL;
  if (code == GO_ON && d == NULL && o.word != NULL)
    code = clattn_example_find(o.word) != NULL ? take_example(&o) : complain_of_word(o.word);
  if (code == GO_ON) code = d != NULL ? run_demo(d, &o) : walk_with_names(&o);
  explain_options_free(&o);
  return print_failed() && code == EXIT_PASSED ? EXIT_BAD_INPUT : code;
}
