/* Reads the options of `clattn tune`. */
#include "cli/tune/tune_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options/option_values.h"
#include "cli/options/read_options.h"

#define LARGEST 65536 /* of both: more would take the reference too long, and too much memory */

static bool parse_sizes(const char *option, const char *text, number_list *list) {
  return parse_list(option, text, (number_range){1, LARGEST}, list);
}

/* Only fused has kernels that multiply what is stored. */
static bool choose_stage(tune_options *o) {
  if (o->math == CLATTN_MATH_FLOAT || o->stage == CLATTN_STAGE_FUSED) return true;
  if (o->stage != CLATTN_STAGE_COUNT)
    complain("--math stored does not go with --stage %s (allowed: fused)", clattn_stage_name(o->stage));
  const bool all = o->stage == CLATTN_STAGE_COUNT;
  o->stage = CLATTN_STAGE_FUSED;
  return all;
}

static bool parse(tune_options *o) {
  return parse_type(o->type_text, &o->type) && parse_math(o->math_text, o->type, &o->math) &&
         parse_tuned_stage("--stage", o->stage_text, &o->stage) && choose_stage(o) &&
         parse_sizes("--head-dim", o->head_dims_text != NULL ? o->head_dims_text : "64,128", &o->head_dims) &&
         parse_sizes("--tokens", o->tokens_text != NULL ? o->tokens_text : "128,512,2048", &o->tokens);
}

int tune_options_read(int argc, const char **argv, tune_options *o) {
  const struct poptOption table[] = {
      {"quick", 0, POPT_ARG_NONE, &o->quick, 0, "try each tile size once, with fewer runs", NULL},
      {"head-dim", 0, POPT_ARG_STRING, &o->head_dims_text, 0, "of queries, keys and values (64,128)", "N,N,..."},
      {"tokens", 0, POPT_ARG_STRING, &o->tokens_text, 0,
       "lengths; each result also applies from half to twice its length (128,512,2048)", "N,N,..."},
      {"stage", 0, POPT_ARG_STRING, &o->stage_text, 0, "project, scores, softmax, context or fused (all)", "NAME"},
      {"type", 0, POPT_ARG_STRING, &o->type_text, 0, "storage type of the inputs: f32 (default), f16 or bf16", "TYPE"},
      {"math", 0, POPT_ARG_STRING, &o->math_text, 0,
       "arithmetic of fused: float (default), or stored, half where --type f16, device and kernel allow it", "MATH"},
      {"file", 0, POPT_ARG_STRING, &o->file, 0,
       "tuning record (CLATTN_TUNING_FILE, else a file per device in the user's cache folder)", "FILE"},
      DEVICE_OPTIONS(&o->device, &o->platform, "the best"),
      HELP_OPTION,
      POPT_TABLEEND};
  memset(o, 0, sizeof *o);
  poptContext context = open_options(argc, argv, table, NULL);
  int result = read_options(context, "tune");
  if (result == GO_ON && !parse(o)) result = EXIT_BAD_INPUT;
  poptFreeContext(context);
  return result;
}

void tune_options_free(tune_options *o) {
  char *const all[] = {o->platform,    o->device,     o->file,      o->head_dims_text,
                       o->tokens_text, o->stage_text, o->type_text, o->math_text};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) free(all[i]);
  free(o->head_dims.number);
  free(o->tokens.number);
}
