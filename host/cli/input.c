/* Builds the problem: from an example, from files, or at random; then what its meaning is, and its storage type. */
#include "input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "tensor_file.h"

/* ---- memory and layout ------------------------------------------------------------------------------------------- */

float *input_allocate(size_t count) {
  float *memory = count <= SIZE_MAX / sizeof(float) ? malloc((count > 0 ? count : 1) * sizeof *memory) : NULL;
  if (memory == NULL) complain("no host memory for a matrix of %.1f GiB", (double)count * sizeof(float) / 1073741824.0);
  return memory;
}

bool input_divide(const char *what, size_t columns, size_t heads, size_t *dim) {
  if (columns % heads != 0 || columns == 0) {
    complain("%s has %zu columns, which %zu heads do not divide (allowed: a number of heads that does)", what, columns,
             heads);
    return false;
  }
  *dim = columns / heads;
  return true;
}

bool input_groups_fit(const clattn_problem *p) {
  if (p->kv_heads == 0 || p->heads % p->kv_heads == 0) return true;
  complain("--kv-heads %zu (allowed: a divisor of the heads, %zu)", p->kv_heads, p->heads);
  return false;
}

bool input_read(const char *option, const char *argument, array *a) {
  char message[1024];
  if (argument[0] == '\0') {
    complain("%s: an empty name (allowed: the name of a file)", option);
    return false;
  }
  if (tensor_file_read(argument, a, message, sizeof message) == FILE_OK) return true;
  complain("%s: %s", option, message);
  return false;
}

/* Only fields that nothing but their option sets. */
int input_complain_of(const clattn_error *error) {
  static const struct {
    const char *field, *option;
  } names[] = {{"window_left is", "--window-left is"},
               {"window_right is", "--window-right is"},
               {"offset is", "--align is"},
               {"rotary_dim is", "--rotary-dim is"},
               {"cache.capacity is", "--cache-capacity is"},
               {"positions are", "--positions: they are"}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    const size_t length = strlen(names[i].field);
    if (error->status != CLATTN_INVALID_PROBLEM || strncmp(error->message, names[i].field, length) != 0) continue;
    complain("%s%s", names[i].option, error->message + length);
    return EXIT_BAD_INPUT;
  }
  return complain_of(error);
}

/* ---- examples ---------------------------------------------------------------------------------------------------- */

static int complain_of_example(const char *name) {
  char allowed[256] = "";
  for (size_t i = 0; i < example_count(); ++i) {
    const size_t used = strlen(allowed);
    snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "", example_at(i)->name);
  }
  complain("--example %s (allowed: %s)", name, allowed);
  return EXIT_BAD_INPUT;
}

/* The example's matrix as it is, or turned into the layout that was asked for, so that Q, K and V stay the same. */
static float *example_matrix(const example *e, const float *w, size_t columns, clattn_weight_layout wanted) {
  float *copy = input_allocate(e->model_dim * columns);
  const size_t height = e->layout == CLATTN_LAYOUT_XWT ? columns : e->model_dim;
  const size_t width = e->layout == CLATTN_LAYOUT_XWT ? e->model_dim : columns;
  for (size_t r = 0; copy != NULL && r < height; ++r)
    for (size_t c = 0; c < width; ++c) copy[wanted == e->layout ? r * width + c : c * height + r] = w[r * width + c];
  return copy;
}

static int input_from_example(const run_options *o, input *in) {
  const char *name = o->example != NULL ? o->example : "please-study-man";
  const example *e = example_find(name);
  if (e == NULL) return complain_of_example(name);
  clattn_problem *p = &in->problem;
  in->example = e;
  snprintf(in->name, sizeof in->name, "%s", e->name);
  p->query_len = p->key_len = e->token_count;
  p->model_dim = e->model_dim;
  p->heads = o->number[NUMBER_HEADS] != 0 ? o->number[NUMBER_HEADS] : e->heads;
  p->layout = o->meaning.layout_given ? o->meaning.layout : e->layout;
  if (o->number[NUMBER_KV_HEADS] != 0 && o->number[NUMBER_KV_HEADS] != p->heads) {
    complain("--kv-heads %zu (allowed with an example: as many as heads, %zu)", o->number[NUMBER_KV_HEADS], p->heads);
    return EXIT_BAD_INPUT;
  }
  if (!input_divide("wq", e->key_columns, p->heads, &p->head_dim) ||
      !input_divide("wv", e->value_columns, p->heads, &p->value_dim))
    return EXIT_BAD_INPUT;
  p->positions = e->sinusoidal_positions ? CLATTN_POSITIONS_SINUSOIDAL : CLATTN_POSITIONS_NONE;
  in->tensor[CLATTN_X] = input_allocate(e->token_count * e->model_dim);
  in->tensor[CLATTN_WQ] = example_matrix(e, e->wq, e->key_columns, p->layout);
  in->tensor[CLATTN_WK] = example_matrix(e, e->wk, e->key_columns, p->layout);
  in->tensor[CLATTN_WV] = example_matrix(e, e->wv, e->value_columns, p->layout);
  for (int t = CLATTN_WQ; t <= CLATTN_WV; ++t)
    if (in->tensor[CLATTN_X] == NULL || in->tensor[t] == NULL) return EXIT_BAD_INPUT;
  memcpy(in->tensor[CLATTN_X], e->x, e->token_count * e->model_dim * sizeof(float));
  return -1;
}

/* ---- lengths ----------------------------------------------------------------------------------------------------- */

/* The longest of the sequences that begin at these offsets; the library looks at them more closely. */
static size_t longest(const number_list *offsets) {
  int64_t most = 0;
  for (size_t i = 1; i < offsets->count; ++i) {
    const int64_t length = (int64_t)offsets->number[i] - offsets->number[i - 1];
    if (length > most) most = length;
  }
  return (size_t)most;
}

/* From 0 to the number of tokens, and never back. */
static bool offsets_fit(const char *option, const char *text, const number_list *offsets, size_t tokens) {
  bool good = offsets->count >= 2 && offsets->number[0] == 0;
  for (size_t i = 1; good && i < offsets->count; ++i) good = offsets->number[i] >= offsets->number[i - 1];
  if (good && (size_t)offsets->number[offsets->count - 1] == tokens) return true;
  complain("%s %s (allowed: 0, then where each sequence ends, the last at %zu, the number of tokens)", option, text,
           tokens);
  return false;
}

/* Whether there are tokens to pack, and as many sequences of keys as of queries. */
static bool can_pack(const number_list *queries, const number_list *keys, const clattn_problem *p) {
  if (queries->number == NULL || keys->number == NULL)
    complain("%s is missing: packed sequences need both, unless all come from X",
             queries->number == NULL ? "--query-offsets" : "--key-offsets");
  else if (p->order == CLATTN_ORDER_HEADS)
    complain(
        "--query-offsets: Q, K and V have 4 dimensions (allowed: (tokens, heads.dim), with --heads and --kv-heads)");
  else if (p->batch != 1)
    complain("--query-offsets: the input has a batch of %zu (allowed: 1, sequences one behind the other)", p->batch);
  else if (queries->count != keys->count)
    complain("--query-offsets has %zu numbers, --key-offsets %zu (allowed: as many)", queries->count, keys->count);
  else
    return true;
  return false;
}

static bool set_packed(const run_options *o, clattn_problem *p) {
  const number_list *queries = &o->list[LIST_QUERY_OFFSETS], *keys = &o->list[LIST_KEY_OFFSETS];
  const bool one_input = p->source == CLATTN_SOURCE_X;
  if (one_input && keys->number != NULL && queries->number != NULL &&
      (keys->count != queries->count || memcmp(keys->number, queries->number, keys->count * sizeof(int32_t)) != 0)) {
    complain("--key-offsets %s (allowed where all come from X: none, or those of the queries, %s)",
             o->list_text[LIST_KEY_OFFSETS], o->list_text[LIST_QUERY_OFFSETS]);
    return false;
  }
  if (one_input) keys = queries;
  if (!can_pack(queries, keys, p) ||
      !offsets_fit("--query-offsets", o->list_text[LIST_QUERY_OFFSETS], queries, p->query_len) ||
      (!one_input && !offsets_fit("--key-offsets", o->list_text[LIST_KEY_OFFSETS], keys, p->key_len)))
    return false;
  p->lengths = CLATTN_LENGTHS_PACKED;
  p->packed_queries = p->query_len;
  p->packed_keys = p->key_len;
  p->batch = queries->count - 1;
  p->query_len = longest(queries);
  p->key_len = longest(keys);
  return true;
}

static bool set_lengths(const run_options *o, input *in) {
  const number_list *key_lengths = &o->list[LIST_KEY_LENGTHS], *queries = &o->list[LIST_QUERY_OFFSETS];
  const number_list *keys = &o->list[LIST_KEY_OFFSETS];
  clattn_problem *p = &in->problem;
  in->inputs.key_lengths = key_lengths->number;
  in->inputs.query_offsets = queries->number;
  in->inputs.key_offsets = keys->number;
  if (queries->number != NULL || keys->number != NULL) {
    if (key_lengths->number == NULL) return set_packed(o, p);
    complain("--key-lengths does not go with packed sequences");
    return false;
  }
  if (key_lengths->number == NULL) return true;
  p->lengths = CLATTN_LENGTHS_KEYS;
  if (key_lengths->count != p->batch) {
    complain("--key-lengths has %zu numbers (allowed: one for each sequence, %zu)", key_lengths->count, p->batch);
    return false;
  }
  for (size_t b = 0; b < p->batch; ++b)
    if ((size_t)key_lengths->number[b] > p->key_len) {
      complain("--key-lengths %s: %d is too many (allowed: 0 to %zu, the keys there are)",
               o->list_text[LIST_KEY_LENGTHS], (int)key_lengths->number[b], p->key_len);
      return false;
    }
  return true;
}

size_t input_new_keys(const input *in, size_t b) {
  const clattn_problem *p = &in->problem;
  const int32_t *offsets = p->source == CLATTN_SOURCE_X ? in->inputs.query_offsets : in->inputs.key_offsets;
  if (p->lengths == CLATTN_LENGTHS_PACKED) return (size_t)(offsets[b + 1] - offsets[b]);
  return p->lengths == CLATTN_LENGTHS_KEYS ? (size_t)in->inputs.key_lengths[b] : p->key_len;
}

size_t input_queries(const input *in, size_t b) {
  const int32_t *offsets = in->inputs.query_offsets;
  return in->problem.lengths == CLATTN_LENGTHS_PACKED ? (size_t)(offsets[b + 1] - offsets[b]) : in->problem.query_len;
}

/* ---- mask, slopes, sinks ----------------------------------------------------------------------------------------- */

/* With a cache a mask has to do with all keys it can hold. */
static bool mask_fits(const char *path, const array *mask, const clattn_problem *p) {
  const size_t keys = p->cache.capacity != 0 ? p->cache.capacity : p->key_len;
  const size_t whole[4] = {p->batch, p->heads, p->query_len, keys};
  char is[ARRAY_TUPLE_SIZE], wanted[ARRAY_TUPLE_SIZE];
  bool good = true;
  for (int i = 0; i < 3; ++i) good = good && (p->mask_shape[i] == 1 || p->mask_shape[i] == whole[i]);
  if (good && p->mask_shape[3] >= 1 && p->mask_shape[3] <= keys) return true;
  array_format_tuple(is, mask->shape, mask->rank);
  array_format_tuple(wanted, whole, 4);
  complain("--mask: %s is %s (allowed: what broadcasts to %s, (batch, heads, tokens, keys); fewer keys: the others are "
           "masked)",
           path, is, wanted);
  return false;
}

/* Dimensions that a mask of lower rank does not have are the first ones, and 1. */
static bool load_mask(const run_options *o, input *in) {
  array mask;
  if (o->file[CLATTN_MASK] == NULL) return true;
  if (!input_read("--mask", o->file[CLATTN_MASK], &mask)) return false;
  for (int i = 0; i < 4; ++i) {
    const int from = i - (4 - mask.rank);
    in->problem.mask_shape[i] = from >= 0 ? mask.shape[from] : 1;
  }
  in->problem.mask = mask.type == NPY_BOOL ? CLATTN_MASK_BOOL : CLATTN_MASK_FLOAT;
  in->tensor[CLATTN_MASK] = mask.data;
  if (!mask_fits(o->file[CLATTN_MASK], &mask, &in->problem)) return false;
  if (mask.type != NPY_BOOL) return true;
  unsigned char *bytes = malloc(mask.count > 0 ? mask.count : 1);
  in->stored[CLATTN_MASK] = bytes;
  if (bytes == NULL) complain("no host memory for a mask of %zu bytes", mask.count);
  for (size_t i = 0; bytes != NULL && i < mask.count; ++i) bytes[i] = mask.data[i] != 0.0f;
  return bytes != NULL;
}

/* Press, Smith and Lewis 2022: a geometric sequence from 2^(-8/n) on for n heads, a power of two; else that of the next
 * smaller power of two, and every other one of the sequence of the next larger. */
static void standard_slopes(size_t heads, float *slopes) {
  size_t power = 1;
  while (2 * power <= heads) power *= 2;
  for (size_t i = 0; i < heads; ++i) {
    const double exponent =
        i < power ? 8.0 * (double)(i + 1) / (double)power : 8.0 * (double)(2 * (i - power) + 1) / (double)(2 * power);
    slopes[i] = (float)pow(2.0, -exponent);
  }
}

static bool load_per_head(const run_options *o, clattn_tensor tensor, input *in) {
  const size_t heads = in->problem.heads;
  const char *path = o->file[tensor];
  array values;
  if (path == NULL) return true;
  if (tensor == CLATTN_SLOPES && strcmp(path, "auto") == 0) {
    in->tensor[tensor] = input_allocate(heads);
    if (in->tensor[tensor] != NULL) standard_slopes(heads, in->tensor[tensor]);
    return in->tensor[tensor] != NULL;
  }
  if (!input_read(file_option_name(tensor), path, &values)) return false;
  in->tensor[tensor] = values.data;
  if (values.rank == 1 && values.shape[0] == heads) return true;
  complain("%s: %s has %zu numbers in %d dimensions (allowed: 1 dimension, one number for each head, %zu)",
           file_option_name(tensor), path, values.count, values.rank, heads);
  return false;
}

/* ---- meaning and storage ----------------------------------------------------------------------------------------- */

static bool set_meaning(const run_options *o, input *in) {
  const meaning_options *m = &o->meaning;
  clattn_problem *p = &in->problem;
  p->type = m->type;
  p->scale_mode = m->scale_given ? CLATTN_SCALE_GIVEN : CLATTN_SCALE_DEFAULT;
  if (m->scale_given) p->scale = m->scale;
  p->softcap = m->softcap;
  p->causal = m->causal != 0;
  p->alignment = m->alignment;
  p->offset = m->offset;
  p->window_left = m->window_left;
  p->window_right = m->window_right;
  p->alibi = o->file[CLATTN_SLOPES] != NULL;
  p->sinks = o->file[CLATTN_SINKS] != NULL;
  if (m->positions_text != NULL) p->positions = m->positions; /* else an example's own */
  p->rotary = m->rotary;
  p->rotary_dim = o->number[NUMBER_ROTARY_DIM];
  if (m->rotary_base > 0.0f) p->rotary_base = (double)m->rotary_base;
  p->cache = (clattn_cache_layout){.capacity = o->number[NUMBER_CACHE_CAPACITY],
                                   .type = m->cache_type,
                                   .page_len = o->number[NUMBER_CACHE_PAGE],
                                   .pages = o->number[NUMBER_CACHE_PAGES]};
  return set_lengths(o, in) && load_mask(o, in) && load_per_head(o, CLATTN_SLOPES, in) &&
         load_per_head(o, CLATTN_SINKS, in);
}

/* Stored inputs in the type that was asked for, and all of them where the library looks for them. */
static bool store(input *in) {
  const clattn_problem *p = &in->problem;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const bool always_float = t == CLATTN_MASK || t == CLATTN_SLOPES || t == CLATTN_SINKS;
    const size_t bytes = clattn_input_bytes(p, (clattn_tensor)t);
    if (in->tensor[t] == NULL) continue;
    if (p->type != CLATTN_F32 && !always_float) {
      in->stored[t] = malloc(bytes);
      if (in->stored[t] == NULL) {
        complain("no host memory for %zu bytes of %s", bytes, clattn_tensor_name((clattn_tensor)t));
        return false;
      }
      clattn_narrow(p->type, in->tensor[t], bytes / sizeof(uint16_t), in->stored[t]);
    }
    clattn_inputs_set(&in->inputs, (clattn_tensor)t, in->stored[t] != NULL ? in->stored[t] : in->tensor[t]);
  }
  return true;
}

/* Found by the library too, but only during the run. */
static bool check_positions(const input *in) {
  const clattn_problem *p = &in->problem;
  for (size_t b = 0; p->rotary != CLATTN_ROTARY_NONE && b < p->batch; ++b) {
    const size_t keys = in->past_len + input_new_keys(in, b);
    int64_t position = p->alignment == CLATTN_ALIGN_OFFSET ? p->offset : 0;
    if (p->alignment == CLATTN_ALIGN_BOTTOM_RIGHT) position = (int64_t)keys - (int64_t)input_queries(in, b);
    if (position >= 0) continue;
    complain("--align: the first query of sequence %zu stands at position %lld (allowed with --rotary: 0 and more)", b,
             (long long)position);
    return false;
  }
  return true;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

int input_load(const run_options *o, input *in) {
  *in = (input){.problem = CLATTN_PROBLEM_INIT};
  const bool files = o->file[CLATTN_X] != NULL || o->file[CLATTN_Q] != NULL;
  const int code = o->random != 0 ? input_from_random(o, in)
                   : files        ? input_from_files(o, in)
                                  : input_from_example(o, in);
  if (code != -1) return code;
  clattn_error error;
  if (!set_meaning(o, in)) return EXIT_BAD_INPUT;
  if (clattn_problem_validate(&in->problem, &error) != CLATTN_OK) return input_complain_of(&error);
  return store(in) && input_load_cache(o, in) && check_positions(in) ? -1 : EXIT_BAD_INPUT;
}

void input_free(input *in) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    free(in->tensor[t]);
    free(in->stored[t]);
  }
  for (int i = 0; i < CACHE_FILES; ++i) free(in->cache[i]);
  *in = (input){.problem = CLATTN_PROBLEM_INIT};
}
