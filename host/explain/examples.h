/* The sentences of the four articles as problems that can be run: tokens, embeddings, matrices,
 * and a name for each row and column. Constant data only; nothing is computed or printed here. / */
#ifndef CLATTN_EXAMPLES_H
#define CLATTN_EXAMPLES_H

#include <stdbool.h>
#include <stddef.h>

#include "clattn_inspect.h"

/* `answer` and the comments in examples.c are true without a mask and with the default scale. */
typedef struct example {
  const char *name;
  const char *article;  /* its title ... */
  const char *where;    /* ... and its series or address; NULL: neither is known */
  const char *question; /* what the article asks, in one line */
  const char *answer;   /* what the numbers answer, in one line */
  const char *note;     /* NULL, or one line to show with the numbers */
  const char *const *tokens;
  size_t token_count;
  size_t focus;    /* the token whose query the question is about */
  size_t asked[2]; /* the two tokens whose keys the question compares */
  size_t model_dim;
  size_t heads;
  size_t key_columns;   /* heads.head_dim */
  size_t value_columns; /* heads.value_dim */
  clattn_weight_layout layout;
  const float *x;                    /* (token_count, model_dim), before positions are added */
  const float *wq;                   /* layout XW: (model_dim, key_columns);   XWT: (key_columns, model_dim) */
  const float *wk;                   /* as wq */
  const float *wv;                   /* layout XW: (model_dim, value_columns); XWT: (value_columns, model_dim) */
  bool sinusoidal_positions;         /* added to x before it is projected */
  const char *const *features;       /* model_dim names: what a column of x says about a token */
  const char *const *key_features;   /* key_columns names: what a query asks for and a key offers there */
  const char *const *value_features; /* value_columns names: what a value hands over there */
} example;

size_t clattn_example_count(void);

/* Writes "TITLE", WHERE, as every page names the article. Returns text. */
#define EXAMPLE_SOURCE 192
const char *clattn_example_source(const example *e, char text[EXAMPLE_SOURCE]);

/* NULL when index >= count. */
const example *clattn_example_at(size_t index);

/* Finds one by its exact name; NULL if there is none. */
const example *clattn_example_find(const char *name);

#endif
