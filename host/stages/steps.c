/* The steps of a run: see steps.h. */
#include "stages/steps.h"

#define BEFORE CLATTN_SCOPE_BEFORE
#define BLOCK CLATTN_SCOPE_BLOCK
#define AFTER CLATTN_SCOPE_AFTER
/* clang-format off */
#define NONE {CLATTN_TENSOR_COUNT}
#define ONE(tensor) {tensor, CLATTN_TENSOR_COUNT}
#define CACHED {CLATTN_CACHED_K, CLATTN_CACHED_V, CLATTN_TENSOR_COUNT}
#define EXPS {CLATTN_EXPS, CLATTN_ROW_MAX, CLATTN_ROW_SUM, CLATTN_TENSOR_COUNT}
/* clang-format on */

/* Scores and all tensors like them share the block's buffer. So the steps that make other tensors
 * than scores and weights come first, and each hands its tensor over before the next step
 * overwrites the buffer. Exps replace scores that one step makes for them alone. */
static const clattn_step steps[] = {
    /* scope, stage, function, how far, results, only for */
    {BEFORE, CLATTN_STAGE_CONVERT, clattn_stage_convert, UNTIL_MASKED, ONE(CLATTN_X_POSITIONED), NONE},
    {BEFORE, CLATTN_STAGE_PROJECT, clattn_stage_project, UNTIL_MASKED, NONE, NONE},
    {BEFORE, CLATTN_STAGE_CONVERT, clattn_stage_convert_projections, UNTIL_MASKED, NONE, NONE},
    {BEFORE, CLATTN_STAGE_ROTARY, clattn_stage_rotary, UNTIL_MASKED, NONE, NONE},
    {BEFORE, CLATTN_STAGE_CACHE, clattn_stage_cache, UNTIL_MASKED, CACHED, NONE},

    {BLOCK, CLATTN_STAGE_PRODUCTS, clattn_stage_products, UNTIL_MASKED, ONE(CLATTN_PRODUCTS), ONE(CLATTN_PRODUCTS)},
    {BLOCK, CLATTN_STAGE_SCORES, clattn_stage_scores, UNTIL_SCALED, ONE(CLATTN_SCALED), ONE(CLATTN_SCALED)},
    {BLOCK, CLATTN_STAGE_SCORES, clattn_stage_scores, UNTIL_SOFTCAPPED, ONE(CLATTN_SOFTCAPPED), ONE(CLATTN_SOFTCAPPED)},
    {BLOCK, CLATTN_STAGE_SCORES, clattn_stage_scores, UNTIL_MASKED, NONE, EXPS},
    {BLOCK, CLATTN_STAGE_EXPS, clattn_stage_exps, UNTIL_MASKED, ONE(CLATTN_EXPS), EXPS},
    {BLOCK, CLATTN_STAGE_SCORES, clattn_stage_scores, UNTIL_MASKED, ONE(CLATTN_SCORES), NONE},
    {BLOCK, CLATTN_STAGE_SOFTMAX, clattn_stage_softmax, UNTIL_MASKED, ONE(CLATTN_WEIGHTS), NONE},
    {BLOCK, CLATTN_STAGE_CONTEXT, clattn_stage_context, UNTIL_MASKED, NONE, NONE},
    {BLOCK, CLATTN_STAGE_FUSED, clattn_stage_fused, UNTIL_MASKED, NONE, NONE},

    {AFTER, CLATTN_STAGE_OUTPUT, clattn_stage_output, UNTIL_MASKED, NONE, NONE},
    {AFTER, CLATTN_STAGE_CONVERT, clattn_stage_convert_output, UNTIL_MASKED, NONE, NONE},
};

const clattn_step *clattn_step_at(size_t index) {
  return index < sizeof steps / sizeof steps[0] ? &steps[index] : NULL;
}
