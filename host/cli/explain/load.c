/* Opens the device, loads the input and walks: see load.h. */
#include "cli/explain/load.h"

#include <string.h>

#include "cli/command.h"
#include "cli/devices/open.h"
#include "cli/files/user_files.h"
#include "cli/input/past.h"
#include "cli/report/terminal.h"

/* Prints the error with options in place of what the library names. */
static int complain_of_walk(const clattn_error *error) {
  static const struct {
    const char *said, *option;
  } names[] = {{"focus ", "--focus "}, {"page: ", "--html: "}, {"tokens: ", "--tokens-from: "}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    const size_t length = strlen(names[i].said);
    if (strncmp(error->message, names[i].said, length) != 0) continue;
    complain("%s%s", names[i].option, error->message + length);
    return EXIT_BAD_INPUT;
  }
  return complain_of(error);
}

static int make(const run_options *o, const token_names *names, const char *focus, walk_form form, loaded_walk *l) {
  clattn_error error;
  char programs[4096], record[4096];
  const token_list *divided = &l->input.tokens; /* of a text */
  const bool named = names != NULL && names->count > 0;
  const walk_source source = {.problem = &l->input.problem,
                              .seen = &l->seen,
                              .inputs = &l->input.inputs,
                              .name = l->input.name,
                              .example = l->input.example,
                              .token = named                ? names->name
                                       : divided->count > 0 ? (const char *const *)divided->text
                                                            : NULL,
                              .tokens = named ? names->count : divided->count};
  clattn_plan_options options = user_plan_options(programs, sizeof programs);
  options.tuning_file = tuning_file_path(clattn_device_get_info(l->device), record, sizeof record);
  options.pipeline = o->pipeline;
  options.kernels = o->kernels;
  options.launch_seconds = o->launch_seconds;
  progress_show(1, 2, "building kernels, running and checking");
  const clattn_status status = clattn_walk_make(l->device, &options, &source, focus, form, &l->walk, &error);
  progress_clear();
  if (l->walk.plan != NULL) warn_of_wrong_kernels(l->walk.plan);
  return status == CLATTN_OK ? GO_ON : complain_of_walk(&error);
}

int walk_load(const run_options *o, const token_names *names, const char *focus, walk_form form, loaded_walk *l) {
  memset(l, 0, sizeof *l);
  clattn_error error;
  const clattn_device_choice choice = device_choice(o->platform, o->device);
  int code = input_load(o, &l->input);
  if (code == GO_ON && open_device(&choice, &l->device, &error) != CLATTN_OK) code = complain_of(&error);
  if (code == GO_ON) code = past_load(l->device, &l->input, &l->cache, &l->seen);
  return code == GO_ON ? make(o, names, focus, form, l) : code;
}

void walk_unload(loaded_walk *l) {
  clattn_walk_free(&l->walk);
  clattn_cache_destroy(l->cache);
  clattn_device_close(l->device);
  input_free(&l->input);
}
