/* Sets everything but the sizes: lengths; mask, slopes and sinks from their files; options of a
 * word or a number. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/input/input.h"

/* ---- lengths ----------------------------------------------------------------------------------------------------- */

/* Length of the longest sequence. The library checks the offsets. */
static size_t longest(const number_list *offsets) {
  int64_t most = 0;
  for (size_t i = 1; i < offsets->count; ++i) {
    const int64_t length = (int64_t)offsets->number[i] - offsets->number[i - 1];
    if (length > most) most = length;
  }
  return (size_t)most;
}

/* Whether the offsets begin at 0, never decrease and end at the number of tokens. */
static bool offsets_fit(const char *option, const char *text, const number_list *offsets, size_t tokens) {
  bool good = offsets->count >= 2 && offsets->number[0] == 0;
  for (size_t i = 1; good && i < offsets->count; ++i) good = offsets->number[i] >= offsets->number[i - 1];
  if (good && (size_t)offsets->number[offsets->count - 1] == tokens) return true;
  complain("%s %s (allowed: 0, then where each sequence ends, the last at %zu, the number of tokens)", option, text,
           tokens);
  return false;
}

/* Whether the input can be packed, with as many sequences of keys as of queries. */
static bool can_pack(const number_list *queries, const number_list *keys, const clattn_problem *p) {
  if (queries->number == NULL || keys->number == NULL)
    complain("%s is missing: packed sequences need it, unless Q, K and V all come from X",
             queries->number == NULL ? "--query-offsets" : "--key-offsets");
  else if (p->order == CLATTN_ORDER_HEADS)
    complain(
        "--query-offsets: Q, K and V have 4 dimensions (allowed: (tokens, heads.dim), with --heads and --kv-heads)");
  else if (p->batch != 1)
    complain("--query-offsets: the input has a batch of %zu (allowed: 1, with all sequences one after the other)",
             p->batch);
  else if (queries->count != keys->count)
    complain("--query-offsets has %zu numbers, --key-offsets %zu (allowed: the same number)", queries->count,
             keys->count);
  else
    return true;
  return false;
}

static bool set_packed(const run_options *o, clattn_problem *p) {
  const number_list *queries = &o->list[LIST_QUERY_OFFSETS], *keys = &o->list[LIST_KEY_OFFSETS];
  const bool one_input = p->source == CLATTN_SOURCE_X;
  if (one_input && keys->number != NULL && queries->number != NULL &&
      (keys->count != queries->count || memcmp(keys->number, queries->number, keys->count * sizeof(int32_t)) != 0)) {
    complain("--key-offsets %s (allowed where Q, K and V all come from X: none, or --query-offsets, %s)",
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
      complain("--key-lengths %s: %d is too many (allowed: 0 to %zu, the number of keys)",
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

/* With a cache the mask covers all keys that the cache can hold. */
static bool mask_fits(const char *path, const array *mask, const clattn_problem *p) {
  const size_t keys = p->cache.capacity != 0 ? p->cache.capacity : p->key_len;
  const size_t whole[4] = {p->batch, p->heads, p->query_len, keys};
  char is[ARRAY_TUPLE_SIZE], wanted[ARRAY_TUPLE_SIZE];
  bool good = true;
  for (int i = 0; i < 3; ++i) good = good && (p->mask_shape[i] == 1 || p->mask_shape[i] == whole[i]);
  if (good && p->mask_shape[3] >= 1 && p->mask_shape[3] <= keys) return true;
  array_format_tuple(is, mask->shape, mask->rank);
  array_format_tuple(wanted, whole, 4);
  complain("--mask: %s is %s (allowed: what broadcasts to %s, (batch, heads, tokens, keys); keys beyond a shorter mask "
           "are masked)",
           path, is, wanted);
  return false;
}

/* Refuses floats that are 0 or 1: they were meant as a bool, and would be added to the scores. The 1 of a uint16 is
 * read as the smallest bfloat16. */
static bool mask_is_added(const char *path, const array *mask) {
  const float one = mask->type == NPY_BF16 ? 0x1p-133f : 1.0f;
  bool ones = false, all = true;
  for (size_t i = 0; i < mask->count && all; ++i) {
    const bool is_one = mask->data[i] == 1.0f || mask->data[i] == one;
    ones = ones || is_one;
    all = is_one || mask->data[i] == 0.0f;
  }
  if (mask->type == NPY_BOOL || !ones || !all) return true;
  complain(
      "--mask: %s is of type %s and has only 0 and 1, which would be added to the scores (allowed: a mask of 0 and "
      "1 as bool, or as float with 0 and -inf)",
      path, element_name(mask->type));
  return false;
}

/* A mask of lower rank lacks the first dimensions; they become 1. */
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
  if (!mask_fits(o->file[CLATTN_MASK], &mask, &in->problem) || !mask_is_added(o->file[CLATTN_MASK], &mask))
    return false;
  if (mask.type != NPY_BOOL) return true;
  unsigned char *bytes = malloc(mask.count > 0 ? mask.count : 1);
  in->stored[CLATTN_MASK] = bytes;
  if (bytes == NULL) complain("no host memory for a mask of %zu bytes", mask.count);
  for (size_t i = 0; bytes != NULL && i < mask.count; ++i) bytes[i] = mask.data[i] != 0.0f;
  return bytes != NULL;
}

/* Press, Smith and Lewis 2022: for a power of two n, the geometric sequence that begins at
 * 2^(-8/n) with that ratio; for other numbers of heads the sequence of the next smaller power,
 * then every other term of the next larger one's. */
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

/* ---- all --------------------------------------------------------------------------------------------------------- */

bool input_set_meaning(const run_options *o, input *in) {
  const meaning_options *m = &o->meaning;
  clattn_problem *p = &in->problem;
  p->type = m->type;
  p->math = m->math;
  p->scale_mode = m->scale_given ? CLATTN_SCALE_GIVEN : CLATTN_SCALE_DEFAULT;
  if (m->scale_given) p->scale = m->scale;
  p->softcap = m->softcap;
  p->context_order = o->context_order;
  p->fused_order = o->fused_order;
  p->causal = m->causal != 0;
  p->alignment = m->alignment;
  p->offset = m->offset;
  p->window_left = m->window_left;
  p->window_right = m->window_right;
  p->rolling = m->cache_rolling != 0;
  p->alibi = o->file[CLATTN_SLOPES] != NULL;
  p->sinks = o->file[CLATTN_SINKS] != NULL;
  if (m->positions_text != NULL) p->positions = m->positions; /* else those of the example */
  p->rotary = m->rotary;
  p->rotary_dim = o->number[NUMBER_ROTARY_DIM];
  if (m->rotary_base > 0.0f) p->rotary_base = (double)m->rotary_base;
  p->cache = (clattn_cache_layout){.capacity = o->number[NUMBER_CACHE_CAPACITY],
                                   .type = m->cache_type,
                                   .page_len = o->number[NUMBER_CACHE_PAGE],
                                   .pages = o->number[NUMBER_CACHE_PAGES]};
  p->rotary_scaling = m->scaling;
  return set_lengths(o, in) && input_load_positions(o, in) && load_mask(o, in) && load_per_head(o, CLATTN_SLOPES, in) &&
         load_per_head(o, CLATTN_SINKS, in);
}
