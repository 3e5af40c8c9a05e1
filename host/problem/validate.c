/* Validates problems; only this file, unused.c and scaling.c refuse one. */
#include <float.h>
#include <limits.h>
#include <math.h>

#include "problem/problem.h"
#include "problem/kernel_arguments.h"
#include "problem/shape.h"
#include "problem/sized.h"
#include "base/status.h"
#include "problem/scaling.h"
#include "problem/tensors.h"
#include "problem/unused.h"

#define LARGEST_SIZE ((size_t)CLATTN_LARGEST_SIZE) /* of rows, columns and terms; element offsets are size_t */

#define INVALID(...) clattn_fail(error, CLATTN_INVALID_PROBLEM, __VA_ARGS__)

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

typedef struct named_size {
  const char *name;
  size_t value;
} named_size;

static clattn_status check_each(const named_size *sizes, size_t count, clattn_error *error) {
  for (size_t i = 0; i < count; ++i)
    if (sizes[i].value < 1 || sizes[i].value > LARGEST_SIZE)
      return INVALID("%s is %zu (allowed: 1 to %zu)", sizes[i].name, sizes[i].value, LARGEST_SIZE);
  return CLATTN_OK;
}

static clattn_status check_sizes(const clattn_problem *p, clattn_error *error) {
  const named_size sizes[] = {
      {"batch", p->batch},       {"query_len", p->query_len}, {"key_len", p->key_len},     {"heads", p->heads},
      {"head_dim", p->head_dim}, {"value_dim", p->value_dim}, {"model_dim", p->model_dim},
  };
  const size_t all = sizeof sizes / sizeof sizes[0];
  const clattn_status status = check_each(sizes, p->source == CLATTN_SOURCE_QKV ? all - 1 : all, error);
  if (status != CLATTN_OK) return status;
  if (p->kv_heads > p->heads || (p->kv_heads != 0 && p->heads % p->kv_heads != 0))
    return INVALID("kv_heads is %zu (allowed: a divisor of heads, %zu, or 0 for as many)", p->kv_heads, p->heads);
  if (p->output_dim > LARGEST_SIZE || p->kv_model_dim > LARGEST_SIZE)
    return INVALID("%s is larger than %zu", p->output_dim > LARGEST_SIZE ? "output_dim" : "kv_model_dim", LARGEST_SIZE);
  if (p->source == CLATTN_SOURCE_X && p->lengths != CLATTN_LENGTHS_PACKED && p->key_len != p->query_len)
    return INVALID("key_len is %zu and query_len %zu (allowed with CLATTN_SOURCE_X: the same; for keys from another "
                   "input use CLATTN_SOURCE_XKV)",
                   p->key_len, p->query_len);
  return CLATTN_OK;
}

static clattn_status check_products(const clattn_problem *p, clattn_error *error) {
  const struct {
    const char *name;
    size_t a, b;
  } products[] = {{"batch x query_len", p->batch, p->query_len},
                  {"batch x key_len", p->batch, p->key_len},
                  {"batch x heads", p->batch, p->heads},
                  {"heads x head_dim", p->heads, p->head_dim},
                  {"heads x value_dim", p->heads, p->value_dim}};
  for (size_t i = 0; i < sizeof products / sizeof products[0]; ++i) {
    size_t product;
    if (!clattn_multiply(products[i].a, products[i].b, &product) || product > LARGEST_SIZE)
      return INVALID("%s is %zu x %zu (allowed: a product of at most %zu)", products[i].name, products[i].a,
                     products[i].b, LARGEST_SIZE);
  }
  const size_t columns = p->heads * p->head_dim + clattn_kv_heads(p) * (p->head_dim + p->value_dim);
  if (p->fused_qkv && columns > LARGEST_SIZE)
    return INVALID("wqkv has %zu columns (allowed: at most %zu)", columns, LARGEST_SIZE);
  return CLATTN_OK;
}

/* After this, elements and bytes of every tensor can be computed in size_t. */
static clattn_status check_bytes(const clattn_problem *p, clattn_error *error) {
  for (int tensor = 0; tensor < CLATTN_TENSOR_COUNT; ++tensor) {
    size_t shape[4], bytes = sizeof(float);
    const int rank = clattn_problem_shape(p, (clattn_tensor)tensor, shape);
    for (int i = 0; i < rank; ++i)
      if (!clattn_multiply(bytes, shape[i], &bytes))
        return INVALID("the bytes of %s do not fit into %zu bits", clattn_tensor_name((clattn_tensor)tensor),
                       sizeof(size_t) * CHAR_BIT);
  }
  return CLATTN_OK;
}

/* ---- alternatives ------------------------------------------------------------------------------------------------ */

static clattn_status check_words(const clattn_problem *p, clattn_error *error) {
  const struct {
    const char *name;
    int value, last;
    const char *allowed;
  } words[] = {
      {"source", (int)p->source, CLATTN_SOURCE_QKV, "CLATTN_SOURCE_X, CLATTN_SOURCE_XKV, CLATTN_SOURCE_QKV"},
      {"layout", (int)p->layout, CLATTN_LAYOUT_XWT, "CLATTN_LAYOUT_XW, CLATTN_LAYOUT_XWT"},
      {"order", (int)p->order, CLATTN_ORDER_STRIDES, "CLATTN_ORDER_TOKENS, CLATTN_ORDER_HEADS, CLATTN_ORDER_STRIDES"},
      {"type", (int)p->type, CLATTN_BF16, "CLATTN_F32, CLATTN_F16, CLATTN_BF16"},
      {"scale_mode", (int)p->scale_mode, CLATTN_SCALE_GIVEN, "CLATTN_SCALE_DEFAULT, CLATTN_SCALE_GIVEN"},
      {"alignment", (int)p->alignment, CLATTN_ALIGN_OFFSET,
       "CLATTN_ALIGN_TOP_LEFT, CLATTN_ALIGN_BOTTOM_RIGHT, CLATTN_ALIGN_OFFSET"},
      {"positions", (int)p->positions, CLATTN_POSITIONS_SINUSOIDAL,
       "CLATTN_POSITIONS_NONE, CLATTN_POSITIONS_SINUSOIDAL"},
      {"rotary", (int)p->rotary, CLATTN_ROTARY_INTERLEAVED,
       "CLATTN_ROTARY_NONE, CLATTN_ROTARY_HALVES, CLATTN_ROTARY_INTERLEAVED"},
      {"rotary_scaling.kind", (int)p->rotary_scaling.kind, CLATTN_SCALING_LLAMA3,
       "CLATTN_SCALING_NONE, _LINEAR, _DYNAMIC, _YARN, _LLAMA3"},
      {"mask", (int)p->mask, CLATTN_MASK_BOOL, "CLATTN_MASK_NONE, CLATTN_MASK_FLOAT, CLATTN_MASK_BOOL"},
      {"lengths", (int)p->lengths, CLATTN_LENGTHS_PACKED,
       "CLATTN_LENGTHS_FULL, CLATTN_LENGTHS_KEYS, CLATTN_LENGTHS_PACKED"},
      {"cache.type", (int)p->cache.type, CLATTN_CACHE_Q4, "CLATTN_CACHE_F32, _F16, _BF16, _I8_TOKEN, _I8_HEAD, _Q4"},
      {"context_order", (int)p->context_order, CLATTN_ORDER_HEADS, "CLATTN_ORDER_TOKENS, CLATTN_ORDER_HEADS"},
      {"fused_order", (int)p->fused_order, CLATTN_FUSED_GROUPS, "CLATTN_FUSED_SIDE_BY_SIDE, CLATTN_FUSED_GROUPS"},
      {"math", (int)p->math, CLATTN_MATH_STORED, "CLATTN_MATH_FLOAT, CLATTN_MATH_STORED"},
  };
  for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i)
    if (words[i].value < 0 || words[i].value > words[i].last)
      return INVALID("%s is %d (allowed: %s)", words[i].name, words[i].value, words[i].allowed);
  return CLATTN_OK;
}

/* rotary_base may not be 0, so this detects a struct of zeros, whose windows of 0 would hide
 * keys. */
static clattn_status check_started(const clattn_problem *p, clattn_error *error) {
  if (p->rotary_base > 0.0 && isfinite(p->rotary_base)) return CLATTN_OK;
  return INVALID("rotary_base is %g (allowed: a finite number above 0, also without rotary; start from "
                 "CLATTN_PROBLEM_INIT or clattn_problem_init: in a struct of zeros windows of 0 hide all other keys)",
                 p->rotary_base);
}

static clattn_status check_projections(const clattn_problem *p, clattn_error *error) {
  const unsigned qkv = CLATTN_BIAS_Q | CLATTN_BIAS_K | CLATTN_BIAS_V;
  if (p->biases > (qkv | CLATTN_BIAS_O))
    return INVALID("biases is %#x (allowed: CLATTN_BIAS_Q, _K, _V and _O added up)", p->biases);
  if (p->fused_qkv && p->source != CLATTN_SOURCE_X)
    return INVALID("fused_qkv is set, but keys and values have an input of their own (allowed: CLATTN_SOURCE_X)");
  if (p->fused_qkv && (p->biases & qkv) != 0 && (p->biases & qkv) != qkv)
    return INVALID("biases is %#x with fused_qkv (allowed: all of q, k and v, or none)", p->biases);
  return CLATTN_OK;
}

/* Checks the strides of given q, k or v: they must be set, and the elements that they reach must be
 * addressable. The comment at clattn_strides says which of them may be 0. */
static clattn_status check_one_strides(const char *name, const size_t counts[3], const clattn_strides *s,
                                       clattn_error *error) {
  const size_t steps[] = {s->batch, s->head, s->row};
  const bool several = counts[0] > 1 || counts[1] > 1;
  if (s->row == 0 && counts[2] > 1)
    return INVALID("%s.row is 0 (allowed with %zu tokens: 1 and more)", name, counts[2]);
  if (s->batch == 0 && s->head == 0 && s->row == 0 && several)
    return INVALID("%s are all 0 (allowed with %zu heads in a batch of %zu: at least one above 0)", name, counts[1],
                   counts[0]);
  for (int d = 0; d < 3; ++d) {
    size_t reach;
    if (!clattn_multiply(counts[d], steps[d], &reach) || reach > SIZE_MAX / 64)
      return INVALID("%s reach over more than %zu elements", name, SIZE_MAX / 64);
  }
  return CLATTN_OK;
}

static clattn_status check_orders(const clattn_problem *p, clattn_error *error) {
  static const char *const names[] = {"q_strides", "k_strides", "v_strides"};
  const clattn_strides all[] = {p->q_strides, p->k_strides, p->v_strides};
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED;
  clattn_status status = CLATTN_OK;
  if (p->source != CLATTN_SOURCE_QKV && p->order != CLATTN_ORDER_TOKENS)
    return INVALID("order is %d (allowed where q, k and v are projected: CLATTN_ORDER_TOKENS)", (int)p->order);
  if (p->order == CLATTN_ORDER_HEADS && packed)
    return INVALID("order is CLATTN_ORDER_HEADS (allowed with packed sequences: CLATTN_ORDER_TOKENS, _STRIDES)");
  if (p->context_order == CLATTN_ORDER_HEADS && packed)
    return INVALID("context_order is CLATTN_ORDER_HEADS (allowed with packed sequences: CLATTN_ORDER_TOKENS)");
  if (p->context_order == CLATTN_ORDER_HEADS && p->output_dim != 0)
    return clattn_fail(error, CLATTN_UNSUPPORTED,
                       "context_order is CLATTN_ORDER_HEADS and output_dim %zu (allowed with an output projection: "
                       "CLATTN_ORDER_TOKENS)",
                       p->output_dim);
  for (int i = 0; i < 3 && p->order == CLATTN_ORDER_STRIDES && status == CLATTN_OK; ++i) {
    const size_t queries = packed ? p->packed_queries : p->query_len, keys = packed ? p->packed_keys : p->key_len;
    const size_t counts[] = {packed ? 1 : p->batch, i == 0 ? p->heads : clattn_kv_heads(p), i == 0 ? queries : keys};
    status = check_one_strides(names[i], counts, &all[i], error);
  }
  return status;
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

static clattn_status check_numbers(const clattn_problem *p, clattn_error *error) {
  if (p->scale_mode == CLATTN_SCALE_GIVEN && !isfinite(p->scale))
    return INVALID("scale is %g (allowed with CLATTN_SCALE_GIVEN: any finite number)", (double)p->scale);
  if (!isfinite(p->softcap) || (p->softcap != 0.0f && p->softcap < FLT_MIN))
    return INVALID("softcap is %g (allowed: 2^-126 = 1.2e-38 to the largest float, or 0 for none)", (double)p->softcap);
  const int64_t largest = CLATTN_LARGEST_SIZE, last_offset = INT_MAX - ((int64_t)p->query_len - 1);
  const struct {
    const char *name;
    int64_t value, least, most;
  } numbers[] = {{"window_left", p->window_left, CLATTN_UNBOUNDED, largest},
                 {"window_right", p->window_right, CLATTN_UNBOUNDED, largest},
                 {"offset", p->offset, -largest, last_offset}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i)
    if (numbers[i].value < numbers[i].least || numbers[i].value > numbers[i].most)
      return INVALID("%s is %lld (allowed: %lld to %lld)", numbers[i].name, (long long)numbers[i].value,
                     (long long)numbers[i].least, (long long)numbers[i].most);
  return CLATTN_OK;
}

static clattn_status check_mask(const clattn_problem *p, clattn_error *error) {
  const struct {
    const char *name;
    size_t size;
  } dimensions[4] = {
      {"batch", p->batch}, {"heads", p->heads}, {"query_len", p->query_len}, {"key_len", clattn_most_keys(p)}};
  for (int i = 0; i < 4 && p->mask != CLATTN_MASK_NONE; ++i) {
    const size_t got = p->mask_shape[i], whole = dimensions[i].size;
    const bool good = i < 3 ? got == 1 || got == whole : got >= 1 && got <= whole;
    if (!good)
      return INVALID("mask_shape[%d] is %zu (allowed: %s%zu, %s)", i, got, i < 3 ? "1 or " : "1 to ", whole,
                     dimensions[i].name);
  }
  return CLATTN_OK;
}

static clattn_status check_lengths(const clattn_problem *p, clattn_error *error) {
  if (p->lengths != CLATTN_LENGTHS_PACKED) return CLATTN_OK;
  if (p->source == CLATTN_SOURCE_X && p->packed_queries != p->packed_keys)
    return INVALID("packed_keys is %zu and packed_queries %zu (allowed when all come from x: the same)", p->packed_keys,
                   p->packed_queries);
  const named_size sizes[] = {{"packed_queries", p->packed_queries}, {"packed_keys", p->packed_keys}};
  return check_each(sizes, 2, error);
}

static clattn_status check_positions(const clattn_problem *p, clattn_error *error) {
  const bool placed = p->positions != CLATTN_POSITIONS_NONE;
  if (placed && p->source == CLATTN_SOURCE_QKV)
    return INVALID("positions are to be added to x, but q, k and v are given");
  if (p->rotary == CLATTN_ROTARY_NONE) return clattn_check_scaling(p, error);
  if (p->rotary_rows > LARGEST_SIZE)
    return INVALID("rotary_rows is %zu (allowed: up to %zu)", p->rotary_rows, LARGEST_SIZE);
  const size_t dim = p->rotary_dim != 0 ? p->rotary_dim : p->head_dim;
  if (dim % 2 != 0 || dim > p->head_dim)
    return INVALID("rotary_dim is %zu (allowed: an even number up to head_dim, %zu; 0: head_dim)", dim, p->head_dim);
  return clattn_check_scaling(p, error);
}

static clattn_status check_cache(const clattn_problem *p, clattn_error *error) {
  const clattn_cache_layout *c = &p->cache;
  size_t keys, bytes;
  if (c->capacity == 0) return CLATTN_OK;
  if (c->capacity < p->key_len || !clattn_multiply(c->capacity, p->batch, &keys) || keys > LARGEST_SIZE)
    return INVALID("cache.capacity is %zu (allowed: from key_len, %zu, on, and batch x capacity up to %zu)",
                   c->capacity, p->key_len, LARGEST_SIZE);
  if (c->page_len > c->capacity || c->pages > LARGEST_SIZE)
    return INVALID(
        "cache.page_len is %zu and cache.pages %zu (allowed: pages of up to %zu keys, the capacity, or 0 and "
        "0 for none)",
        c->page_len, c->pages, c->capacity);
  if (p->rolling && (p->alignment != CLATTN_ALIGN_TOP_LEFT || p->mask != CLATTN_MASK_NONE))
    return INVALID("rolling is set, alignment is %d and mask %d (allowed with it: CLATTN_ALIGN_TOP_LEFT and "
                   "CLATTN_MASK_NONE)",
                   (int)p->alignment, (int)p->mask);
  if (c->type == CLATTN_CACHE_Q4 && (p->head_dim % Q4_GROUP != 0 || p->value_dim % Q4_GROUP != 0))
    return INVALID("cache.type is CLATTN_CACHE_Q4 and head_dim %zu, value_dim %zu (allowed with it: multiples of %d)",
                   p->head_dim, p->value_dim, Q4_GROUP);
  if (!clattn_multiply(keys, (clattn_tensor_columns(p, CLATTN_K) + clattn_tensor_columns(p, CLATTN_V)) * sizeof(float),
                       &bytes) ||
      (c->page_len != 0 && c->pages > SIZE_MAX / 64 / c->page_len))
    return INVALID("the bytes of the cache do not fit into %zu bits", sizeof(size_t) * CHAR_BIT);
  return CLATTN_OK;
}

clattn_status clattn_take_problem(const clattn_problem *given, clattn_problem *own, clattn_error *error) {
  static clattn_status (*const checks[])(const clattn_problem *, clattn_error *) = {
      check_words,  check_started, clattn_check_unused, check_sizes, check_products,  check_lengths, check_projections,
      check_orders, check_numbers, check_mask,          check_bytes, check_positions, check_cache};
  *own = (clattn_problem)CLATTN_PROBLEM_INIT;
  clattn_status status = clattn_take_sized(&clattn_sized_problem, given, own, error);
  for (size_t i = 0; i < sizeof checks / sizeof checks[0] && status == CLATTN_OK; ++i) status = checks[i](own, error);
  return clattn_finish(error, status);
}

clattn_status clattn_problem_validate(const clattn_problem *problem, clattn_error *error) {
  clattn_problem own;
  return clattn_take_problem(problem, &own, error);
}
