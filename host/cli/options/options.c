/* Reads the options of `clattn run` with popt, and refuses contradictions. */
#include "cli/options/options.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/model/model.h"
#include "cli/options/option_checks.h"
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

static int input_files(const run_options *o) {
  int given = 0;
  for (int i = 0; i < INPUT_FILES; ++i) given += o->file[files[i].tensor] != NULL;
  return given;
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
                    (!own->word_is_model || take_model(own, o)) && options_fit_model(o) &&
                    (o->model == NULL || model_fill(o)) && options_fit_together(o, input_files(o));
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
