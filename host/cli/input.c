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

static bool set_packed(const number_list *queries, const number_list *keys, clattn_problem *p) {
  if (p->source == CLATTN_SOURCE_X) keys = queries;
  if (queries->number == NULL || keys->number == NULL) {
    complain("%s is missing: packed sequences need both, unless all come from X",
             queries->number == NULL ? "--query-offsets" : "--key-offsets");
    return false;
  }
  if (p->batch != 1 || p->order == CLATTN_ORDER_HEADS || queries->count < 2 || queries->count != keys->count) {
    complain(
        "--query-offsets and --key-offsets: %zu and %zu numbers for a batch of %zu (allowed: the same number, 2 or "
        "more, and tokens without a batch, (tokens, columns))",
        queries->count, keys->count, p->batch);
    return false;
  }
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
    if (key_lengths->number == NULL) return set_packed(queries, keys, p);
    complain("--key-lengths does not go with packed sequences");
    return false;
  }
  if (key_lengths->number == NULL) return true;
  p->lengths = CLATTN_LENGTHS_KEYS;
  if (key_lengths->count == p->batch) return true;
  complain("--key-lengths has %zu numbers (allowed: one for each sequence, %zu)", key_lengths->count, p->batch);
  return false;
}

/* ---- mask, slopes, sinks ----------------------------------------------------------------------------------------- */

/* Dimensions that a mask of lower rank does not have are the first ones, and 1. */
static bool load_mask(const run_options *o, input *in) {
  array mask;
  char message[1024];
  if (o->file[CLATTN_MASK] == NULL) return true;
  if (tensor_file_read(o->file[CLATTN_MASK], &mask, message, sizeof message) != FILE_OK) {
    complain("%s", message);
    return false;
  }
  for (int i = 0; i < 4; ++i) {
    const int from = i - (4 - mask.rank);
    in->problem.mask_shape[i] = from >= 0 ? mask.shape[from] : 1;
  }
  in->problem.mask = mask.type == NPY_BOOL ? CLATTN_MASK_BOOL : CLATTN_MASK_FLOAT;
  in->tensor[CLATTN_MASK] = mask.data;
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
  char message[1024];
  if (path == NULL) return true;
  if (tensor == CLATTN_SLOPES && strcmp(path, "auto") == 0) {
    in->tensor[tensor] = input_allocate(heads);
    if (in->tensor[tensor] != NULL) standard_slopes(heads, in->tensor[tensor]);
    return in->tensor[tensor] != NULL;
  }
  if (tensor_file_read(path, &values, message, sizeof message) != FILE_OK) {
    complain("%s", message);
    return false;
  }
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
  if (clattn_problem_validate(&in->problem, &error) != CLATTN_OK) return complain_of(&error);
  return store(in) && input_load_cache(o, in) ? -1 : EXIT_BAD_INPUT;
}

void input_free(input *in) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    free(in->tensor[t]);
    free(in->stored[t]);
  }
  for (int i = 0; i < CACHE_FILES; ++i) free(in->cache[i]);
  *in = (input){.problem = CLATTN_PROBLEM_INIT};
}
