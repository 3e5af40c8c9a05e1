/* What follows from a problem alone: sizes and strides. The problem must be valid for all of these. */
#ifndef CLATTN_SHAPE_H
#define CLATTN_SHAPE_H

#include "clattn_inspect.h"

/* Bytes of clattn_problem's first version, which ended before context_order. */
#define CLATTN_PROBLEM_SIZE_1 offsetof(clattn_problem, context_order)

/* Heads of keys and values. */
size_t clattn_kv_heads(const clattn_problem *problem);

/* Columns of xkv, or of x where keys and values are projected from it. */
size_t clattn_kv_model_dim(const clattn_problem *problem);

/* Tokens of all sequences together that have a query, or a key. */
size_t clattn_query_tokens(const clattn_problem *problem);
size_t clattn_key_tokens(const clattn_problem *problem);

/* Of q, k, v and context as scores and context see them; with a cache k and v are what is in it. Packed sequences have
 * no batch stride. */
clattn_strides clattn_tensor_strides(const clattn_problem *problem, clattn_tensor tensor);
/* Of q, k and v as the caller gives them, and of those of this run that the cache stage sees. */
clattn_strides clattn_given_strides(const clattn_problem *problem, clattn_tensor tensor);
clattn_strides clattn_new_strides(const clattn_problem *problem, clattn_tensor tensor);

/* Whether the rotary stage writes this tensor, as (tokens, heads, dim). */
bool clattn_is_rotated(const clattn_problem *problem, clattn_tensor tensor);

/* Whether a stored input is not what the stages work on: it is of another type, or turned, or positions are added. */
bool clattn_is_separate(const clattn_problem *problem, clattn_tensor tensor);

/* Keys that a row of scores can come to have. */
size_t clattn_most_keys(const clattn_problem *problem);

/* Whether the cache is not what scores can read in place. */
bool clattn_is_gathered(const clattn_problem *problem);
size_t clattn_cache_element_bytes(clattn_cache_type type);

/* Columns of q, k, v, context or output: heads times dim. */
size_t clattn_tensor_columns(const clattn_problem *problem, clattn_tensor tensor);

/* The order of context, and of an output that is the context. A problem of the struct's first version has none of its
 * own: tokens. */
clattn_order clattn_context_order(const clattn_problem *problem);

/* Whether there is an output besides the context. */
bool clattn_has_output(const clattn_problem *problem);

/* Whether the problem has anything to do for this stage. */
bool clattn_stage_used(const clattn_problem *problem, clattn_stage stage);

/* The problem whose scaled products are the products themselves. */
clattn_problem clattn_unscaled(const clattn_problem *problem);

/* Whether the tensor has a row of key_len for each query: scores and their like, which a plan holds a block of. */
bool clattn_has_rows_of_keys(clattn_tensor tensor);
/* Whether a dimension is the number of keys that scores see: with a cache, those of earlier runs too. */
bool clattn_grows_with_cache(clattn_tensor tensor);

/* Whether plans have it with clattn_plan_options.trace alone. */
bool clattn_is_traced(clattn_tensor tensor);

/* Bytes of one stored element. */
size_t clattn_type_bytes(clattn_type type);

/* Floats from the first to behind the last element of given q, k or v, as their strides reach. */
size_t clattn_given_extent(const clattn_problem *problem, clattn_tensor tensor);

/* false if a * b overflows. */
bool clattn_multiply(size_t a, size_t b, size_t *product);

#endif
