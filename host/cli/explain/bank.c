/* One word, two meanings: *bank* in two sentences. Its vector and all matrices are the same;
 * what the other words offer makes its context that of a shore or of a financial institution. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/explain/print.h"
#include "cli/explain/demos.h"
#include "explain/text.h"
#include "explain/words.h"

enum { SENTENCES = 2, TOKENS = 4, FEATURES = 4, SENSES = 2, BANK = 2 };

static const char *const words[SENTENCES][TOKENS] = {{"the", "river", "bank", "floods"},
                                                     {"the", "savings", "bank", "closes"}};

/* clang-format off */
static const float x[SENTENCES][TOKENS][FEATURES] = {
    /*             water money ambiguous function */
    {/* the     */ {0,     0,   0,       1},
     /* river   */ {1,     0,   0,       0},
     /* bank    */ {0,     0,   1,       0},
     /* floods  */ {0.5f,  0,   0,       0}},
    {/* the     */ {0,     0,   0,       1},
     /* savings */ {0,     1,   0,       0},
     /* bank    */ {0,     0,   1,       0},
     /* closes  */ {0,     0.5f, 0,      0}}};

/* An ambiguous word asks for both meanings, and takes what the others offer. */
static const float wq[FEATURES][SENSES] = {
    /*              place institution */
    /* water     */ {0,   0},
    /* money     */ {0,   0},
    /* ambiguous */ {3,   3},
    /* function  */ {0,   0}};

static const float wk[FEATURES][SENSES] = {
    /*              place institution */
    /* water     */ {2,    0},
    /* money     */ {0,    2},
    /* ambiguous */ {0.5f, 0.5f},
    /* function  */ {0,    0}};

static const float wv[FEATURES][SENSES] = {
    /*              shore finance */
    /* water     */ {2,   0},
    /* money     */ {0,   2},
    /* ambiguous */ {1,   1},
    /* function  */ {0,   0}};
/* clang-format on */

typedef struct bank {
  float q[SENTENCES][TOKENS][SENSES], k[SENTENCES][TOKENS][SENSES], v[SENTENCES][TOKENS][SENSES];
  float scores[SENTENCES][TOKENS][TOKENS], weights[SENTENCES][TOKENS][TOKENS], context[SENTENCES][TOKENS][SENSES];
} bank;

static int run_bank(const run_options *o, bank *b, clattn_check_report *check) {
  clattn_problem problem = CLATTN_PROBLEM_INIT;
  problem.batch = SENTENCES;
  problem.query_len = problem.key_len = TOKENS;
  problem.model_dim = FEATURES;
  problem.head_dim = problem.value_dim = SENSES;
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .x = x, .wq = wq, .wk = wk, .wv = wv};
  const clattn_outputs outputs = {.size = sizeof(clattn_outputs),
                                  .q = &b->q[0][0][0],
                                  .k = &b->k[0][0][0],
                                  .v = &b->v[0][0][0],
                                  .scores = &b->scores[0][0][0],
                                  .weights = &b->weights[0][0][0],
                                  .context = &b->context[0][0][0]};
  return demo_run(o, &problem, &inputs, &outputs, check);
}

static void print_vector(const char *name, const float *values, const char *after) {
  char text[2][24];
  printf("%s[%s, %s]%s", name, clattn_text_own_digits((double)values[0], text[0]),
         clattn_text_own_digits((double)values[1], text[1]), after);
}

static bool print_sentence(const bank *b, size_t s, picture_folders pictures) {
  char column[TOKENS + SENSES][WALK_NAME], share[16];
  const char *names[TOKENS + SENSES];
  walk_step table = {.kind = WALK_TABLE};
  size_t most = 0;
  for (size_t t = 0; t < TOKENS; ++t) {
    snprintf(column[t], sizeof column[t], "w(%s)", words[s][t]);
    if (b->weights[s][BANK][t] > b->weights[s][BANK][most]) most = t;
  }
  snprintf(column[TOKENS], sizeof column[TOKENS], "shore");
  snprintf(column[TOKENS + 1], sizeof column[TOKENS + 1], "finance");
  for (size_t c = 0; c < TOKENS + SENSES; ++c) names[c] = column[c];
  demo_name_columns(&table, names, TOKENS + SENSES);
  float *row = demo_add_row(&table, "bank");
  memcpy(row, b->weights[s][BANK], sizeof b->weights[s][BANK]);
  memcpy(row + TOKENS, b->context[s][BANK], sizeof b->context[s][BANK]);
  printf("\n%s %s %s %s\n\n", words[s][0], words[s][1], words[s][2], words[s][3]);
  print_table(&table);
  printf("\n  \"bank\" gives %s to \"%s\", whose key is ", clattn_words_share((double)row[most], share),
         words[s][most]);
  print_vector("", b->k[s][most], ": ");
  printf("of place and institution it offers the %s.\n", b->k[s][most][0] > b->k[s][most][1] ? "first" : "second");
  char id[32];
  snprintf(id, sizeof id, "bank-%s", words[s][most]);
  for (size_t t = 0; t < TOKENS; ++t) snprintf(table.column[t], WALK_NAME, "%s", words[s][t]);
  return pictures_write_table(&table, TOKENS, id, "bank: weights of \"bank\"", pictures);
}

int demo_bank(const run_options *o, picture_folders pictures) {
  bank b = {.q = {{{0}}}};
  clattn_check_report check = CLATTN_CHECK_REPORT_INIT;
  const int code = run_bank(o, &b, &check);
  if (code != GO_ON) return code;
  demo_headline("One word, two meanings: bank");
  puts("The query of \"bank\" asks for both meanings, place and institution; the keys of the other words\n"
       "offer one or the other. Vector and matrices are the same in both sentences. Below: the weights and\n"
       "the context of \"bank\".");
  for (size_t s = 0; s < SENTENCES; ++s)
    if (!print_sentence(&b, s, pictures)) return EXIT_BAD_INPUT;
  bool same = true;
  for (size_t i = 0; i < SENSES; ++i)
    same = same && b.q[0][BANK][i] == b.q[1][BANK][i] && b.v[0][BANK][i] == b.v[1][BANK][i];
  putchar('\n');
  print_vector("q(bank) = ", b.q[0][BANK], ", ");
  print_vector("v(bank) = ", b.v[0][BANK],
               same ? " in both, bit for bit: the difference came through attention.\n" : "\n");
  return demo_result(&check);
}
