/* What follows from a problem alone: sizes, strides, costs. The problem must be valid for all of these. */
#ifndef CLATTN_SHAPE_H
#define CLATTN_SHAPE_H

#include "clattn.h"

/* Heads of keys and values. */
size_t clattn_kv_heads(const clattn_problem *problem);

/* Columns of xkv, or of x where keys and values are projected from it. */
size_t clattn_kv_model_dim(const clattn_problem *problem);

/* Tokens of all sequences together that have a query, or a key. */
size_t clattn_query_tokens(const clattn_problem *problem);
size_t clattn_key_tokens(const clattn_problem *problem);

/* Of q, k, v and context as the stages see them. Packed sequences have no batch stride. */
clattn_strides clattn_tensor_strides(const clattn_problem *problem, clattn_tensor tensor);

/* Columns of q, k, v, context or output: heads times dim. */
size_t clattn_tensor_columns(const clattn_problem *problem, clattn_tensor tensor);

/* Whether there is an output besides the context. */
bool clattn_has_output(const clattn_problem *problem);

/* Whether the problem has anything to do for this stage. */
bool clattn_stage_used(const clattn_problem *problem, clattn_stage stage);

/* Bytes of one stored element. */
size_t clattn_type_bytes(clattn_type type);

/* Floats from the first to behind the last element of given q, k or v, as their strides reach. */
size_t clattn_given_extent(const clattn_problem *problem, clattn_tensor tensor);

double clattn_stage_flops(const clattn_problem *problem, clattn_stage stage);
double clattn_stage_bytes(const clattn_problem *problem, clattn_stage stage);

/* false if a * b overflows. */
bool clattn_multiply(size_t a, size_t b, size_t *product);

#endif
