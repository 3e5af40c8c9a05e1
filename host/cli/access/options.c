/* Reads the options of clattn-access. */
#include "cli/access/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options/option_values.h"

#include "../../../kernels/common/matrix_units.h"

/* A page cannot show more. */
#define LARGEST 1024

/* No device has wider sub-groups. */
#define WIDEST 128

enum { TOKENS, KEY_TOKENS, HEADS, HEAD_DIM, MODEL_DIM, SUB_GROUP, UNIT, LANE, NUMBERS };

static bool parse_numbers(access_options *o) {
  sizes *z = &o->sizes;
  const struct {
    const char *option;
    int64_t *value;
    number_range range;
  } all[NUMBERS] = {[TOKENS] = {"--tokens", &z->tokens, {1, LARGEST}},
                    [KEY_TOKENS] = {"--key-tokens", &z->key_tokens, {1, LARGEST}},
                    [HEADS] = {"--heads", &z->heads, {1, LARGEST}},
                    [HEAD_DIM] = {"--head-dim", &z->head_dim, {1, LARGEST}},
                    [MODEL_DIM] = {"--model-dim", &z->model_dim, {1, LARGEST}},
                    [SUB_GROUP] = {"--sub-group", &z->sub_group, {1, WIDEST}},
                    [UNIT] = {"--unit", &o->unit.unit, {1, MATRIX_UNITS - 1}},
                    [LANE] = {"--lane", &o->unit.lane, {0, WIDEST - 1}}};
  for (int i = 0; i < NUMBERS; ++i)
    if (o->text[i] != NULL && !parse_integer(all[i].option, o->text[i], all[i].range, all[i].value)) return false;
  return true;
}

/* Whether an option is given that only a kernel has. */
static bool has_kernel_option(const access_options *o) {
  for (int i = 0; i < UNIT; ++i)
    if (o->text[i] != NULL) return true;
  return (o->word != NULL && o->word[0] != NULL) || o->sizes.causal || o->json;
}

static bool check_unit(const access_options *o) {
  if (o->text[UNIT] == NULL) {
    complain("%s is for a matrix unit (allowed: with --unit N)", o->unit.handed ? "--handed" : "--lane");
    return false;
  }
  if (o->svg == NULL || has_kernel_option(o)) {
    complain("--unit %s: a matrix unit is only drawn, and without a kernel (allowed: --svg FILE, --lane N, --handed)",
             o->text[UNIT]);
    return false;
  }
  return true;
}

static bool check_lane(const access_options *o) {
  const int lanes = MATRIX_LANES(o->unit.unit);
  if (o->unit.unit == 0 || o->unit.lane < lanes) return true;
  complain("--lane %s: no such lane (allowed: 0 to %d with --unit %s)", o->text[LANE], lanes - 1, o->text[UNIT]);
  return false;
}

static bool check(const access_options *o) {
  if (o->text[UNIT] != NULL || o->text[LANE] != NULL || o->unit.handed) return check_unit(o);
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
      .sizes = {.tokens = 20, .key_tokens = 32, .heads = 1, .head_dim = 16, .model_dim = 16, .sub_group = NEIGHBOURS},
      .unit = {.lane = 5}};
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
      {"unit", 0, POPT_ARG_STRING, &o->text[UNIT], 0,
       "draw which lane of this matrix unit holds which element, instead of a kernel; kernels/matrix.md", "N"},
      {"handed", 0, POPT_ARG_NONE, &o->unit.handed, 0, "draw how the unit's sums become the next product's left", NULL},
      {"lane", 0, POPT_ARG_STRING, &o->text[LANE], 0, "the unit's lane that stands out (5)", "N"},
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
  return check(o) && parse_numbers(o) && check_lane(o) ? GO_ON : EXIT_BAD_INPUT;
}

void access_options_free(access_options *o) {
  for (int i = 0; i < NUMBERS; ++i) free(o->text[i]);
  free(o->svg);
  poptFreeContext(o->context);
}
