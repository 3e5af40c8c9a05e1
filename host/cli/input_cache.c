/* What a cache holds before the run, and the scales of its bytes. */
#include "command.h"
#include "input.h"
#include "tensor_file.h"

/* Vectors of a key and of a value. */
static size_t dim_of(const clattn_problem *p, cache_file file) {
  return file == CACHE_FILE_PAST_K ? p->head_dim : p->value_dim;
}

static size_t kv_heads_of(const clattn_problem *p) {
  return p->kv_heads != 0 ? p->kv_heads : p->heads;
}

/* Whether the past has the shape that the problem asks for; its length is its own. */
static bool past_fits(const run_options *o, cache_file file, const array *a, input *in) {
  const clattn_problem *p = &in->problem;
  char text[ARRAY_TUPLE_SIZE];
  const bool fits = a->rank == 4 && a->shape[0] == p->batch && a->shape[1] == kv_heads_of(p) &&
                    a->shape[3] == dim_of(p, file) && (file == CACHE_FILE_PAST_K || a->shape[2] == in->past_len);
  if (fits) {
    in->past_len = a->shape[2];
    return true;
  }
  array_format_tuple(text, a->shape, a->rank);
  complain("%s: %s is %s (allowed: (%zu, %zu, tokens, %zu), as many tokens of keys as of values)",
           cache_file_option(file), o->cache_file[file], text, p->batch, kv_heads_of(p), dim_of(p, file));
  return false;
}

static bool scales_fit(const run_options *o, cache_file file, const array *a, const clattn_problem *p) {
  if (a->rank == 1 && a->shape[0] == kv_heads_of(p)) return true;
  complain("%s: %s has %zu numbers in %d dimensions (allowed: 1 dimension, one for each head of keys, %zu)",
           cache_file_option(file), o->cache_file[file], a->count, a->rank, kv_heads_of(p));
  return false;
}

static bool load(const run_options *o, cache_file file, input *in) {
  array a;
  char message[1024];
  if (o->cache_file[file] == NULL) return true;
  if (tensor_file_read(o->cache_file[file], &a, message, sizeof message) != FILE_OK) {
    complain("%s", message);
    return false;
  }
  in->cache[file] = a.data;
  const bool past = file == CACHE_FILE_PAST_K || file == CACHE_FILE_PAST_V;
  return past ? past_fits(o, file, &a, in) : scales_fit(o, file, &a, &in->problem);
}

static bool make_past(const run_options *o, input *in) {
  const clattn_problem *p = &in->problem;
  uint64_t state = o->number[NUMBER_SEED] + 1;
  in->past_len = o->number[NUMBER_PAST_TOKENS];
  for (int i = CACHE_FILE_PAST_K; i <= CACHE_FILE_PAST_V && in->past_len > 0; ++i) {
    const size_t count = p->batch * kv_heads_of(p) * in->past_len * dim_of(p, (cache_file)i);
    in->cache[i] = input_random_normal(count, 1.0, &state);
    if (in->cache[i] == NULL) return false;
  }
  return true;
}

bool input_load_cache(const run_options *o, input *in) {
  if (!make_past(o, in)) return false;
  for (int i = 0; i < CACHE_FILES; ++i)
    if (!load(o, (cache_file)i, in)) return false;
  return true;
}
