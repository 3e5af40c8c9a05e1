/* Turns options into a problem with its inputs. */
#ifndef CLATTN_CLI_INPUT_H
#define CLATTN_CLI_INPUT_H

#include "cli/files/array.h"
#include "clattn_inspect.h"
#include "cli/model/vocabulary.h"
#include "cli/options/options.h"
#include "explain/examples.h"

typedef struct input {
  clattn_problem problem;
  const example *example;             /* NULL: files or random */
  char name[96];                      /* of the example, "files", "random, seed 1" or the model's layer */
  token_list tokens;                  /* of a text; none elsewhere */
  float *tensor[CLATTN_TENSOR_COUNT]; /* as read; NULL where there is none */
  void *stored[CLATTN_TENSOR_COUNT];  /* in the problem's type, a bool mask as bytes; NULL where `tensor` is used */
  clattn_inputs inputs;               /* as the library takes them */
  int32_t *ids[2];                    /* of positions: tokens, keys; NULL where there are none */
  float *turns[2];                    /* cosines and sines; NULL where there are none */
  float *cache[CACHE_FILES];   /* the past, (batch, kv_heads, past_len, dim), and scales; NULL where there is none */
  size_t past_len;             /* tokens that this memory has for each sequence */
  const int32_t *past_lengths; /* (batch), of the options; NULL: past_len each */
} input;

/* Returns GO_ON, or the exit code after a complaint. Free in every case. */
int input_load(const run_options *options, input *input);
void input_free(input *input);

/* ---- for the files that fill an input ---------------------------------------------------------------------------- */

/* Both set the sizes of the problem and its tensors, in their own layout, and return as
 * input_load does. */
int input_from_random(const run_options *options, input *input);
int input_from_files(const run_options *options, input *input);

/* Sets everything but the sizes, and loads mask, slopes and sinks. False after a complaint. */
bool input_set_meaning(const run_options *options, input *input);

/* Loads position ids, cosines and sines; lengths and the kind of positions have been set. False after a complaint. */
bool input_load_positions(const run_options *options, input *input);

/* Whether a rotary embedding has all positions of the run. False after a complaint. */
bool input_check_positions(const input *input);

/* Loads what a cache holds before the run, from files or at random, and its scales. False after
 * a complaint. */
bool input_load_cache(const run_options *options, input *input);

/* Normally distributed. NULL after a complaint. */
float *input_random_normal(size_t count, double deviation, uint64_t *state);

/* NULL after a complaint. */
float *input_allocate(size_t count);

/* Reads the file that an option names. False after a complaint. */
bool input_read(const char *option, const char *argument, array *a);

/* Whether kv_heads divides heads. False after a complaint. */
bool input_groups_fit(const clattn_problem *problem);

/* Prints the error, with the option in place of the field that it sets. Returns the exit code. */
int input_complain_of(const clattn_error *error);

/* The keys of sequence `b` in the cache before the run. */
size_t input_past(const input *in, size_t b);
size_t input_longest_past(const input *in); /* of all sequences */

/* The keys that a run adds to sequence `b`, and its queries. */
size_t input_new_keys(const input *in, size_t b);
size_t input_queries(const input *in, size_t b);

/* The number of KV heads, which is that of the heads if kv_heads is 0. */
size_t input_kv_heads(const clattn_problem *problem);

/* *dim = columns / heads. False after a complaint about `what`. */
bool input_divide(const char *what, size_t columns, size_t heads, size_t *dim);

#endif
