/* The table of tensors: one row for each clattn_tensor, with everything that is true of it in every
 * problem. What only one tensor needs is not in the table. */
#ifndef CLATTN_TENSORS_H
#define CLATTN_TENSORS_H

#include "clattn_cl.h"
#include "clattn_inspect.h"

/* How a tensor's elements are stored in the caller's memory. */
typedef enum clattn_element_type {
  CLATTN_ELEMENT_NONE,   /* the caller does not give it, or a run does not make it */
  CLATTN_ELEMENT_STORED, /* in the problem's type */
  CLATTN_ELEMENT_FLOAT,
  CLATTN_ELEMENT_MASK /* floats; bytes with CLATTN_MASK_BOOL */
} clattn_element_type;

/* Which device memory holds the tensor during a run. */
typedef enum clattn_home {
  CLATTN_HOME_OWN,   /* a buffer of its own: the caller's where the caller gives one, else the plan's */
  CLATTN_HOME_BLOCK, /* the plan's block of scores, which holds some of the tensor's rows at a time */
  CLATTN_HOME_CACHE, /* the cached keys or values, as many as the cache has */
  CLATTN_HOME_X      /* the buffer of x, after positions have been added */
} clattn_home;

#define CLATTN_NO_FIELD SIZE_MAX

typedef struct clattn_tensor_facts {
  const char *name;
  clattn_element_type
      given; /* as an input. q, k and v can be given and can be made; every other tensor is one of the two */
  clattn_element_type made;                                     /* as a result */
  int (*shape)(const clattn_problem *problem, size_t shape[4]); /* returns the rank; 0: the problem has none */
  size_t (*columns)(const clattn_problem *problem); /* heads times dim, or output_dim; NULL: nothing asks for them */
  clattn_home home;
  bool traced;                  /* only plans with clattn_plan_options.trace have it */
  bool of_keys;                 /* its tokens are keys and its heads are KV heads; for tensors with columns */
  bool weight;                  /* a projection matrix or the bias of one: a clattn_weights holds it */
  bool turned;                  /* the rotary embedding turns it */
  size_t input, output, buffer; /* offsets of its field in clattn_inputs, _outputs and _buffers, or CLATTN_NO_FIELD */
} clattn_tensor_facts;

const clattn_tensor_facts *clattn_tensor_facts_of(clattn_tensor tensor);

/* q, k and v, which are given, or made from x. */
#define CLATTN_QKV 3
extern const clattn_tensor clattn_qkv[CLATTN_QKV];

/* Whether the tensor is one of these. */
bool clattn_is_given_or_made(clattn_tensor tensor);

/* Whether the tensor is a projection matrix or the bias of one. */
bool clattn_is_weight(clattn_tensor tensor);

/* Whether the caller gives this tensor as an input of the problem. */
bool clattn_is_input(const clattn_problem *problem, clattn_tensor tensor);

/* Whether a dimension counts the keys that scores see: with a cache those of earlier runs, too. */
bool clattn_grows_with_cache(clattn_tensor tensor);

#endif
