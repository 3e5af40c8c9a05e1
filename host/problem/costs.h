/* Operations and bytes of a problem's stages. The problem must be valid; sequences count as if all
 * had full length. */
#ifndef CLATTN_COSTS_H
#define CLATTN_COSTS_H

#include "clattn_inspect.h"

double clattn_stage_flops(const clattn_problem *problem, clattn_stage stage);
/* For the cache stage: what appending costs. fused: whether the pipeline is. */
double clattn_stage_bytes(const clattn_problem *problem, clattn_stage stage, bool fused);

/* The part of convert's bytes that widening the projection matrices and biases takes. */
double clattn_weights_convert_bytes(const clattn_problem *problem);

/* Bytes of convert that narrowing the output takes. */
double clattn_narrowing_bytes(const clattn_problem *problem);

/* Bytes of all keys and values, with their scales, as a cache of this type holds them. */
double clattn_cached_bytes(const clattn_problem *seen, clattn_cache_type type);

/* The entries of single stages, for their rows in the table of stages. */
double clattn_project_flops(const clattn_problem *problem);
double clattn_rotary_flops(const clattn_problem *problem);
double clattn_scores_flops(const clattn_problem *problem);
double clattn_softmax_flops(const clattn_problem *problem);
double clattn_context_flops(const clattn_problem *problem);
double clattn_fused_flops(const clattn_problem *problem);
double clattn_output_flops(const clattn_problem *problem);
double clattn_products_flops(const clattn_problem *problem);
double clattn_exps_flops(const clattn_problem *problem);
double clattn_convert_bytes(const clattn_problem *problem, bool fused);
double clattn_append_bytes(const clattn_problem *problem, bool fused);

#endif
