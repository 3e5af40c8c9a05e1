/* The families of models whose checkpoints `--model` reads: how each names and stores the matrices of a layer's
 * attention, and what its scores mean. Facts of transformers' modeling_*.py of the same names. */
#ifndef CLATTN_CLI_FAMILIES_H
#define CLATTN_CLI_FAMILIES_H

#include <stdbool.h>
#include <stddef.h>

#include "clattn_inspect.h"
#include "cli/model/vocabulary.h"

/* Which layers have a sliding window, where config.json has no layer_types. */
typedef enum model_window {
  WINDOW_NONE,
  WINDOW_ALL,
  WINDOW_EVEN, /* layers 0, 2, ... */
  WINDOW_UPPER /* with use_sliding_window: from layer max_window_layers on */
} model_window;

typedef struct model_family {
  const char *type;  /* model_type in config.json; NULL after the last */
  const char *layer; /* what the names of the layer's tensors begin with; # is its number */
  const char *q, *k, *v, *o;
  bool fused;               /* q names one matrix for q, k and v; k and v are NULL */
  clattn_fused_order order; /* of that matrix */
  clattn_weight_layout layout;
  bool causal, alibi;
  bool multi_query; /* one KV head, where config.json does not say otherwise (multi_query, new_decoder_architecture) */
  clattn_rotary rotary;
  double rotary_share; /* of head_dim that is turned, where config.json does not say */
  model_window window;
  model_words words; /* and the embeddings that go with them: embeddings.c */
} model_family;

/* NULL: unknown. */
const model_family *model_family_find(const char *type);

/* The types one after the other, for messages. Returns text. */
const char *model_family_list(char *text, size_t size);

/* Why models of this type are refused; NULL: for no reason that is known here. */
const char *model_family_refused(const char *type);

#endif
