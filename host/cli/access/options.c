/* Reads the options of clattn-access. */
#include "cli/access/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options/option_values.h"

/* A page cannot show more. */
#define LARGEST 1024

/* No device has wider sub-groups. */
#define WIDEST 128

enum { TOKENS, KEY_TOKENS, HEADS, HEAD_DIM, MODEL_DIM, SUB_GROUP, NUMBERS };

static bool parse_numbers(access_options *o) {
  sizes *z = &o->sizes;
  const struct {
    const char *option;
    int64_t *value;
    int most;
  } all[NUMBERS] = {[TOKENS] = {"--tokens", &z->tokens, LARGEST},
                    [KEY_TOKENS] = {"--key-tokens", &z->key_tokens, LARGEST},
                    [HEADS] = {"--heads", &z->heads, LARGEST},
                    [HEAD_DIM] = {"--head-dim", &z->head_dim, LARGEST},
                    [MODEL_DIM] = {"--model-dim", &z->model_dim, LARGEST},
                    [SUB_GROUP] = {"--sub-group", &z->sub_group, WIDEST}};
  for (int i = 0; i < NUMBERS; ++i)
    if (o->text[i] != NULL && !parse_integer(all[i].option, o->text[i], (number_range){1, all[i].most}, all[i].value))
      return false;
  return true;
}

static bool check(const access_options *o) {
  if (o->word == NULL || o->word[0] == NULL) {
    complain("no kernel is given, as in 'clattn-access scores=tiled' (see 'clattn-access --help')");
    return false;
  }
  if (o->svg != NULL && (o->word[1] != NULL || strchr(o->word[0], '=') == NULL)) {
    complain("--svg %s: a picture shows one kernel (allowed: one STAGE=KERNEL)", o->svg);
    return false;
  }
  return true;
}

int access_options_read(int argc, const char **argv, access_options *o) {
  *o = (access_options){
      .sizes = {.tokens = 20, .key_tokens = 32, .heads = 1, .head_dim = 16, .model_dim = 16, .sub_group = NEIGHBOURS}};
  const struct poptOption table[] = {
      {"tokens", 0, POPT_ARG_STRING, &o->text[TOKENS], 0, "queries (20)", "N"},
      {"key-tokens", 0, POPT_ARG_STRING, &o->text[KEY_TOKENS], 0, "keys (32); project has as many keys as queries",
       "N"},
      {"heads", 0, POPT_ARG_STRING, &o->text[HEADS], 0, "(1)", "N"},
      {"head-dim", 0, POPT_ARG_STRING, &o->text[HEAD_DIM], 0, "of queries, keys and values (16)", "N"},
      {"model-dim", 0, POPT_ARG_STRING, &o->text[MODEL_DIM], 0, "of the input of project and the result of output (16)",
       "N"},
      {"sub-group", 0, POPT_ARG_STRING, &o->text[SUB_GROUP], 0, "most work-items of a sub-group, 1 to 128 (32)", "N"},
      {"causal", 0, POPT_ARG_NONE, &o->sizes.causal, 0, "a query at position p sees keys 0 ... p only", NULL},
      {"svg", 0, POPT_ARG_STRING, &o->svg, 0,
       "draw which work-items of the first work-group access what, phase by phase", "FILE"},
      {"json", 0, POPT_ARG_NONE, &o->json, 0, "print JSON: a list of all kernels", NULL},
      HELP_OPTION,
      POPT_TABLEEND};
  o->context = poptGetContext("clattn-access", argc, argv, table, 0);
  poptSetOtherOptionHelp(o->context, "[OPTIONS] STAGE|STAGE=KERNEL[:TILE=SIZE...] ...");
  const int code = poptGetNextOpt(o->context);
  if (code == OPTION_HELP) {
    poptPrintHelp(o->context, stdout, 0);
    puts("\nSTAGE runs all its kernels, as in 'clattn-access scores'. KERNEL is a number or a name, as in\n"
         "scores=tiled:TILE=16. Tile sizes that are not given are the smallest above 1. CLATTN_KERNEL_DIR\n"
         "names a folder whose kernel files replace the built-in ones. Exit codes: 0 passed; 1 a result is\n"
         "wrong, or a kernel races or leaves its buffers; 2 bad input, or no clang; 3 a kernel cannot be\n"
         "compiled.");
    return EXIT_PASSED;
  }
  if (code < -1) {
    complain("%s: %s (see 'clattn-access --help')", poptBadOption(o->context, POPT_BADOPTION_NOALIAS),
             poptStrerror(code));
    return EXIT_BAD_INPUT;
  }
  o->word = poptGetArgs(o->context);
  return check(o) && parse_numbers(o) ? GO_ON : EXIT_BAD_INPUT;
}

void access_options_free(access_options *o) {
  for (int i = 0; i < NUMBERS; ++i) free(o->text[i]);
  free(o->svg);
  poptFreeContext(o->context);
}
