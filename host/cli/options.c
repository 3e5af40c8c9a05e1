/* Reads the options of `clattn run`, with popt, and refuses what contradicts itself. */
#include "options.h"

#include <math.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* One of a few words; the words themselves are in the message when it is none of them. */
static bool parse_word(const char *option, const char *text, const char *const *words, int count, int *value) {
  for (int i = 0; i < count; ++i) {
    if (strcmp(text, words[i]) != 0) continue;
    *value = i;
    return true;
  }
  char allowed[128] = "";
  for (int i = 0; i < count; ++i) {
    const size_t used = strlen(allowed);
    snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "", words[i]);
  }
  complain("%s %s (allowed: %s)", option, text, allowed);
  return false;
}

static bool parse_words(run_options *o) {
  static const char *const layouts[] = {"xw", "xwt"}, *const pipelines[] = {"staged", "blas"};
  static const char *const checks[] = {"auto", "full", "sample", "off"};
  int value = 0;
  if (o->layout_text != NULL) {
    if (!parse_word("--layout", o->layout_text, layouts, 2, &value)) return false;
    o->layout = (clattn_weight_layout)value;
    o->layout_given = true;
  }
  if (o->pipeline_text != NULL) {
    if (!parse_word("--pipeline", o->pipeline_text, pipelines, 2, &value)) return false;
    o->pipeline = (clattn_pipeline)value;
  }
  if (o->check_text != NULL) {
    if (!parse_word("--check", o->check_text, checks, 4, &value)) return false;
    o->check = (check_mode)value;
  }
  if (o->scale_text != NULL) {
    char *end = NULL;
    o->scale = strtof(o->scale_text, &end);
    o->scale_given = true;
    if (end == o->scale_text || *end != '\0' || !isfinite(o->scale)) {
      complain("--scale %s (allowed: any finite number)", o->scale_text);
      return false;
    }
  }
  return true;
}

static const struct {
  const char *name;
  size_t least;
} numbers[NUMBER_COUNT] = {
    [NUMBER_BATCH] = {"--batch", 1},         [NUMBER_TOKENS] = {"--tokens", 1},
    [NUMBER_MODEL_DIM] = {"--model-dim", 1}, [NUMBER_HEAD_DIM] = {"--head-dim", 1},
    [NUMBER_VALUE_DIM] = {"--value-dim", 1}, [NUMBER_HEADS] = {"--heads", 1},
    [NUMBER_REPEAT] = {"--repeat", 1},       [NUMBER_SEED] = {"--seed", 0},
};

/* Decimal digits and nothing else. popt's own numbers take 010 for 8 and do not name the option when they fail. */
static bool parse_numbers(run_options *o) {
  o->number[NUMBER_SEED] = 1;
  for (int i = 0; i < NUMBER_COUNT; ++i) {
    const char *text = o->number_text[i];
    if (text == NULL) continue;
    const bool digits = text[0] != '\0' && strlen(text) <= 10 && strspn(text, "0123456789") == strlen(text);
    const unsigned long long value = digits ? strtoull(text, NULL, 10) : 0;
    if (!digits || value < numbers[i].least || value > INT32_MAX) {
      complain("%s %s (allowed: %zu to %d)", numbers[i].name, text, numbers[i].least, INT32_MAX);
      return false;
    }
    o->number[i] = (size_t)value;
  }
  return true;
}

static bool check_input(const run_options *o) {
  const int files = (o->x != NULL) + (o->wq != NULL) + (o->wk != NULL) + (o->wv != NULL);
  if ((o->example != NULL) + (o->random != 0) + (files > 0) > 1) {
    complain("more than one input (allowed: --example, or --random, or --x with --wq, --wk and --wv)");
    return false;
  }
  if (files > 0 && files < 4) {
    complain("%s is missing (--x, --wq, --wk and --wv go together)", o->x == NULL    ? "--x"
                                                                     : o->wq == NULL ? "--wq"
                                                                     : o->wk == NULL ? "--wk"
                                                                                     : "--wv");
    return false;
  }
  for (int i = NUMBER_BATCH; !o->random && i <= NUMBER_VALUE_DIM; ++i)
    if (o->number[i] != 0) {
      complain("%s goes with --random alone; here the input has its own size", numbers[i].name);
      return false;
    }
  return true;
}

int run_options_read(int argc, const char **argv, run_options *o) {
  *o = (run_options){.random = 0};
  const struct poptOption input[] = {
      {"example", 0, POPT_ARG_STRING, &o->example, 0,
       "an article's example, please-study-man if no input is given; "
       "also dog-chased-ball, cat-sat-down, love-apple-phones",
       "NAME"},
      {"x", 0, POPT_ARG_STRING, &o->x, 0, "X as .npy, (tokens, model_dim) or (batch, tokens, model_dim)", "FILE"},
      {"wq", 0, POPT_ARG_STRING, &o->wq, 0,
       "Wq as .npy, (model_dim, heads.head_dim), or the other way round with --layout xwt; all files are f4 or f8",
       "FILE"},
      {"wk", 0, POPT_ARG_STRING, &o->wk, 0, "Wk, likewise", "FILE"},
      {"wv", 0, POPT_ARG_STRING, &o->wv, 0, "Wv, (model_dim, heads.value_dim), likewise", "FILE"},
      {"random", 0, POPT_ARG_NONE, &o->random, 0, "random X and matrices of the sizes below", NULL},
      {"seed", 0, POPT_ARG_STRING, &o->number_text[NUMBER_SEED], 0, "of the random input and of the sample of rows (1)",
       "N"},
      {"batch", 0, POPT_ARG_STRING, &o->number_text[NUMBER_BATCH], 0, "(1)", "N"},
      {"tokens", 0, POPT_ARG_STRING, &o->number_text[NUMBER_TOKENS], 0, "(1024)", "N"},
      {"model-dim", 0, POPT_ARG_STRING, &o->number_text[NUMBER_MODEL_DIM], 0, "(512)", "N"},
      {"head-dim", 0, POPT_ARG_STRING, &o->number_text[NUMBER_HEAD_DIM], 0, "of queries and keys (model_dim / heads)",
       "N"},
      {"value-dim", 0, POPT_ARG_STRING, &o->number_text[NUMBER_VALUE_DIM], 0, "of values (head_dim)", "N"},
      POPT_TABLEEND};
  const struct poptOption meaning[] = {
      {"heads", 0, POPT_ARG_STRING, &o->number_text[NUMBER_HEADS], 0,
       "(1; with --random 8); head_dim = columns of the matrix / heads", "N"},
      {"layout", 0, POPT_ARG_STRING, &o->layout_text, 0,
       "xw: Q = X.W (default), or xwt: Q = X.W^T; examples and "
       "random matrices are transposed to fit, files are taken to be so",
       "LAYOUT"},
      {"causal", 0, POPT_ARG_NONE, &o->causal, 0, "query i sees keys 0 ... i only", NULL},
      {"scale", 0, POPT_ARG_STRING, &o->scale_text, 0, "factor of Q.K^T (1 / sqrt(head_dim))", "S"},
      POPT_TABLEEND};
  const struct poptOption device[] = {
      {"device", 0, POPT_ARG_STRING, &o->device, 0, "index or part of the name (CLATTN_DEVICE, else the best)", "D"},
      {"platform", 0, POPT_ARG_STRING, &o->platform, 0, "index or part of the name", "P"},
      {"pipeline", 0, POPT_ARG_STRING, &o->pipeline_text, 0, "staged (default) or blas", "NAME"},
      {"kernel", 0, POPT_ARG_STRING, &o->kernels, 0,
       "choose rungs by hand: scores=2,softmax=naive; tile sizes behind "
       "colons: scores=tiled:TILE=8",
       "LIST"},
      POPT_TABLEEND};
  const struct poptOption output[] = {
      {"check", 0, POPT_ARG_STRING, &o->check_text, 0,
       "auto (default: full, or a sample of rows when full would take "
       "long), full, sample or off",
       "HOW"},
      {"repeat", 0, POPT_ARG_STRING, &o->number_text[NUMBER_REPEAT], 0,
       "timed runs behind one to warm up; the fastest counts (3)", "N"},
      {"out", 0, POPT_ARG_STRING, &o->out, 0, "write context as .npy", "FILE"},
      {"save", 0, POPT_ARG_STRING, &o->save, 0, "write q, k, v, scores, weights and context as .npy", "DIR"},
      {"json", 0, POPT_ARG_NONE, &o->json, 0, "print JSON", NULL},
      POPT_TABLEEND};
#define SECTION(table, title)                                                                                          \
  { NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)(uintptr_t)(table), 0, title, NULL }
  const struct poptOption all[] = {SECTION(input, "input:"),
                                   SECTION(meaning, "meaning:"),
                                   SECTION(device, "device and plan:"),
                                   SECTION(output, "output:"),
                                   HELP_OPTION,
                                   POPT_TABLEEND};
#undef SECTION
  poptContext context = poptGetContext("clattn", argc, argv, all, 0);
  poptSetOtherOptionHelp(context, "[OPTIONS]");
  const int code = poptGetNextOpt(context);
  int result = -1;
  const char *unexpected = poptPeekArg(context);
  if (code == OPTION_HELP) {
    poptPrintHelp(context, stdout, 0);
    result = EXIT_PASSED;
  } else if (code < -1) {
    complain("%s: %s (see 'clattn help run')", poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(code));
    result = EXIT_BAD_INPUT;
  } else if (unexpected != NULL) {
    complain("unexpected argument '%s' (see 'clattn help run')", unexpected);
    result = EXIT_BAD_INPUT;
  } else if (!parse_words(o) || !parse_numbers(o) || !check_input(o)) {
    result = EXIT_BAD_INPUT;
  }
  poptFreeContext(context);
  return result;
}

void run_options_free(run_options *o) {
  char *const all[] = {o->example,       o->x,          o->wq,     o->wk,       o->wv,
                       o->layout_text,   o->scale_text, o->device, o->platform, o->kernels,
                       o->pipeline_text, o->check_text, o->out,    o->save};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) free(all[i]);
  for (int i = 0; i < NUMBER_COUNT; ++i) free(o->number_text[i]);
  *o = (run_options){.random = 0};
}
