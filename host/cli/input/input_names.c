/* Keeps input files from being overwritten: see input_names.h. */
#include "cli/input/input_names.h"

#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files/file.h"
#include "cli/files/tensor_file.h"

static bool is_spared(const char *input_option, const char *argument, const char *option, const char *path) {
  if (argument == NULL || !tensor_file_reads(argument, path)) return true;
  complain("%s: %s is the input of %s; it is not overwritten (allowed: another file or folder)", option, path,
           input_option);
  return false;
}

/* The files of a checkpoint folder that name no tensor. */
static bool model_is_spared(const run_options *o, const char *option, const char *path) {
  static const char *const names[] = {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"};
  bool spared = true;
  for (size_t i = 0; i < sizeof names / sizeof names[0] && spared; ++i) {
    char *file = file_join(o->model, names[i]);
    spared = file != NULL && is_spared("--model", file, option, path);
    free(file);
  }
  return spared;
}

bool inputs_are_spared(const run_options *o, const char *option, const char *path) {
  if (!file_exists(path)) return true;
  if (o->model != NULL && !model_is_spared(o, option, path)) return false;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const bool is_word = t == CLATTN_SLOPES && o->file[t] != NULL && strcmp(o->file[t], "auto") == 0;
    if (!is_word && !is_spared(file_option_name((clattn_tensor)t), o->file[t], option, path)) return false;
  }
  for (int i = 0; i < CACHE_FILES; ++i)
    if (!is_spared(cache_file_option((cache_file)i), o->cache_file[i], option, path)) return false;
  for (int i = 0; i < POSITION_FILES; ++i)
    if (!is_spared(position_file_option((position_file)i), o->position_file[i], option, path)) return false;
  return true;
}
