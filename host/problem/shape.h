/* Sizes and strides that follow from the problem; it must be valid. What is true of a tensor in every problem is in
 * tensors.h. */
#ifndef CLATTN_SHAPE_H
#define CLATTN_SHAPE_H

#include "clattn_inspect.h"

/* Heads of keys and values. */
size_t clattn_kv_heads(const clattn_problem *problem);

/* Columns of xkv, or of x where keys and values are projected from it. */
size_t clattn_kv_model_dim(const clattn_problem *problem);

/* Queries, or keys, of all sequences together. */
size_t clattn_query_tokens(const clattn_problem *problem);
size_t clattn_key_tokens(const clattn_problem *problem);

/* Columns of q, k, v, cached k and v, context or output: heads times dim, or output_dim. */
size_t clattn_tensor_columns(const clattn_problem *problem, clattn_tensor tensor);

/* Strides of q, k, v and context as the kernels of scores and context read and write them; with a cache those of the
 * cached keys and values. Packed sequences have a batch stride of 0. */
clattn_strides clattn_tensor_strides(const clattn_problem *problem, clattn_tensor tensor);
/* Strides of q, k and v as the caller gives them. */
clattn_strides clattn_given_strides(const clattn_problem *problem, clattn_tensor tensor);
/* Strides of this run's q, k and v after the rotary stage, which the cache stage reads. */
clattn_strides clattn_new_strides(const clattn_problem *problem, clattn_tensor tensor);

/* Whether the rotary stage writes this tensor, as (tokens, heads, dim). */
bool clattn_is_rotated(const clattn_problem *problem, clattn_tensor tensor);

/* Whether the stages work on a converted copy of this stored input: it is not float, it is rotated,
 * or positions are added to it. */
bool clattn_is_separate(const clattn_problem *problem, clattn_tensor tensor);

/* The most keys that a row of scores can have. */
size_t clattn_most_keys(const clattn_problem *problem);

/* Whether there is a cache that all kernels can read in place: contiguous floats. */
bool clattn_has_plain_cache(const clattn_problem *problem);
/* Bytes of a vector of dim elements in a cache, without its scales; and of the scales that it has of its own. */
size_t clattn_cache_vector_bytes(clattn_cache_type type, size_t dim);
size_t clattn_cache_scale_bytes(clattn_cache_type type, size_t dim);

/* Whether there is an output besides the context. */
bool clattn_has_output(const clattn_problem *problem);

/* The problem with a scale of 1 and no softcap, whose scaled products are the products themselves. */
clattn_problem clattn_unscaled(const clattn_problem *problem);

/* Bytes of one stored element. */
size_t clattn_type_bytes(clattn_type type);

/* Elements from the first to one past the last that the strides of given q, k or v reach. */
size_t clattn_given_extent(const clattn_problem *problem, clattn_tensor tensor);

/* false if a * b overflows. */
bool clattn_multiply(size_t a, size_t b, size_t *product);

#endif
