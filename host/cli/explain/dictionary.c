/* A dictionary, hard and soft: one-hot keys, compared more and more sharply, with the same
 * kernels as everything else. / */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/explain/print.h"
#include "cli/explain/demos.h"
#include "explain/text.h"

enum { WORDS = 3, QUERIES = 2, SHARPNESSES = 9 };

static const char *const animals[WORDS] = {"dog", "cat", "cow"};
static const char *const sounds[WORDS] = {"bark", "meow", "moo"};
static const float sharpness[SHARPNESSES] = {0, 1, 2, 4, 8, 16, 32, 64, 128};
static const char *const asked[QUERIES] = {"cat", "kitten"};
static const float asked_as[QUERIES][WORDS] = {{0, 1, 0}, {0.25f, 0.75f, 0}}; /* a kitten is mostly a cat */

typedef struct dictionary {
  clattn_problem problem;
  float q[SHARPNESSES][QUERIES][WORDS], k[SHARPNESSES][WORDS][WORDS], v[SHARPNESSES][WORDS][WORDS];
  float q_back[SHARPNESSES][QUERIES][WORDS], k_back[SHARPNESSES][WORDS][WORDS], v_back[SHARPNESSES][WORDS][WORDS];
  float scores[SHARPNESSES][QUERIES][WORDS], weights[SHARPNESSES][QUERIES][WORDS], context[SHARPNESSES][QUERIES][WORDS];
  clattn_check_report check;
} dictionary;

/* One sequence of the batch for each sharpness, by which its queries are multiplied. */
static void fill_dictionary(dictionary *d) {
  d->problem = (clattn_problem)CLATTN_PROBLEM_INIT;
  d->problem.source = CLATTN_SOURCE_QKV;
  d->problem.batch = SHARPNESSES;
  d->problem.query_len = QUERIES;
  d->problem.key_len = d->problem.head_dim = d->problem.value_dim = WORDS;
  d->problem.scale_mode = CLATTN_SCALE_GIVEN;
  d->problem.scale = 1.0f;
  for (size_t b = 0; b < SHARPNESSES; ++b) {
    for (size_t word = 0; word < WORDS; ++word) d->k[b][word][word] = d->v[b][word][word] = 1.0f;
    for (size_t i = 0; i < QUERIES; ++i)
      for (size_t word = 0; word < WORDS; ++word) d->q[b][i][word] = sharpness[b] * asked_as[i][word];
  }
}

static int run_dictionary(const run_options *o, dictionary *d) {
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .q = d->q, .k = d->k, .v = d->v};
  const clattn_outputs outputs = {.size = sizeof(clattn_outputs),
                                  .q = &d->q_back[0][0][0],
                                  .k = &d->k_back[0][0][0],
                                  .v = &d->v_back[0][0][0],
                                  .scores = &d->scores[0][0][0],
                                  .weights = &d->weights[0][0][0],
                                  .context = &d->context[0][0][0]};
  return demo_run(o, &d->problem, &inputs, &outputs, &d->check);
}

/* Looks a word up as a dictionary does: by an equal key. SIZE_MAX: there is none. */
static size_t look_up(const char *word) {
  for (size_t i = 0; i < WORDS; ++i)
    if (strcmp(animals[i], word) == 0) return i;
  return SIZE_MAX;
}

static bool print_query(const dictionary *d, size_t i, picture_folders pictures) {
  walk_step table = {.kind = WALK_TABLE};
  const char *const columns[] = {"w(dog)", "w(cat)", "w(cow)", "bark", "meow", "moo"};
  demo_name_columns(&table, columns, (size_t)2 * WORDS);
  for (size_t b = 0; b < SHARPNESSES; ++b) {
    char name[WALK_NAME];
    snprintf(name, sizeof name, "sharpness %g", (double)sharpness[b]);
    float *row = demo_add_row(&table, name);
    memcpy(row, d->weights[b][i], sizeof d->weights[b][i]);
    memcpy(row + WORDS, d->context[b][i], sizeof d->context[b][i]);
  }
  printf("\nquery \"%s\" = %g dog + %g cat + %g cow\n\n", asked[i], (double)asked_as[i][0], (double)asked_as[i][1],
         (double)asked_as[i][2]);
  char id[64], title[64];
  snprintf(id, sizeof id, "dictionary-%s", asked[i]);
  snprintf(title, sizeof title, "dictionary: weights of \"%s\"", asked[i]);
  print_table(&table);
  return pictures_write_table(&table, WORDS, id, title, pictures);
}

static void print_lookup(const dictionary *d, size_t i) {
  const size_t found = look_up(asked[i]);
  const float *answer = d->context[SHARPNESSES - 1][i];
  double off = 0.0;
  size_t most = 0;
  for (size_t word = 0; word < WORDS; ++word) {
    off = fmax(off, fabs((double)answer[word] - (word == found ? 1.0 : 0.0)));
    if (answer[word] > answer[most]) most = word;
  }
  if (found != SIZE_MAX && off > 0.0)
    printf("\n  The dictionary's answer to \"%s\" is \"%s\"; the last line is that, within %.1e.\n", asked[i],
           sounds[found], off);
  else if (found != SIZE_MAX)
    printf("\n  The dictionary's answer to \"%s\" is \"%s\"; the last line is exactly that.\n", asked[i],
           sounds[found]);
  else
    printf("\n  The dictionary has no key \"%s\" and no answer; attention answers \"%s\", with weight %.6f.\n",
           asked[i], sounds[most], (double)answer[most]);
}

int demo_dictionary(const run_options *o, picture_folders pictures) {
  dictionary *d = calloc(1, sizeof *d);
  if (d == NULL) {
    complain("no host memory for a dictionary");
    return EXIT_BAD_INPUT;
  }
  d->check = (clattn_check_report)CLATTN_CHECK_REPORT_INIT;
  fill_dictionary(d);
  int code = run_dictionary(o, d);
  if (code == GO_ON) {
    demo_headline("A dictionary, hard and soft: {dog: bark, cat: meow, cow: moo}");
    puts("A dictionary finds the one key that is equal. Attention compares with all keys and answers with a\n"
         "blend. The sharper the comparison (the query is multiplied), the larger is the share of the best\n"
         "match.");
    bool written = true;
    for (size_t i = 0; i < QUERIES && written; ++i) {
      written = print_query(d, i, pictures);
      print_lookup(d, i);
    }
    code = written ? demo_result(&d->check) : EXIT_BAD_INPUT;
  }
  free(d);
  return code;
}
