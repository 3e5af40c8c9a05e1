/* Reads the options of `clattn ladder`. */
#include "cli/ladder/ladder_options.h"

#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/ladder/ladder.h"
#include "cli/options/option_values.h"
#include "cli/options/read_options.h"

#define LARGEST 65536 /* more would take the reference too long, and too much memory */

static const struct {
  const char *name, *help;
  size_t standard; /* 0: as the help says */
} numbers[LADDER_NUMBERS] = {
    [LADDER_TOKENS] = {"--tokens", "queries (512)", 512},
    [LADDER_KEY_TOKENS] = {"--key-tokens", "keys and values (as many)", 0},
    [LADDER_MODEL_DIM] = {"--model-dim", "(512)", 512},
    [LADDER_HEADS] = {"--heads", "(8)", 8},
    [LADDER_KV_HEADS] = {"--kv-heads", "KV heads, a divisor of the heads (as many as heads)", 0},
    [LADDER_HEAD_DIM] = {"--head-dim", "of queries, keys and values (model_dim / heads)", 0},
};

static bool parse_numbers(ladder_options *o) {
  size_t *n = o->number;
  for (int i = 0; i < LADDER_NUMBERS; ++i) {
    int64_t value = 0;
    n[i] = numbers[i].standard;
    if (o->number_text[i] == NULL) continue;
    if (!parse_integer(numbers[i].name, o->number_text[i], (number_range){1, LARGEST}, &value)) return false;
    n[i] = (size_t)value;
  }
  if (n[LADDER_KEY_TOKENS] == 0) n[LADDER_KEY_TOKENS] = n[LADDER_TOKENS];
  if (n[LADDER_KV_HEADS] == 0) n[LADDER_KV_HEADS] = n[LADDER_HEADS];
  if (n[LADDER_HEADS] % n[LADDER_KV_HEADS] != 0) {
    complain("--kv-heads %zu (allowed: a divisor of --heads, %zu)", n[LADDER_KV_HEADS], n[LADDER_HEADS]);
    return false;
  }
  if (n[LADDER_HEAD_DIM] != 0) return true;
  n[LADDER_HEAD_DIM] = n[LADDER_MODEL_DIM] / n[LADDER_HEADS];
  if (n[LADDER_MODEL_DIM] % n[LADDER_HEADS] == 0) return true;
  complain("--model-dim %zu is not a multiple of %zu heads (allowed: a multiple, or --head-dim)", n[LADDER_MODEL_DIM],
           n[LADDER_HEADS]);
  return false;
}

static bool parse(ladder_options *o) {
  if (o->csv && o->json) {
    complain("--csv does not go with --json");
    return false;
  }
  return parse_tuned_stage("stage", o->word, &o->stage) && parse_type(o->type_text, &o->type) &&
         parse_math(o->math_text, o->type, &o->math) && parse_numbers(o);
}

int ladder_options_read(int argc, const char **argv, ladder_options *o) {
  struct poptOption sizes[LADDER_NUMBERS + 1];
  memset(o, 0, sizeof *o);
  memset(sizes, 0, sizeof sizes); /* the empty last line ends the table */
  for (int i = 0; i < LADDER_NUMBERS; ++i)
    sizes[i] =
        (struct poptOption){numbers[i].name + 2, 0, POPT_ARG_STRING, &o->number_text[i], 0, numbers[i].help, "N"};
  const struct poptOption table[] = {
      {NULL, 0, POPT_ARG_INCLUDE_TABLE, sizes, 0, "sizes:", NULL},
      {"causal", 0, POPT_ARG_NONE, &o->causal, 0, "a query sees the keys up to its own position (without predictions)",
       NULL},
      {"type", 0, POPT_ARG_STRING, &o->type_text, 0,
       "storage type of the inputs: f32, f16 or bf16 (f32); only fused reads them in it", "T"},
      {"math", 0, POPT_ARG_STRING, &o->math_text, 0,
       "arithmetic of fused: float (default), or stored, half where --type f16, device and kernel allow it", "MATH"},
      {"csv", 0, POPT_ARG_NONE, &o->csv, 0, "print CSV", NULL},
      {"json", 0, POPT_ARG_NONE, &o->json, 0, "print JSON", NULL},
      {"svg", 0, POPT_ARG_STRING, &o->svg, 0, "write ladder.svg and roofline.svg, drawn by gnuplot", "DIR"},
      DEVICE_OPTIONS(&o->device, &o->platform, "the best"),
      HELP_OPTION,
      POPT_TABLEEND};
  poptContext context = open_options(argc, argv, table, "[OPTIONS] [project | scores | softmax | context | fused]");
  int result = read_options_and_word(context, "ladder", &o->word);
  if (result == GO_ON && !parse(o)) result = EXIT_BAD_INPUT;
  poptFreeContext(context);
  return result;
}

void ladder_options_free(ladder_options *o) {
  char *const all[] = {o->platform, o->device, o->word, o->svg, o->type_text, o->math_text};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) free(all[i]);
  for (int i = 0; i < LADDER_NUMBERS; ++i) free(o->number_text[i]);
}
