/* Loads what a cache holds before the run, and the scales of an i8 cache. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/input/input.h"

/* Length of a key or a value. */
static size_t dim_of(const clattn_problem *p, cache_file file) {
  return file == CACHE_FILE_PAST_K ? p->head_dim : p->value_dim;
}

size_t input_past(const input *in, size_t b) {
  return in->past_lengths != NULL ? (size_t)in->past_lengths[b] : in->past_len;
}

size_t input_longest_past(const input *in) {
  size_t longest = 0;
  for (size_t b = 0; b < in->problem.batch; ++b)
    if (input_past(in, b) > longest) longest = input_past(in, b);
  return longest;
}

/* Whether the past fits the problem; any length is allowed. */
static bool past_fits(const run_options *o, cache_file file, const array *a, input *in) {
  const clattn_problem *p = &in->problem;
  const size_t heads = input_kv_heads(p), dim = dim_of(p, file), tokens = a->shape[a->rank == 4 ? 2 : 1];
  char text[ARRAY_TUPLE_SIZE];
  const bool by_head = a->rank == 4 && a->shape[1] == heads && a->shape[3] == dim;
  const bool by_token = a->rank == 3 && a->shape[2] == heads * dim;
  if ((by_head || by_token) && a->shape[0] == p->batch && (file == CACHE_FILE_PAST_K || tokens == in->past_len)) {
    in->past_len = tokens;
    return true;
  }
  array_format_tuple(text, a->shape, a->rank);
  complain(
      "%s: %s is %s (allowed: (%zu, %zu, tokens, %zu) or (%zu, tokens, %zu), with as many tokens of keys as of values)",
      cache_file_option(file), o->cache_file[file], text, p->batch, heads, dim, p->batch, heads * dim);
  return false;
}

/* From (batch, tokens, kv_heads, dim), as a run saves them, to (batch, kv_heads, tokens, dim). */
static bool order_by_head(cache_file file, input *in) {
  const size_t heads = input_kv_heads(&in->problem), dim = dim_of(&in->problem, file), tokens = in->past_len;
  float *from = in->cache[file], *to = input_allocate(in->problem.batch * heads * tokens * dim);
  for (size_t row = 0; to != NULL && row < in->problem.batch * tokens * heads; ++row) {
    const size_t b = row / (tokens * heads), token = row / heads % tokens, head = row % heads;
    memcpy(to + ((b * heads + head) * tokens + token) * dim, from + row * dim, dim * sizeof *to);
  }
  if (to == NULL) return false;
  free(from);
  in->cache[file] = to;
  return true;
}

static bool scales_fit(const run_options *o, cache_file file, const array *a, const clattn_problem *p) {
  if (a->rank != 1 || a->shape[0] != input_kv_heads(p)) {
    complain("%s: %s has %zu numbers in %d dimensions (allowed: 1 dimension, one for each KV head, %zu)",
             cache_file_option(file), o->cache_file[file], a->count, a->rank, input_kv_heads(p));
    return false;
  }
  for (size_t i = 0; i < a->count; ++i)
    if (!(a->data[i] > 0.0f && isfinite(a->data[i]))) {
      complain("%s: %s holds %g (allowed: finite numbers above 0)", cache_file_option(file), o->cache_file[file],
               (double)a->data[i]);
      return false;
    }
  return true;
}

static bool load(const run_options *o, cache_file file, input *in) {
  array a;
  if (o->cache_file[file] == NULL) return true;
  if (!input_read(cache_file_option(file), o->cache_file[file], &a)) return false;
  in->cache[file] = a.data;
  const bool past = file == CACHE_FILE_PAST_K || file == CACHE_FILE_PAST_V;
  if (!past) return scales_fit(o, file, &a, &in->problem);
  return past_fits(o, file, &a, in) && (a.rank == 4 || order_by_head(file, in));
}

/* The keys that a sequence has after the run, of which a rolling window leaves some out. */
static size_t keys_after(const input *in, size_t b) {
  const clattn_problem *p = &in->problem;
  const size_t past = input_past(in, b), window = (size_t)p->window_left, page_len = p->cache.page_len;
  const size_t dropped = p->rolling && past > window ? (past - window) / page_len * page_len : 0;
  return past - dropped + input_new_keys(in, b);
}

static bool has_room(const input *in) {
  const clattn_problem *p = &in->problem;
  const clattn_cache_layout *c = &p->cache;
  size_t before = 0, after = 0; /* pages */
  for (size_t b = 0; c->capacity != 0 && b < p->batch; ++b) {
    const size_t past = input_past(in, b), added = input_new_keys(in, b), held = keys_after(in, b);
    const size_t keys = held > past ? held : past;
    if (keys > c->capacity) {
      complain(
          "--cache-capacity %zu: sequence %zu has %zu keys before the run and gets %zu more (allowed: %zu or more)",
          c->capacity, b, past, added, keys);
      return false;
    }
    if (c->pages != 0) before += (past + c->page_len - 1) / c->page_len;
    if (c->pages != 0) after += (held + c->page_len - 1) / c->page_len;
  }
  if (before <= c->pages && after <= c->pages) return true;
  complain("--cache-pages %zu (allowed: %zu or more, for the keys before the run and those that it adds)", c->pages,
           before > after ? before : after);
  return false;
}

/* Sets the longest past, which a random past has memory for. */
static bool set_past_lengths(const run_options *o, input *in) {
  const number_list *lengths = &o->list[LIST_PAST_LENGTHS];
  in->past_lengths = lengths->number;
  in->past_len = o->number[NUMBER_PAST_TOKENS];
  if (lengths->number == NULL) return true;
  if (lengths->count != in->problem.batch) {
    complain("--past-lengths has %zu numbers (allowed: one for each sequence, %zu)", lengths->count, in->problem.batch);
    return false;
  }
  for (size_t b = 0; b < lengths->count; ++b)
    if ((size_t)lengths->number[b] > in->past_len) in->past_len = (size_t)lengths->number[b];
  return true;
}

/* Files of a past have room for the longest, and a cache for the files. */
static bool lengths_fit(const run_options *o, const input *in) {
  const size_t capacity = in->problem.cache.capacity;
  if (in->past_lengths != NULL && in->past_len > capacity) {
    complain("--cache-capacity %zu: --past-k has %zu tokens (allowed: %zu or more)", capacity, in->past_len,
             in->past_len);
    return false;
  }
  for (size_t b = 0; in->past_lengths != NULL && b < in->problem.batch; ++b)
    if (input_past(in, b) > in->past_len) {
      complain("--past-lengths %s: %zu is too many (allowed: 0 to %zu, the tokens of --past-k)",
               o->list_text[LIST_PAST_LENGTHS], input_past(in, b), in->past_len);
      return false;
    }
  return true;
}

static bool make_past(const run_options *o, input *in) {
  const clattn_problem *p = &in->problem;
  const bool drawn = o->cache_file[CACHE_FILE_PAST_K] == NULL;
  uint64_t state = o->number[NUMBER_SEED] + 1;
  if (!set_past_lengths(o, in)) return false;
  if (!drawn) return true;
  if (!has_room(in)) return false; /* before any are drawn */
  for (int i = CACHE_FILE_PAST_K; i <= CACHE_FILE_PAST_V && in->past_len > 0; ++i) {
    const size_t count = p->batch * input_kv_heads(p) * in->past_len * dim_of(p, (cache_file)i);
    in->cache[i] = input_random_normal(count, 1.0, &state);
    if (in->cache[i] == NULL) return false;
  }
  return true;
}

bool input_load_cache(const run_options *o, input *in) {
  if (!make_past(o, in)) return false;
  for (int i = 0; i < CACHE_FILES; ++i)
    if (!load(o, (cache_file)i, in)) return false;
  return lengths_fit(o, in) && has_room(in);
}
