/* Which options go together: see option_checks.h. */
#include "cli/options/option_checks.h"

#include "cli/command.h"

static bool needs(const run_options *o, const clattn_tensor *tensors, int count, const char *together) {
  for (int i = 0; i < count; ++i)
    if (o->file[tensors[i]] == NULL && !(tensors[i] == CLATTN_X && o->model != NULL)) {
      complain("%s is missing (%s go together)", file_option_name(tensors[i]), together);
      return false;
    }
  return true;
}

static bool refuses(const run_options *o, const clattn_tensor *tensors, int count, const char *with) {
  for (int i = 0; i < count; ++i)
    if (o->file[tensors[i]] != NULL) {
      complain("%s does not go with %s", file_option_name(tensors[i]), with);
      return false;
    }
  return true;
}

/* Allowed: q, k and v; x with wqkv; x with wq, wk and wv. */
static bool check_files(const run_options *o) {
  static const clattn_tensor given[] = {CLATTN_Q, CLATTN_K, CLATTN_V};
  static const clattn_tensor fused[] = {CLATTN_X, CLATTN_WQKV};
  static const clattn_tensor separate[] = {CLATTN_X, CLATTN_WQ, CLATTN_WK, CLATTN_WV};
  static const clattn_tensor projections[] = {CLATTN_X,    CLATTN_XKV, CLATTN_WQ, CLATTN_WK, CLATTN_WV,
                                              CLATTN_WQKV, CLATTN_BQ,  CLATTN_BK, CLATTN_BV, CLATTN_BQKV};
  static const clattn_tensor own[] = {CLATTN_XKV, CLATTN_WQ, CLATTN_WK, CLATTN_WV, CLATTN_BQ, CLATTN_BK, CLATTN_BV};
  static const clattn_tensor of_fused[] = {CLATTN_BQKV};
  if (o->file[CLATTN_BO] != NULL && o->file[CLATTN_WO] == NULL) {
    complain("--bo is given without --wo");
    return false;
  }
  if (o->file[CLATTN_Q] != NULL || o->file[CLATTN_K] != NULL || o->file[CLATTN_V] != NULL)
    return needs(o, given, 3, "--q, --k and --v") && refuses(o, projections, 10, "--q, --k and --v");
  if (o->file[CLATTN_WQKV] != NULL) return needs(o, fused, 2, "--x and --wqkv") && refuses(o, own, 7, "--wqkv");
  return needs(o, separate, 4, "--x, --wq, --wk and --wv") && refuses(o, of_fused, 1, "--wq, --wk and --wv");
}

/* Options of a cache need --cache-capacity; files of keys and of values come in pairs. */
static bool check_cache(const run_options *o) {
  const char *without = o->number[NUMBER_CACHE_PAGE] != 0         ? "--cache-page-len"
                        : o->number[NUMBER_CACHE_PAGES] != 0      ? "--cache-pages"
                        : o->number[NUMBER_PAST_TOKENS] != 0      ? "--past-tokens"
                        : o->list_text[LIST_PAST_LENGTHS] != NULL ? "--past-lengths"
                        : o->meaning.cache_rolling != 0           ? "--cache-rolling"
                        : o->meaning.cache_type_text != NULL      ? "--cache-type"
                                                                  : NULL;
  for (int i = 0; i < CACHE_FILES; ++i)
    if (o->cache_file[i] != NULL && without == NULL) without = cache_file_option((cache_file)i);
  const size_t *n = o->number;
  if (without != NULL && n[NUMBER_CACHE_CAPACITY] == 0) {
    complain("%s is given without --cache-capacity", without);
    return false;
  }
  if (n[NUMBER_CACHE_PAGES] != 0 && n[NUMBER_CACHE_PAGE] == 0) {
    complain("--cache-pages is given without --cache-page-len");
    return false;
  }
  if (n[NUMBER_CACHE_PAGE] > n[NUMBER_CACHE_CAPACITY]) {
    complain("--cache-page-len %zu (allowed: up to --cache-capacity, %zu)", n[NUMBER_CACHE_PAGE],
             n[NUMBER_CACHE_CAPACITY]);
    return false;
  }
  if (n[NUMBER_PAST_TOKENS] != 0 && (o->cache_file[CACHE_FILE_PAST_K] != NULL || o->cache_file[CACHE_FILE_PAST_V])) {
    complain("--past-tokens does not go with --past-k and --past-v");
    return false;
  }
  if (n[NUMBER_PAST_TOKENS] != 0 && o->list_text[LIST_PAST_LENGTHS] != NULL) {
    complain("--past-tokens does not go with --past-lengths");
    return false;
  }
  if (o->list_text[LIST_PAST_LENGTHS] != NULL && o->random == 0 && o->model == NULL &&
      o->cache_file[CACHE_FILE_PAST_K] == NULL) {
    complain("--past-lengths needs --random, --model, or --past-k and --past-v");
    return false;
  }
  for (int i = 0; i < CACHE_FILES; i += 2)
    if ((o->cache_file[i] != NULL) != (o->cache_file[i + 1] != NULL)) {
      complain("%s is missing (%s and %s go together)",
               cache_file_option((cache_file)(o->cache_file[i] == NULL ? i : i + 1)), cache_file_option((cache_file)i),
               cache_file_option((cache_file)(i + 1)));
      return false;
    }
  const bool by_head = o->meaning.cache_type == CLATTN_CACHE_I8_HEAD;
  if (by_head == (o->cache_file[CACHE_FILE_K_SCALE] != NULL)) return true;
  complain("--cache-type %s: --cache-k-scale and --cache-v-scale are needed with i8-head and refused without it",
           o->meaning.cache_type_text == NULL ? "f32" : o->meaning.cache_type_text);
  return false;
}

/* With a window of 0 keys a rewound cache would be empty, and its positions would begin anew. */
static bool check_rolling(const run_options *o) {
  const meaning_options *m = &o->meaning;
  if (m->cache_rolling == 0) return true;
  if (o->number[NUMBER_CACHE_PAGE] == 0 || m->window_left < 1) {
    complain("--cache-rolling needs --cache-page-len, and --window-left of 1 or more");
    return false;
  }
  if (m->alignment == CLATTN_ALIGN_TOP_LEFT && o->file[CLATTN_MASK] == NULL) return true;
  complain("--cache-rolling does not go with %s",
           o->file[CLATTN_MASK] != NULL ? "--mask" : "this --align (allowed: top-left)");
  return false;
}

/* An output projection reads rows of tokens, and packed tokens have no order by batch. */
static bool check_context_order(const run_options *o) {
  const char *against = o->file[CLATTN_WO] != NULL                 ? "--wo"
                        : o->number[NUMBER_OUTPUT_DIM] != 0        ? "--output-dim"
                        : o->list_text[LIST_QUERY_OFFSETS] != NULL ? "--query-offsets"
                                                                   : NULL;
  if (o->context_order == CLATTN_ORDER_TOKENS || against == NULL) return true;
  complain("--context-order %s does not go with %s (allowed: tokens)", o->context_order_text, against);
  return false;
}

/* Cosines and sines come in pairs and take the place of frequencies. */
static bool check_rotary(const run_options *o) {
  const char *const cosines = o->position_file[POSITION_FILE_COS], *const sines = o->position_file[POSITION_FILE_SIN];
  const char *frequency = o->meaning.rotary_base_text != NULL ? "--rotary-base"
                          : o->meaning.scaling_text != NULL   ? "--rotary-scaling"
                                                              : NULL;
  const char *turn = o->number[NUMBER_ROTARY_DIM] != 0 ? "--rotary-dim"
                     : frequency != NULL               ? frequency
                     : cosines != NULL                 ? "--rotary-cos"
                     : sines != NULL                   ? "--rotary-sin"
                                                       : NULL;
  if (turn != NULL && o->meaning.rotary == CLATTN_ROTARY_NONE) {
    complain("%s is given without --rotary", turn);
    return false;
  }
  if ((cosines != NULL) != (sines != NULL)) {
    complain("%s is missing (--rotary-cos and --rotary-sin go together)",
             cosines == NULL ? "--rotary-cos" : "--rotary-sin");
    return false;
  }
  if (cosines == NULL || frequency == NULL) return true;
  complain("%s does not go with --rotary-cos and --rotary-sin", frequency);
  return false;
}

/* What goes only with a model, and only one of its inputs. */
bool options_fit_model(const run_options *o) {
  const char *without = o->text != NULL ? "--text" : o->number_text[NUMBER_LAYER] != NULL ? "--layer" : NULL;
  if (o->model == NULL && without != NULL) {
    complain("%s is given without --model", without);
    return false;
  }
  if (o->text == NULL || o->file[CLATTN_X] == NULL) return true;
  complain("--text does not go with --x: both are the input of the layer");
  return false;
}

bool options_fit_together(const run_options *o, int input_files) {
  if ((o->example != NULL) + (o->random != 0) + (input_files > 0) > 1) {
    complain(
        "more than one input (allowed: --example, or --random, or --model, or files: --x with --wq, --wk and --wv, "
        "--x with --wqkv, --q with --k and --v)");
    return false;
  }
  if (input_files > 0 && !check_files(o)) return false;
  if (o->fused_order_text != NULL && o->file[CLATTN_WQKV] == NULL) {
    complain("--fused-order is given without --wqkv");
    return false;
  }
  const bool draws_x = o->model != NULL && o->text == NULL && o->file[CLATTN_X] == NULL;
  for (int i = NUMBER_BATCH; !o->random && i <= NUMBER_PAST_TOKENS; ++i)
    if (o->number[i] != 0 && !(draws_x && i <= NUMBER_TOKENS) && !(o->model != NULL && i == NUMBER_PAST_TOKENS)) {
      complain("%s needs --random; other inputs have their own sizes", number_option_name((number_option)i));
      return false;
    }
  if (!check_rotary(o) || !check_cache(o) || !check_rolling(o) || !check_context_order(o)) return false;
  if (o->number[NUMBER_KV_MODEL_DIM] != 0 && o->number[NUMBER_KEY_TOKENS] == 0) {
    complain("--kv-model-dim is given without --key-tokens");
    return false;
  }
  return true;
}
