/* The table of stages: see stages.h. */
#include "problem/stages.h"

#include <stdio.h>

#include "problem/costs.h"
#include "problem/facts.h"
#include "problem/kernel_arguments.h"
#include "problem/shape.h"

/* ---- whether a problem has the stage ----------------------------------------------------------------------------- */

static bool always(const clattn_problem *p) {
  (void)p;
  return true;
}

static bool is_converted(const clattn_problem *p) {
  return p->type != CLATTN_F32 || p->positions != CLATTN_POSITIONS_NONE;
}

static bool is_projected(const clattn_problem *p) {
  return p->source != CLATTN_SOURCE_QKV;
}

static bool is_turned(const clattn_problem *p) {
  return p->rotary != CLATTN_ROTARY_NONE;
}

static bool has_cache(const clattn_problem *p) {
  return p->cache.capacity != 0;
}

static bool has_output_projection(const clattn_problem *p) {
  return p->output_dim != 0;
}

static double no_flops(const clattn_problem *p) {
  (void)p;
  return 0.0;
}

/* It is a call of its own. */
static bool never(const clattn_problem *p) {
  (void)p;
  return false;
}

/* ---- terms of the longest sum ------------------------------------------------------------------------------------ */

static size_t one(const clattn_problem *p) {
  (void)p;
  return 1;
}

static size_t widest_input(const clattn_problem *p) {
  return p->model_dim > p->kv_model_dim ? p->model_dim : p->kv_model_dim;
}

static size_t head_dim(const clattn_problem *p) {
  return p->head_dim;
}

/* The fused kernels have two sums, over head_dim and over keys. */
static size_t keys_or_head_dim(const clattn_problem *p) {
  const size_t keys = clattn_most_keys(p);
  return p->head_dim > keys ? p->head_dim : keys;
}

static size_t context_columns(const clattn_problem *p) {
  return p->heads * p->value_dim;
}

/* ---- what CLBlast's product lacks -------------------------------------------------------------------------------- */

static bool has_qkv_bias(const clattn_problem *p) {
  return (p->biases & ~(unsigned)CLATTN_BIAS_O) != 0;
}

static bool has_output_bias(const clattn_problem *p) {
  return (p->biases & CLATTN_BIAS_O) != 0;
}

/* Scores that are more than a scaled product: masked, capped, or with something added. */
static bool changes_scores(const clattn_problem *p) {
  return clattn_hides_keys(p) || clattn_has_sequences(p) || !clattn_has_plain_scores(p);
}

/* ---- macros ------------------------------------------------------------------------------------------------------ */

static int layout_macros(const clattn_problem *p, bool in_place, char *text, size_t size) {
  (void)in_place;
  return snprintf(text, size, " -DW_TRANSPOSED=%d", p->layout == CLATTN_LAYOUT_XWT);
}

/* As kernels/common/attention.h numbers types. */
static int type_read(const clattn_problem *p, clattn_tensor tensor) {
  return clattn_fused_reads_stored(p, tensor) ? (int)clattn_kernel_type(p->type) : STORED_F32;
}

static int fused_macros(const clattn_problem *p, bool in_place, char *text, size_t size) {
  const int cached = clattn_kernel_cache_type(p->cache.type);
  return snprintf(text, size, " -DHEAD_DIM=%zu -DVALUE_DIM=%zu -DQ_TYPE=%d -DK_TYPE=%d -DV_TYPE=%d -DPAGES=%d",
                  p->head_dim, p->value_dim, type_read(p, CLATTN_Q), in_place ? cached : type_read(p, CLATTN_K),
                  in_place ? cached : type_read(p, CLATTN_V), in_place && p->cache.page_len != 0);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define IN(pipeline) (1u << (pipeline))
#define WITH_SCORES (IN(CLATTN_PIPELINE_STAGED) | IN(CLATTN_PIPELINE_BLAS)) /* those that keep scores in memory */
#define EVERY (WITH_SCORES | IN(CLATTN_PIPELINE_FUSED))
#define NONE CLATTN_TENSOR_COUNT

static const clattn_stage_facts facts[CLATTN_STAGE_COUNT] = {
    [CLATTN_STAGE_CONVERT] = {.name = "convert",
                              .scopes = CLATTN_SCOPE_BEFORE | CLATTN_SCOPE_AFTER, /* inputs; the output */
                              .pipelines = EVERY,
                              .kernels = CLATTN_STAGE_CONVERT,
                              .self_tested = true,
                              .makes = {CLATTN_X_POSITIONED, CLATTN_Q, CLATTN_OUTPUT, NONE},
                              .touches = {NONE},
                              .used = is_converted,
                              .terms = one,
                              .flops = no_flops,
                              .bytes = clattn_convert_bytes},
    [CLATTN_STAGE_PROJECT] = {.name = "project",
                              .scopes = CLATTN_SCOPE_BEFORE,
                              .pipelines = EVERY,
                              .kernels = CLATTN_STAGE_PROJECT,
                              .tuned = true,
                              .self_tested = true,
                              .makes = {CLATTN_Q, CLATTN_K, CLATTN_V, NONE},
                              .touches = {CLATTN_X, CLATTN_XKV, CLATTN_WQ, CLATTN_WK, CLATTN_WV, CLATTN_WQKV, CLATTN_BQ,
                                          CLATTN_BK, CLATTN_BV, CLATTN_BQKV, CLATTN_Q, CLATTN_K, CLATTN_V, NONE},
                              .used = is_projected,
                              .terms = widest_input,
                              .flops = clattn_project_flops,
                              .needs_post_process = has_qkv_bias,
                              .macros = layout_macros},
    [CLATTN_STAGE_ROTARY] = {.name = "rotary",
                             .scopes = CLATTN_SCOPE_BEFORE,
                             .pipelines = EVERY,
                             .kernels = CLATTN_STAGE_ROTARY,
                             .self_tested = true,
                             .makes = {CLATTN_Q, CLATTN_K, NONE},
                             .touches = {CLATTN_Q, CLATTN_K, CLATTN_Q, CLATTN_K, NONE}, /* read, then written */
                             .used = is_turned,
                             .terms = one,
                             .flops = clattn_rotary_flops},
    [CLATTN_STAGE_CACHE] = {.name = "cache",
                            .scopes = CLATTN_SCOPE_BEFORE,
                            .pipelines = EVERY,
                            .kernels = CLATTN_STAGE_CACHE,
                            .makes = {CLATTN_CACHED_K, CLATTN_CACHED_V, NONE},
                            .touches = {NONE},
                            .used = has_cache,
                            .terms = one,
                            .flops = no_flops,
                            .bytes = clattn_append_bytes},
    [CLATTN_STAGE_SCORES] = {.name = "scores",
                             .scopes = CLATTN_SCOPE_BLOCK,
                             .pipelines = WITH_SCORES,
                             .kernels = CLATTN_STAGE_SCORES,
                             .tuned = true,
                             .self_tested = true,
                             .masks = true,
                             .makes = {CLATTN_SCORES, NONE},
                             .touches = {CLATTN_Q, CLATTN_K, CLATTN_SCORES, NONE},
                             .used = always,
                             .terms = head_dim,
                             .flops = clattn_scores_flops,
                             .needs_post_process = changes_scores},
    [CLATTN_STAGE_SOFTMAX] = {.name = "softmax",
                              .scopes = CLATTN_SCOPE_BLOCK,
                              .pipelines = WITH_SCORES,
                              .kernels = CLATTN_STAGE_SOFTMAX,
                              .tuned = true,
                              .self_tested = true,
                              .makes = {CLATTN_WEIGHTS, CLATTN_LSE, NONE},
                              .touches = {CLATTN_SCORES, CLATTN_WEIGHTS, NONE},
                              .used = always,
                              .terms = clattn_most_keys,
                              .flops = clattn_softmax_flops},
    /* A masked key's value may be NaN or infinite; its weight of 0 does not take it out of
     * CLBlast's product. */
    [CLATTN_STAGE_CONTEXT] = {.name = "context",
                              .scopes = CLATTN_SCOPE_BLOCK,
                              .pipelines = WITH_SCORES,
                              .kernels = CLATTN_STAGE_CONTEXT,
                              .tuned = true,
                              .self_tested = true,
                              .makes = {CLATTN_CONTEXT, NONE},
                              .touches = {CLATTN_WEIGHTS, CLATTN_V, CLATTN_CONTEXT, NONE},
                              .used = always,
                              .terms = clattn_most_keys,
                              .flops = clattn_context_flops,
                              .needs_post_process = changes_scores},
    [CLATTN_STAGE_FUSED] = {.name = "fused",
                            .scopes = CLATTN_SCOPE_BLOCK,
                            .pipelines = IN(CLATTN_PIPELINE_FUSED),
                            .kernels = CLATTN_STAGE_FUSED,
                            .tuned = true,
                            .self_tested = true,
                            .masks = true,
                            .reads_stored = true,
                            .makes = {CLATTN_LSE, CLATTN_CONTEXT, NONE},
                            .touches = {CLATTN_Q, CLATTN_K, CLATTN_V, CLATTN_CONTEXT, NONE},
                            .used = always,
                            .terms = keys_or_head_dim,
                            .flops = clattn_fused_flops,
                            .macros = fused_macros},
    [CLATTN_STAGE_OUTPUT] = {.name = "output",
                             .scopes = CLATTN_SCOPE_AFTER,
                             .pipelines = EVERY,
                             .kernels = CLATTN_STAGE_PROJECT,
                             .tuned = true,
                             .self_tested = true,
                             .makes = {CLATTN_OUTPUT, NONE},
                             .touches = {CLATTN_CONTEXT, CLATTN_WO, CLATTN_BO, CLATTN_OUTPUT, NONE},
                             .used = has_output_projection,
                             .terms = context_columns,
                             .flops = clattn_output_flops,
                             .needs_post_process = has_output_bias,
                             .macros = layout_macros},
    [CLATTN_STAGE_PRODUCTS] = {.name = "products",
                               .scopes = CLATTN_SCOPE_BLOCK,
                               .pipelines = WITH_SCORES,
                               .kernels = CLATTN_STAGE_PRODUCTS,
                               .traced = true,
                               .self_tested = true,
                               .makes = {CLATTN_PRODUCTS, NONE},
                               .touches = {CLATTN_Q, CLATTN_K, CLATTN_PRODUCTS, NONE},
                               .used = always,
                               .terms = head_dim,
                               .flops = clattn_products_flops},
    [CLATTN_STAGE_EXPS] = {.name = "exps",
                           .scopes = CLATTN_SCOPE_BLOCK,
                           .pipelines = WITH_SCORES,
                           .kernels = CLATTN_STAGE_EXPS,
                           .traced = true,
                           .self_tested = true,
                           .makes = {CLATTN_EXPS, CLATTN_ROW_MAX, CLATTN_ROW_SUM, NONE},
                           .touches = {CLATTN_SCORES, CLATTN_EXPS, NONE},
                           .used = always,
                           .terms = clattn_most_keys,
                           .flops = clattn_exps_flops},
    [CLATTN_STAGE_MERGE] = {.name = "merge",
                            .kernels = CLATTN_STAGE_MERGE,
                            .self_tested = true,
                            .makes = {CLATTN_LSE, CLATTN_CONTEXT, NONE},
                            .touches = {CLATTN_CONTEXT, CLATTN_CONTEXT, CLATTN_CONTEXT,
                                        NONE}, /* two parts, one result */
                            .used = never,
                            .terms = one,
                            .flops = no_flops},
};

const clattn_stage_facts *clattn_stage_facts_of(clattn_stage stage) {
  return &facts[stage];
}

bool clattn_stage_used(const clattn_problem *problem, clattn_stage stage) {
  return facts[stage].used(problem);
}

bool clattn_is_of_plans(clattn_stage stage) {
  return facts[stage].pipelines != 0;
}

bool clattn_is_of_scores(clattn_stage stage) {
  return facts[stage].scopes == CLATTN_SCOPE_BLOCK;
}

/* ---- the public view --------------------------------------------------------------------------------------------- */

const char *clattn_stage_name(clattn_stage stage) {
  if ((int)stage < 0 || stage >= CLATTN_STAGE_COUNT) return "unknown stage";
  return facts[stage].name;
}

clattn_stage clattn_stage_kernels(clattn_stage stage) {
  return facts[stage].kernels;
}

bool clattn_stage_is_tuned(clattn_stage stage) {
  return facts[stage].tuned;
}

bool clattn_stage_is_traced(clattn_stage stage) {
  return facts[stage].traced;
}

const char *clattn_pipeline_name(clattn_pipeline pipeline) {
  static const char *const names[CLATTN_PIPELINE_COUNT] = {"auto", "staged", "blas", "fused"};
  if ((int)pipeline < 0 || pipeline >= CLATTN_PIPELINE_COUNT) return "unknown pipeline";
  return names[pipeline];
}

bool clattn_pipeline_has_stage(clattn_pipeline pipeline, clattn_stage stage) {
  return (facts[stage].pipelines & IN(pipeline)) != 0;
}
