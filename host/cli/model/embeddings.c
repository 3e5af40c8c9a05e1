/* Embeddings of BERT and GPT-2: see embeddings.h. */
#include "cli/model/embeddings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files/tensor_file.h"
#include "cli/model/checkpoint.h"
#include "cli/model/config.h"
#include "cli/model/families.h"

enum { WORDS, PLACES, TYPES, NORM_WEIGHT, NORM_BIAS, TABLES };

/* The names of the tables; NULL: the model has none. */
typedef struct embedding {
  const char *base; /* what comes before them in a whole model; "": its type */
  const char *name[TABLES];
  const char *epsilon_key;
  double epsilon; /* where config.json does not say */
} embedding;

static const embedding embeddings[] = {
    [WORDS_BERT] = {"",
                    {"embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight",
                     "embeddings.token_type_embeddings.weight", "embeddings.LayerNorm.weight",
                     "embeddings.LayerNorm.bias"},
                    "layer_norm_eps",
                    1e-12},
    [WORDS_GPT2] = {"transformer",
                    {"wte.weight", "wpe.weight", NULL, "h.0.ln_1.weight", "h.0.ln_1.bias"},
                    "layer_norm_epsilon",
                    1e-5},
};

/* The tables are those of the whole model, or of its base alone. */
static bool find_prefix(const checkpoint *files, const embedding *e, const char *type, char prefix[64]) {
  char name[128];
  for (int i = 0; i < 2; ++i) {
    snprintf(prefix, 64, "%s%s", i == 0 ? "" : e->base[0] != '\0' ? e->base : type, i == 0 ? "" : ".");
    snprintf(name, sizeof name, "%s%s", prefix, e->name[WORDS]);
    if (checkpoint_has(files, name)) return true;
  }
  complain("--text: there is no tensor %s in %s", e->name[WORDS], files->path);
  return false;
}

static bool read_table(const checkpoint *files, const char *prefix, const char *part, int t, size_t columns, array *a) {
  char name[128], message[1024];
  const int rank = t == NORM_WEIGHT || t == NORM_BIAS ? 1 : 2;
  if (part == NULL) return true;
  snprintf(name, sizeof name, "%s%s", prefix, part);
  if (t == TYPES && !checkpoint_has(files, name)) return true; /* distilbert has none */
  char *argument = checkpoint_argument(files, name);
  const bool read = argument != NULL && tensor_file_read(argument, a, message, sizeof message) == FILE_OK;
  if (!read) complain("--text: %s", argument != NULL ? message : "no memory for a name");
  free(argument);
  if (!read) return false;
  if (a->rank == rank && a->count > 0 && (columns == 0 || a->shape[a->rank - 1] == columns)) return true;
  char shape[ARRAY_TUPLE_SIZE];
  array_format_tuple(shape, a->shape, a->rank);
  complain("--text: %s is %s (allowed: %d dimensions, as many columns as the words have)", name, shape, rank);
  return false;
}

static void normalise(const array *table, double epsilon, float *row) {
  const size_t count = table[WORDS].shape[1];
  double mean = 0.0, square = 0.0;
  for (size_t c = 0; c < count; ++c) mean += (double)row[c] / (double)count;
  for (size_t c = 0; c < count; ++c) square += ((double)row[c] - mean) * ((double)row[c] - mean) / (double)count;
  for (size_t c = 0; c < count; ++c)
    row[c] = (float)(((double)row[c] - mean) / sqrt(square + epsilon) * (double)table[NORM_WEIGHT].data[c] +
                     (double)table[NORM_BIAS].data[c]);
}

static bool ids_fit(const array *table, const token_list *tokens) {
  if (tokens->count > table[PLACES].shape[0]) {
    complain("--text has %zu tokens (allowed: up to %zu, the model's positions)", tokens->count,
             table[PLACES].shape[0]);
    return false;
  }
  for (size_t i = 0; i < tokens->count; ++i)
    if (tokens->id[i] >= table[WORDS].shape[0]) {
      complain("--text: token %s is number %zu of the vocabulary, the model has %zu words", tokens->text[i],
               tokens->id[i], table[WORDS].shape[0]);
      return false;
    }
  return true;
}

static bool add_up(const array *table, const token_list *tokens, double epsilon, array *x) {
  const size_t columns = table[WORDS].shape[1];
  if (!ids_fit(table, tokens)) return false;
  *x = (array){.rank = 2, .shape = {tokens->count, columns}, .count = tokens->count * columns, .type = NPY_F4};
  x->data = malloc(x->count * sizeof *x->data);
  if (x->data == NULL) complain("no host memory for %zu embeddings", tokens->count);
  for (size_t i = 0; x->data != NULL && i < tokens->count; ++i) {
    float *row = x->data + i * columns;
    for (size_t c = 0; c < columns; ++c)
      row[c] = table[WORDS].data[tokens->id[i] * columns + c] + table[PLACES].data[i * columns + c] +
               (table[TYPES].data != NULL ? table[TYPES].data[c] : 0.0f);
    normalise(table, epsilon, row);
  }
  return x->data != NULL;
}

static bool embed(const run_options *o, const json_t *config, const checkpoint *files, model_words words, array *x,
                  token_list *tokens) {
  const embedding *e = &embeddings[words];
  array table[TABLES] = {{.data = NULL}};
  char prefix[64];
  double epsilon = e->epsilon;
  bool good = find_prefix(files, e, config_text(config, "model_type"), prefix) &&
              config_number(config, e->epsilon_key, &epsilon) && vocabulary_divide(o->model, words, o->text, tokens);
  for (int t = 0; t < TABLES && good; ++t)
    good = read_table(files, prefix, e->name[t], t, t == WORDS ? 0 : table[WORDS].shape[1], &table[t]);
  good = good && add_up(table, tokens, epsilon, x);
  for (int t = 0; t < TABLES; ++t) array_free(&table[t]);
  return good;
}

/* model_fill has read the configuration before, and knows the family. */
bool model_embed(const run_options *o, array *x, token_list *tokens) {
  checkpoint files = {.path = NULL};
  *tokens = (token_list){.count = 0};
  if (o->number[NUMBER_LAYER] != 0) {
    complain("--text goes only with --layer 0: layer %zu reads what all of the layers below it make, with their "
             "feed-forward networks, which clattn does not compute (allowed: its input as --x)",
             o->number[NUMBER_LAYER]);
    return false;
  }
  json_t *config = model_json_read("--model", o->model, "config.json");
  const model_family *family = config != NULL ? model_family_find(config_text(config, "model_type")) : NULL;
  bool good = family != NULL;
  if (good && family->words == WORDS_NONE) {
    complain("--text: the words of a model of the type %s are not read (allowed: those of bert, distilbert, gpt2; for "
             "others the input of the layer as --x)",
             family->type);
    good = false;
  }
  good = good && checkpoint_find(o->model, &files) && embed(o, config, &files, family->words, x, tokens);
  checkpoint_free(&files);
  json_decref(config);
  return good;
}
