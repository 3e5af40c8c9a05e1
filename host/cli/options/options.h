/* The options of `clattn run`. */
#ifndef CLATTN_CLI_OPTIONS_H
#define CLATTN_CLI_OPTIONS_H

#include <stdint.h>

#include "clattn_inspect.h"

typedef enum check_mode { CHECK_AUTO, CHECK_FULL, CHECK_SAMPLE, CHECK_OFF } check_mode;

/* Options that take a whole number. Those up to NUMBER_PAST_TOKENS are sizes of random input. */
typedef enum number_option {
  NUMBER_BATCH,
  NUMBER_TOKENS,
  NUMBER_KEY_TOKENS,
  NUMBER_MODEL_DIM,
  NUMBER_KV_MODEL_DIM,
  NUMBER_HEAD_DIM,
  NUMBER_VALUE_DIM,
  NUMBER_OUTPUT_DIM,
  NUMBER_PAST_TOKENS,
  NUMBER_HEADS,
  NUMBER_KV_HEADS,
  NUMBER_ROTARY_DIM,
  NUMBER_CACHE_CAPACITY,
  NUMBER_CACHE_PAGE,
  NUMBER_CACHE_PAGES,
  NUMBER_REPEAT,
  NUMBER_SEED,
  NUMBER_LAYER,
  NUMBER_COUNT
} number_option;

/* Options that take a list of whole numbers. */
typedef enum list_option {
  LIST_KEY_LENGTHS,
  LIST_QUERY_OFFSETS,
  LIST_KEY_OFFSETS,
  LIST_PAST_LENGTHS,
  LIST_COUNT
} list_option;

typedef struct number_list {
  int32_t *number; /* NULL: not given */
  size_t count;
} number_list;

/* Options that say what is computed. `..._text` fields hold the arguments as given. */
typedef struct meaning_options {
  char *layout_text, *type_text, *math_text, *scale_text, *softcap_text, *align_text, *window_left_text,
      *window_right_text;
  char *positions_text, *rotary_text, *rotary_base_text, *scaling_text, *cache_type_text;
  bool layout_given, scale_given;
  clattn_weight_layout layout;
  clattn_type type;
  clattn_math math;
  float scale, softcap;
  int causal, cache_rolling;
  clattn_alignment alignment;
  int64_t offset, window_left, window_right;
  clattn_positions positions;
  clattn_rotary rotary;
  float rotary_base; /* 0: not given */
  clattn_rotary_scaling scaling;
  clattn_cache_type cache_type;
} meaning_options;

/* Files that are not tensors of the problem. */
typedef enum cache_file {
  CACHE_FILE_PAST_K,
  CACHE_FILE_PAST_V,
  CACHE_FILE_K_SCALE,
  CACHE_FILE_V_SCALE,
  CACHE_FILES
} cache_file;

/* Files of where tokens stand, and how a rotary embedding turns them. */
typedef enum position_file {
  POSITION_FILE_IDS,
  POSITION_FILE_KEY_IDS,
  POSITION_FILE_COS,
  POSITION_FILE_SIN,
  POSITION_FILES
} position_file;

typedef struct run_options {
  /* input: an example, files, a model's layer, or random */
  char *example;
  char *model, *text;              /* a checkpoint folder; a text for its first layer */
  size_t model_head_dim;           /* by its configuration */
  char model_name[64];             /* "llama, layer 0" */
  char *file[CLATTN_TENSOR_COUNT]; /* NULL: not given; slopes may be "auto" */
  char *cache_file[CACHE_FILES];
  char *position_file[POSITION_FILES];
  int random;
  char *number_text[NUMBER_COUNT];
  size_t number[NUMBER_COUNT]; /* 0: not given, but the seed is then 1; the layer may be 0 */
  char *list_text[LIST_COUNT];
  number_list list[LIST_COUNT];
  meaning_options meaning;
  /* device and plan */
  char *platform, *device, *pipeline_text, *kernels, *launch_seconds_text;
  clattn_pipeline pipeline;
  float launch_seconds; /* 0: not given */
  int explain;
  /* output */
  char *check_text, *out, *save, *context_order_text, *fused_order_text;
  check_mode check;
  clattn_order context_order;
  clattn_fused_order fused_order;
  int json;
} run_options;

/* "--x", "--xkv", ...; NULL where a tensor has no option. */
const char *file_option_name(clattn_tensor tensor);

const char *cache_file_option(cache_file file);
const char *position_file_option(position_file file);
const char *number_option_name(number_option number);
const char *list_option_name(list_option list);

/* Returns GO_ON, or the exit code after --help or a complaint. Free in every case. */
int run_options_read(int argc, const char **argv, run_options *options);

/* The options of a command that has all of `run` except those of its output. */
struct poptOption;
typedef struct own_options {
  const char *command;
  struct poptOption *table; /* NULL: none */
  const char *title;        /* of the table in the help page */
  const char *usage;        /* after the command's name */
  char **word;              /* as in read_options_and_word */
  bool word_is_model;       /* the word is the argument of --model, and needed */
} own_options;

/* Reads them, as run_options_read does. */
int own_options_read(int argc, const char **argv, const own_options *own, run_options *options);
void run_options_free(run_options *options);

#endif
