/* Reads the options of `clattn compare`. */
#include "cli/compare/compare_options.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options/option_values.h"
#include "cli/options/read_options.h"

static const struct {
  number_option number;
  const char *name, *help;
  number_range range;
  size_t standard; /* 0: as the help says */
} numbers[] = {
    {NUMBER_TOKENS, "--tokens", "length (1024; with --sweep the last one, 4096)", {1, CLATTN_LARGEST_SIZE}, 0},
    {NUMBER_BATCH, "--batch", "sequences (1)", {1, CLATTN_LARGEST_SIZE}, 1},
    {NUMBER_MODEL_DIM, "--model-dim", "columns of X (512)", {1, CLATTN_LARGEST_SIZE}, 512},
    {NUMBER_HEADS, "--heads", "(8)", {1, CLATTN_LARGEST_SIZE}, 8},
    {NUMBER_KV_HEADS, "--kv-heads", "KV heads, a divisor of the heads (as many as heads)", {1, CLATTN_LARGEST_SIZE}, 0},
    {NUMBER_HEAD_DIM, "--head-dim", "of queries and keys (model_dim / heads)", {1, CLATTN_LARGEST_SIZE}, 0},
    {NUMBER_VALUE_DIM, "--value-dim", "of values (head_dim)", {1, CLATTN_LARGEST_SIZE}, 0},
    {NUMBER_SEED, "--seed", "of the random input (1)", {0, INT32_MAX}, 1},
    {NUMBER_REPEAT,
     "--repeat",
     "timed runs of each contestant, in turn (3 to 21, as time allows)",
     {1, COMPARE_MOST_RUNS},
     0},
};
enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

static bool parse_numbers(compare_options *o) {
  for (int i = 0; i < NUMBERS; ++i) {
    const char *text = o->input.number_text[numbers[i].number];
    int64_t value = (int64_t)numbers[i].standard;
    if (text != NULL && !parse_integer(numbers[i].name, text, numbers[i].range, &value)) return false;
    o->input.number[numbers[i].number] = (size_t)value;
  }
  size_t *tokens = &o->input.number[NUMBER_TOKENS];
  if (*tokens == 0) *tokens = o->sweep ? 4096 : 1024;
  if (!o->sweep || *tokens >= COMPARE_LEAST_TOKENS) return true;
  complain("--tokens %zu (allowed with --sweep: %d or more; it begins there)", *tokens, COMPARE_LEAST_TOKENS);
  return false;
}

static bool parse_pipeline(compare_options *o) {
  enum { FIRST = CLATTN_PIPELINE_STAGED, ALL = CLATTN_PIPELINE_COUNT - FIRST };
  const char *names[ALL + 1];
  int value = CLATTN_PIPELINE_FUSED - FIRST;
  for (int i = 0; i < ALL; ++i) names[i] = clattn_pipeline_name((clattn_pipeline)(FIRST + i));
  names[ALL] = "all";
  const char *text = o->input.pipeline_text;
  if (text != NULL && !parse_word("--pipeline", text, names, ALL + 1, &value)) return false;
  for (int i = 0; i < ALL; ++i) o->pipelines[FIRST + i] = value == i || value == ALL;
  return true;
}

static bool parse(compare_options *o) {
  o->input.random = 1;
  o->seconds = 4.0f;
  if (o->svg != NULL && !o->sweep) {
    complain("--svg is given without --sweep");
    return false;
  }
  if (o->seconds_text != NULL && !parse_float("--seconds", o->seconds_text, FLT_TRUE_MIN, &o->seconds)) return false;
  return parse_meaning(&o->input.meaning) && parse_numbers(o) && parse_pipeline(o);
}

int compare_options_read(int argc, const char **argv, compare_options *o) {
  struct poptOption sizes[NUMBERS + 1];
  run_options *in = &o->input;
  memset(o, 0, sizeof *o);
  memset(sizes, 0, sizeof sizes); /* the empty last line ends the table */
  for (int i = 0; i < NUMBERS; ++i)
    sizes[i] = (struct poptOption){numbers[i].name + 2, 0,  POPT_ARG_STRING, &in->number_text[numbers[i].number], 0,
                                   numbers[i].help,     "N"};
  const struct poptOption table[] = {
      {NULL, 0, POPT_ARG_INCLUDE_TABLE, sizes, 0, "the problem, with random X and matrices:", NULL},
      {"causal", 0, POPT_ARG_NONE, &in->meaning.causal, 0, "a query sees the keys up to its own position", NULL},
      {"type", 0, POPT_ARG_STRING, &in->meaning.type_text, 0,
       "storage type of X, matrices and output: f32 (default), f16 or bf16", "TYPE"},
      {"layout", 0, POPT_ARG_STRING, &in->meaning.layout_text, 0, "xw: Q = X.W (default), or xwt: Q = X.W^T", "LAYOUT"},
      {"sweep", 0, POPT_ARG_NONE, &o->sweep, 0,
       "lengths 16, 32, ... up to --tokens; shows from which length on one is faster than another", NULL},
      {"seconds", 0, POPT_ARG_STRING, &o->seconds_text, 0, "leave out contestants that take longer for one run (4)",
       "S"},
      {"csv", 0, POPT_ARG_STRING, &o->csv, 0, "write the table as CSV", "FILE"},
      {"svg", 0, POPT_ARG_STRING, &o->svg, 0, "with --sweep: draw time against length with gnuplot", "FILE"},
      {"json", 0, POPT_ARG_NONE, &o->json, 0, "print JSON", NULL},
      {"pipeline", 0, POPT_ARG_STRING, &in->pipeline_text, 0, "of the devices: staged, blas, fused (default) or all",
       "NAME"},
      {"blas", 0, POPT_ARG_STRING, &o->blas, 0, "library with cblas_sgemm (OpenBLAS, where the system finds it)",
       "FILE"},
      DEVICE_OPTIONS(&in->device, &in->platform, "all"),
      HELP_OPTION,
      POPT_TABLEEND};
  poptContext context = open_options(argc, argv, table, NULL);
  int result = read_options(context, "compare");
  if (result == GO_ON && !parse(o)) result = EXIT_BAD_INPUT;
  poptFreeContext(context);
  return result;
}

void compare_options_free(compare_options *o) {
  char *const all[] = {o->csv, o->svg, o->blas, o->seconds_text};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) free(all[i]);
  run_options_free(&o->input);
}
