/* Reads the options of `clattn run` with popt, and refuses contradictions. */
#include "cli/options/options.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/model/model.h"
#include "cli/options/option_values.h"
#include "cli/options/read_options.h"

/* ---- the tables -------------------------------------------------------------------------------------------------- */

static const struct {
  clattn_tensor tensor;
  const char *name, *help;
} files[] = {
    {CLATTN_X, "--x", "X, (tokens, model_dim) or (batch, tokens, model_dim)"},
    {CLATTN_XKV, "--xkv", "cross attention: the input of K and V, shaped like X"},
    {CLATTN_WQ, "--wq", "Wq, (model_dim, heads.head_dim); transposed with --layout xwt"},
    {CLATTN_WK, "--wk", "Wk, (model_dim, kv_heads.head_dim)"},
    {CLATTN_WV, "--wv", "Wv, (model_dim, kv_heads.value_dim)"},
    {CLATTN_WQKV, "--wqkv", "Wq, Wk and Wv in one matrix, see --fused-order"},
    {CLATTN_BQ, "--bq", "bias of Q, (heads.head_dim)"},
    {CLATTN_BK, "--bk", "bias of K, (kv_heads.head_dim)"},
    {CLATTN_BV, "--bv", "bias of V, (kv_heads.value_dim)"},
    {CLATTN_BQKV, "--bqkv", "the three biases in one vector, with --wqkv"},
    {CLATTN_WO, "--wo", "output projection, (heads.value_dim, columns); transposed with --layout xwt"},
    {CLATTN_BO, "--bo", "bias of the output, (columns)"},
    {CLATTN_Q, "--q",
     "Q itself: (batch, heads, tokens, head_dim), (batch, tokens, heads.head_dim) or (tokens, heads.head_dim)"},
    {CLATTN_K, "--k", "K, shaped like Q, with kv_heads heads"},
    {CLATTN_V, "--v", "V, shaped like K, with value_dim"},
    {CLATTN_MASK, "--mask", "bool (true: may see) or float (added), broadcast to (batch, heads, tokens, keys)"},
    {CLATTN_SLOPES, "--alibi", "ALiBi slopes, (heads); auto: the standard slopes"},
    {CLATTN_SINKS, "--sinks", "one extra logit per head that softmax divides by but no value belongs to, (heads)"},
};
enum { FILES = sizeof files / sizeof files[0], INPUT_FILES = FILES - 3 };

#define SIZES                                                                                                          \
  { 1, CLATTN_LARGEST_SIZE }

static const struct {
  const char *name, *help;
  number_range range;
} numbers[NUMBER_COUNT] = {
    [NUMBER_BATCH] = {"--batch", "sequences (1)", SIZES},
    [NUMBER_TOKENS] = {"--tokens", "length of each sequence (1024)", SIZES},
    [NUMBER_KEY_TOKENS] = {"--key-tokens", "cross attention: length of the input of K and V", SIZES},
    [NUMBER_MODEL_DIM] = {"--model-dim", "columns of X (512)", SIZES},
    [NUMBER_KV_MODEL_DIM] = {"--kv-model-dim", "columns of the input of K and V (model_dim)", SIZES},
    [NUMBER_HEAD_DIM] = {"--head-dim", "of queries and keys (model_dim / heads)", SIZES},
    [NUMBER_VALUE_DIM] = {"--value-dim", "of values (head_dim)", SIZES},
    [NUMBER_OUTPUT_DIM] = {"--output-dim",
                           "columns of an output projection; Q, K, V and the output get biases too (none)", SIZES},
    [NUMBER_PAST_TOKENS] = {"--past-tokens", "random keys and values that the cache holds before the run", SIZES},
    [NUMBER_ROTARY_DIM] = {"--rotary-dim", "elements at the start of each vector that are rotated (head_dim)", SIZES},
    [NUMBER_CACHE_CAPACITY] = {"--cache-capacity", "use a cache with room for N keys per sequence", SIZES},
    [NUMBER_CACHE_PAGE] = {"--cache-page-len", "tokens per page (no pages)", SIZES},
    [NUMBER_CACHE_PAGES] = {"--cache-pages", "pages in all, shared by the sequences (enough for all)", SIZES},
    [NUMBER_HEADS] = {"--heads", "(1; with --random 8); head_dim = columns of the matrix / heads", SIZES},
    [NUMBER_KV_HEADS] = {"--kv-heads", "KV heads, a divisor of the heads (as many as heads)", SIZES},
    [NUMBER_REPEAT] = {"--repeat", "timed runs after a warm-up run; the fastest counts (3)", {1, INT32_MAX}},
    [NUMBER_LAYER] = {"--layer", "of --model (0)", {0, INT32_MAX}},
    [NUMBER_SEED] = {"--seed", "of the random input and of the sample of rows (1)", {0, INT32_MAX}},
};

static const struct {
  const char *name, *help;
} lists[LIST_COUNT] = {
    [LIST_KEY_LENGTHS] = {"--key-lengths", "keys of each sequence; the rest is padding"},
    [LIST_QUERY_OFFSETS] = {"--query-offsets", "packed sequences: where each begins, then the end, as in 0,3,7"},
    [LIST_KEY_OFFSETS] = {"--key-offsets", "the same for the keys"},
    [LIST_PAST_LENGTHS] = {"--past-lengths", "keys of each sequence that the cache holds before the run, as in 5,0,17"},
};

static const struct {
  const char *name, *help;
} cache_files[CACHE_FILES] = {
    [CACHE_FILE_PAST_K] = {"--past-k",
                           "keys that the cache holds before the run, (batch, kv_heads, tokens, head_dim) or, as "
                           "--save writes them, (batch, tokens, kv_heads.head_dim)"},
    [CACHE_FILE_PAST_V] = {"--past-v", "values, shaped like --past-k, with value_dim"},
    [CACHE_FILE_K_SCALE] = {"--cache-k-scale", "with i8-head: the scale of each head's keys, (kv_heads)"},
    [CACHE_FILE_V_SCALE] = {"--cache-v-scale", "with i8-head: the scale of each head's values, (kv_heads)"},
};

static const struct {
  const char *name, *help;
} position_files[POSITION_FILES] = {
    [POSITION_FILE_IDS] = {"--position-ids",
                           "positions for --rotary and --positions instead of places in the "
                           "sequence: whole numbers, (batch, tokens) or (tokens); with --query-offsets "
                           "(tokens)"},
    [POSITION_FILE_KEY_IDS] = {"--key-position-ids", "the same for --rotary's keys if they do not come from X"},
    [POSITION_FILE_COS] = {"--rotary-cos", "cosines, (positions, rotary_dim / 2), instead of --rotary-base"},
    [POSITION_FILE_SIN] = {"--rotary-sin", "sines, shaped like --rotary-cos"},
};

const char *cache_file_option(cache_file file) {
  return cache_files[file].name;
}

const char *position_file_option(position_file file) {
  return position_files[file].name;
}

const char *number_option_name(number_option number) {
  return numbers[number].name;
}

const char *list_option_name(list_option list) {
  return lists[list].name;
}

const char *file_option_name(clattn_tensor tensor) {
  for (int i = 0; i < FILES; ++i)
    if (files[i].tensor == tensor) return files[i].name;
  return NULL;
}

/* ---- checks ------------------------------------------------------------------------------------------ */

static bool parse_words(run_options *o) {
  static const char *const checks[] = {"auto", "full", "sample", "off"}, *const orders[] = {"tokens", "heads"};
  static const char *const fused_orders[] = {"side-by-side", "groups"};
  const char *pipelines[CLATTN_PIPELINE_COUNT];
  for (int i = 0; i < CLATTN_PIPELINE_COUNT; ++i) pipelines[i] = clattn_pipeline_name((clattn_pipeline)i);
  int value = 0;
  if (o->pipeline_text != NULL) {
    if (!parse_word("--pipeline", o->pipeline_text, pipelines, CLATTN_PIPELINE_COUNT, &value)) return false;
    o->pipeline = (clattn_pipeline)value;
  }
  if (o->launch_seconds_text != NULL && !parse_seconds("--launch-seconds", o->launch_seconds_text, &o->launch_seconds))
    return false;
  if (o->check_text != NULL) {
    if (!parse_word("--check", o->check_text, checks, 4, &value)) return false;
    o->check = (check_mode)value;
  }
  if (o->context_order_text != NULL) {
    if (!parse_word("--context-order", o->context_order_text, orders, 2, &value)) return false;
    o->context_order = (clattn_order)value;
  }
  if (o->fused_order_text != NULL) {
    if (!parse_word("--fused-order", o->fused_order_text, fused_orders, 2, &value)) return false;
    o->fused_order = (clattn_fused_order)value;
  }
  return true;
}

static bool parse_numbers(run_options *o) {
  o->number[NUMBER_SEED] = 1;
  for (int i = 0; i < NUMBER_COUNT; ++i) {
    int64_t value = 0;
    if (o->number_text[i] == NULL) continue;
    if (!parse_integer(numbers[i].name, o->number_text[i], numbers[i].range, &value)) return false;
    o->number[i] = (size_t)value;
  }
  for (int i = 0; i < LIST_COUNT; ++i)
    if (o->list_text[i] != NULL &&
        !parse_list(lists[i].name, o->list_text[i], (number_range){0, CLATTN_LARGEST_SIZE}, &o->list[i]))
      return false;
  return true;
}

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
    if (o->cache_file[i] != NULL && without == NULL) without = cache_files[i].name;
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
  if (o->list_text[LIST_PAST_LENGTHS] != NULL && o->random == 0 && o->cache_file[CACHE_FILE_PAST_K] == NULL) {
    complain("--past-lengths needs --random, or --past-k and --past-v");
    return false;
  }
  for (int i = 0; i < CACHE_FILES; i += 2)
    if ((o->cache_file[i] != NULL) != (o->cache_file[i + 1] != NULL)) {
      complain("%s is missing (%s and %s go together)", cache_files[o->cache_file[i] == NULL ? i : i + 1].name,
               cache_files[i].name, cache_files[i + 1].name);
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
static bool check_model(const run_options *o) {
  const char *without = o->text != NULL ? "--text" : o->number_text[NUMBER_LAYER] != NULL ? "--layer" : NULL;
  if (o->model == NULL && without != NULL) {
    complain("%s is given without --model", without);
    return false;
  }
  if (o->text == NULL || o->file[CLATTN_X] == NULL) return true;
  complain("--text does not go with --x: both are the input of the layer");
  return false;
}

static bool check_input(const run_options *o) {
  int input_files = 0;
  for (int i = 0; i < INPUT_FILES; ++i) input_files += o->file[files[i].tensor] != NULL;
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
    if (o->number[i] != 0 && !(draws_x && i <= NUMBER_TOKENS)) {
      complain("%s needs --random; other inputs have their own sizes", numbers[i].name);
      return false;
    }
  if (!check_rotary(o) || !check_cache(o) || !check_rolling(o) || !check_context_order(o)) return false;
  if (o->number[NUMBER_KV_MODEL_DIM] != 0 && o->number[NUMBER_KEY_TOKENS] == 0) {
    complain("--kv-model-dim is given without --key-tokens");
    return false;
  }
  return true;
}

/* ---- popt -------------------------------------------------------------------------------------------------------- */

/* A popt table, filled line by line; the last line stays empty, as popt requires. */
typedef struct option_table {
  struct poptOption line[24];
  int count;
} option_table;

static void add(option_table *table, const char *name, int kind, void *to, const char *help, const char *what) {
  table->line[table->count++] = (struct poptOption){name + 2, 0, kind, to, 0, help, what};
}

static void add_text(option_table *table, const char *name, char **to, const char *help, const char *what) {
  add(table, name, POPT_ARG_STRING, to, help, what);
}

static void add_number(option_table *table, run_options *o, number_option number) {
  add_text(table, numbers[number].name, &o->number_text[number], numbers[number].help, "N");
}

static void fill_input(option_table *table, run_options *o) {
  add_text(table, "--example", &o->example,
           "an article's example: please-study-man (used when no input is given), dog-chased-ball, cat-sat-down "
           "or love-apple-phones",
           "NAME");
  add_text(table, "--model", &o->model,
           "a layer of a model: matrices and meaning from a folder with config.json and model.safetensors, as "
           "transformers lays it out; X from --x, --text or at random",
           "DIR");
  add_number(table, o, NUMBER_LAYER);
  add_text(table, "--text", &o->text, "X from the words of a model like BERT or GPT-2, for layer 0", "TEXT");
  for (int i = 0; i < INPUT_FILES; ++i)
    add_text(table, files[i].name, &o->file[files[i].tensor], files[i].help, "FILE");
  add_text(table, "--fused-order", &o->fused_order_text,
           "columns of --wqkv: side-by-side (default), or groups: for each KV head its query heads, its key and its "
           "value, as in GPT-NeoX, Bloom and Falcon",
           "ORDER");
}

static void fill_random(option_table *table, run_options *o) {
  add(table, "--random", POPT_ARG_NONE, &o->random, "random X and matrices with the sizes below", NULL);
  add_number(table, o, NUMBER_SEED);
  for (int i = NUMBER_BATCH; i <= NUMBER_PAST_TOKENS; ++i) add_number(table, o, (number_option)i);
}

static void fill_meaning(option_table *table, run_options *o) {
  meaning_options *m = &o->meaning;
  add_number(table, o, NUMBER_HEADS);
  add_number(table, o, NUMBER_KV_HEADS);
  add_text(table, "--layout", &m->layout_text,
           "xw: Q = X.W (default), or xwt: Q = X.W^T; examples and random matrices are transposed to fit, files are "
           "not",
           "LAYOUT");
  add_text(table, "--type", &m->type_text, "how inputs and output are stored: f32 (default), f16 or bf16", "TYPE");
  add_text(table, "--math", &m->math_text,
           "arithmetic of Q.K^T and weights.V: float (default), or stored, half where --type f16, --q, --k and --v, "
           "device and kernel allow it",
           "MATH");
  add_text(table, "--scale", &m->scale_text, "factor of Q.K^T (1 / sqrt(head_dim))", "S");
  add_text(table, "--softcap", &m->softcap_text, "scores become C tanh(scores / C) (0: no softcap)", "C");
  add(table, "--causal", POPT_ARG_NONE, &m->causal, "a query at position p sees keys 0 ... p only", NULL);
  add_text(table, "--align", &m->align_text,
           "key position of the first query: top-left (0, default), bottom-right (the last query is at the last "
           "key) or a number",
           "WHERE");
  add_text(table, "--window-left", &m->window_left_text, "visible keys before a query's position (-1: all)", "N");
  add_text(table, "--window-right", &m->window_right_text, "visible keys after a query's position (-1: all)", "N");
  for (int i = INPUT_FILES; i < FILES; ++i)
    add_text(table, files[i].name, &o->file[files[i].tensor], files[i].help, "FILE");
  for (int i = 0; i < LIST_COUNT; ++i) add_text(table, lists[i].name, &o->list_text[i], lists[i].help, "N,N,...");
}

static void fill_positions(option_table *table, run_options *o) {
  meaning_options *m = &o->meaning;
  add_text(table, "--positions", &m->positions_text, "sinusoidal: added to X (none)", "WHICH");
  add_text(table, "--rotary", &m->rotary_text, "rotary embedding of Q and K: halves, interleaved (none)", "PAIRS");
  add_text(table, "--rotary-base", &m->rotary_base_text, "(10000)", "B");
  add_number(table, o, NUMBER_ROTARY_DIM);
  add_text(table, "--rotary-scaling", &m->scaling_text,
           "frequencies for longer sequences: linear:factor=4; or dynamic, yarn or llama3 with transformers' keys, "
           "factor, original_max_position_embeddings, low_freq_factor, high_freq_factor, beta_fast, beta_slow, "
           "attention_factor, mscale, mscale_all_dim, truncate",
           "SCALING");
  for (int i = 0; i < POSITION_FILES; ++i)
    add_text(table, position_files[i].name, &o->position_file[i], position_files[i].help, "FILE");
  for (int i = NUMBER_CACHE_CAPACITY; i <= NUMBER_CACHE_PAGES; ++i) add_number(table, o, (number_option)i);
  add(table, "--cache-rolling", POPT_ARG_NONE, &m->cache_rolling,
      "first drop the pages of keys that are behind --window-left", NULL);
  add_text(table, "--cache-type", &m->cache_type_text, "f32 (default), f16, bf16, i8-token, i8-head or q4", "TYPE");
  for (int i = 0; i < CACHE_FILES; ++i)
    add_text(table, cache_files[i].name, &o->cache_file[i], cache_files[i].help, "FILE");
}

static void fill_device(option_table *table, run_options *o) {
  add_text(table, "--device", &o->device, DEVICE_HELP("the best"), "D");
  add_text(table, "--platform", &o->platform, PLATFORM_HELP, "P");
  add_text(
      table, "--pipeline", &o->pipeline_text,
      "auto (default), staged, blas or fused; auto is staged where scores and weights are shown (examples, explain), "
      "saved (--save) or made by a kernel that --kernel names, else fused",
      "NAME");
  add_text(table, "--kernel", &o->kernels,
           "choose kernels by hand: scores=2,softmax=naive; with tile sizes: scores=tiled:TILE=8", "LIST");
  add_text(table, "--launch-seconds", &o->launch_seconds_text,
           "split launches that are estimated to take longer; inf: none (1 on GPUs, else inf)", "S");
  add(table, "--explain-plan", POPT_ARG_NONE, &o->explain, "say why each kernel was chosen or rejected", NULL);
}

static void fill_output(option_table *table, run_options *o) {
  add_text(table, "--check", &o->check_text,
           "auto (default: full, or a sample of rows if full would take long), full, sample or off", "HOW");
  add_number(table, o, NUMBER_REPEAT);
  add_text(table, "--out", &o->out, "write the output, or the context if there is no output, as .npy", "FILE");
  add_text(table, "--context-order", &o->context_order_text,
           "order of the context, and of an output without projection: tokens (default), which is (batch, tokens, "
           "heads.value_dim), or heads, which is (batch, heads, tokens, value_dim)",
           "ORDER");
  add_text(table, "--save", &o->save,
           "write q, k, v, scaled (and softcapped) products, scores, weights, lse, context, output and "
           "the keys and values of the cache as .npy",
           "DIR");
  add(table, "--json", POPT_ARG_NONE, &o->json, "print JSON", NULL);
}

/* The sections of the help page, in order. Only `run` has the last one. */
static const struct {
  const char *title;
  void (*fill)(option_table *, run_options *);
} sections[] = {{"input (FILE: see the end of this page):", fill_input},
                {"random input:", fill_random},
                {"meaning:", fill_meaning},
                {"positions and cache:", fill_positions},
                {"device and plan:", fill_device},
                {"output:", fill_output}};
enum { SECTIONS = sizeof sections / sizeof sections[0], SHARED_SECTIONS = SECTIONS - 1 };

/* The word of a command is its model. */
static bool take_model(const own_options *own, run_options *o) {
  if (*own->word == NULL || o->model != NULL) {
    complain(o->model != NULL ? "--model does not go with this command, whose word it is"
                              : "no model is named (allowed: clattn %s DIR, a folder with config.json and "
                                "model.safetensors)",
             own->command);
    return false;
  }
  o->model = *own->word;
  *own->word = NULL;
  return true;
}

static int read_with_popt(poptContext context, const own_options *own, run_options *o) {
  const int code = read_options_and_word(context, own->command, own->word);
  if (code == EXIT_PASSED)
    puts("\nA FILE is an .npy of f4, f8, f2 or u2 (read as bfloat16), a mask also of bool; PATH.npz:ARRAY; or\n"
         "PATH.safetensors:TENSOR of F32, F16, BF16 or F64, a mask also of BOOL; for a checkpoint in several\n"
         "files PATH.safetensors.index.json:TENSOR. Position ids are an .npy of i4 or i8.");
  if (code != GO_ON) return code;
  const bool good = parse_words(o) && parse_meaning(&o->meaning) && parse_numbers(o) &&
                    (!own->word_is_model || take_model(own, o)) && check_model(o) &&
                    (o->model == NULL || model_fill(o)) && check_input(o);
  return good ? GO_ON : EXIT_BAD_INPUT;
}

/* Reads the command's own table, where it has one, and the first `count` sections. */
static int read_sections(int argc, const char **argv, const own_options *own, int count, run_options *o) {
  option_table table[SECTIONS];
  struct poptOption all[SECTIONS + 3] = {{NULL, 0, 0, NULL, 0, NULL, NULL}};
  int used = 0;
  memset(table, 0, sizeof table);
  *o = (run_options){.random = 0};
  if (own->table != NULL)
    all[used++] = (struct poptOption){NULL, 0, POPT_ARG_INCLUDE_TABLE, own->table, 0, own->title, NULL};
  for (int i = 0; i < count; ++i) {
    sections[i].fill(&table[i], o);
    all[used++] = (struct poptOption){NULL, 0, POPT_ARG_INCLUDE_TABLE, table[i].line, 0, sections[i].title, NULL};
  }
  all[used] = (struct poptOption)HELP_OPTION;
  poptContext context = open_options(argc, argv, all, own->usage);
  const int result = read_with_popt(context, own, o);
  poptFreeContext(context);
  return result;
}

int run_options_read(int argc, const char **argv, run_options *o) {
  static const own_options none = {.command = "run", .usage = "[OPTIONS]"};
  return read_sections(argc, argv, &none, SECTIONS, o);
}

int own_options_read(int argc, const char **argv, const own_options *own, run_options *o) {
  return read_sections(argc, argv, own, SHARED_SECTIONS, o);
}

void run_options_free(run_options *o) {
  meaning_options *m = &o->meaning;
  char *const all[] = {o->example,
                       o->model,
                       o->text,
                       o->device,
                       o->platform,
                       o->kernels,
                       o->pipeline_text,
                       o->launch_seconds_text,
                       o->check_text,
                       o->out,
                       o->save,
                       o->context_order_text,
                       o->fused_order_text,
                       m->layout_text,
                       m->type_text,
                       m->math_text,
                       m->scale_text,
                       m->align_text,
                       m->window_left_text,
                       m->window_right_text,
                       m->softcap_text,
                       m->positions_text,
                       m->rotary_text,
                       m->rotary_base_text,
                       m->scaling_text,
                       m->cache_type_text};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) free(all[i]);
  for (int i = 0; i < NUMBER_COUNT; ++i) free(o->number_text[i]);
  for (int i = 0; i < CLATTN_TENSOR_COUNT; ++i) free(o->file[i]);
  for (int i = 0; i < CACHE_FILES; ++i) free(o->cache_file[i]);
  for (int i = 0; i < POSITION_FILES; ++i) free(o->position_file[i]);
  for (int i = 0; i < LIST_COUNT; ++i) {
    free(o->list_text[i]);
    free(o->list[i].number);
  }
  *o = (run_options){.random = 0};
}
