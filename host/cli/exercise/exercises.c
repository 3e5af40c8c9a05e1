/* The table of exercises. */
#include "cli/exercise/exercises.h"

#include <stdio.h>
#include <string.h>

static const exercise exercises[] = {
    {"dot-product", "a row of X times a column of W", "from a work-item's number to its element and its addresses",
     "project/2_coalesced.cl", CLATTN_STAGE_PROJECT, "coalesced", 8, CLATTN_F32},
    {"weighted-sum", "context: values times weights", "the other axis: adding rows, each times its weight",
     "context/1_naive.cl", CLATTN_STAGE_CONTEXT, "naive", 8, CLATTN_F32},
    {"row-maximum", "softmax: the largest score", "why exp never sees a large number", "softmax/1_naive.cl",
     CLATTN_STAGE_SOFTMAX, "naive", 8, CLATTN_F32},
    {"row-sum", "softmax: sum and weights", "a row of weights adds up to 1", "softmax/1_naive.cl", CLATTN_STAGE_SOFTMAX,
     "naive", 8, CLATTN_F32},
    {"guard", "tiles that reach beyond the matrix", "which work-items write at the borders, and what",
     "scores/2_tiled.cl", CLATTN_STAGE_SCORES, "tiled:TILE=16", 16, CLATTN_F32},
    {"mask", "scores: causal and window", "a masked score becomes -infinity", "common/attention.cl",
     CLATTN_STAGE_SCORES, "tiled:TILE=16", 16, CLATTN_F32},
    {"tile-load", "two tiles into local memory", "what one work-item fetches, its whole work-group uses",
     "common/product_tiled.cl", CLATTN_STAGE_PROJECT, "tiled:TILE=16", 16, CLATTN_F32},
    {"tile-multiply", "two barriers and a sum", "when a work-item may read what others wrote, and overwrite it",
     "common/product_tiled.cl", CLATTN_STAGE_PROJECT, "tiled:TILE=16", 16, CLATTN_F32},
    {"join", "a sum over a work-group", "a tree in local memory, level by level", "common/join.cl",
     CLATTN_STAGE_SOFTMAX, "tiled:LOCAL_X=32", 32, CLATTN_F32},
    {"register-block", "a block of sums in registers", "using a word many times after reading it once",
     "common/product_register.cl", CLATTN_STAGE_PROJECT,
     "register:LOCAL_X=16:LOCAL_Y=16:ITEM_ROWS=4:ITEM_COLS=4:TILE_DEPTH=16", 64, CLATTN_F32},
    {"panel", "vectors for a CPU", "the same idea for a CPU: float16 sums that stay in registers",
     "common/panel_rows.cl", CLATTN_STAGE_SCORES, "panel:ITEM_ROWS=64:ROWS=4:VECTORS=4:STRIP=64", 64, CLATTN_F32},
    {"online-maximum", "softmax without knowing the maximum", "correcting sums that were made with a smaller maximum",
     "fused/2_online.cl", CLATTN_STAGE_FUSED, "online", 8, CLATTN_F32},
    {"rescale", "a running maximum, tile by tile", "rescaling everything that a row has summed so far",
     "fused/3_tiled.cl", CLATTN_STAGE_FUSED, "tiled:TILE=8", 8, CLATTN_F32},
    {"sum-lanes", "a matrix unit: from sum to left", "why sums become the next product's left where they are",
     "common/matrix_units.h", CLATTN_STAGE_FUSED, "matrix:MATRIX_UNIT=2:SUB_GROUPS=1:BLOCK_KEYS=16", 16, CLATTN_F16},
};

size_t exercise_count(void) {
  return sizeof exercises / sizeof exercises[0];
}

const exercise *exercise_at(size_t index) {
  return index < exercise_count() ? &exercises[index] : NULL;
}

const exercise *exercise_find(const char *name_or_number) {
  char number[16];
  for (size_t i = 0; i < exercise_count(); ++i) {
    snprintf(number, sizeof number, "%zu", i + 1);
    if (strcmp(exercises[i].name, name_or_number) == 0 || strcmp(number, name_or_number) == 0) return &exercises[i];
  }
  return NULL;
}
