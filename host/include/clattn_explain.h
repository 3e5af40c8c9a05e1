/* clattn for teaching: a walk through attention, step by step, with every matrix, sum and weight of a small problem, as
 * a page for a browser or as text. Every number is read back from the device and checked against the reference. */
#ifndef CLATTN_EXPLAIN_H
#define CLATTN_EXPLAIN_H

#include "clattn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum clattn_explanation {
  CLATTN_EXPLANATION_PAGE, /* HTML: a whole page with its styles and scripts, which needs no network. It shows up to 64
                              queries and keys; more are CLATTN_UNSUPPORTED */
  CLATTN_EXPLANATION_TEXT  /* for a terminal; of more than 16 queries or keys: one query and its strongest keys */
} clattn_explanation;

/* Start from CLATTN_EXPLAIN_OPTIONS_INIT. Strings are read only during the call. Those that are not UTF-8 are read as
 * Latin-1. */
typedef struct clattn_explain_options {
  size_t size;               /* sizeof(clattn_explain_options) */
  const char *name;          /* what the input is called; NULL: "attention", or the example's name */
  const char *const *tokens; /* what the tokens of the first sequence are called, one for each query, of which 23 bytes
                                are shown; also of given keys, if there are as many. NULL: t0, t1, ..., or the
                                example's */
  size_t token_count;        /* entries of `tokens`; 0 with NULL */
  const char *focus;         /* NULL, or a token's name or number: the page begins with it, the text shows only it */
  bool coloured;             /* the text has escape sequences for a terminal with 256 colours */
} clattn_explain_options;

CLATTN_SIZED(clattn_explain_options)
#define CLATTN_EXPLAIN_OPTIONS_INIT CLATTN_INIT(clattn_explain_options, .size = sizeof(clattn_explain_options))

/* Runs the problem with a staged plan, checks its results and explains the first sequence of the batch. *text ends with
 * a NUL; free it with clattn_explain_free. options may be NULL. A cache in `inputs` gets the new keys, as in
 * clattn_plan_run. Results that fail the check are no error: page and text begin with saying so, and *passed (may be
 * NULL) becomes false. */
CLATTN_API clattn_status clattn_explain(clattn_device *device, const clattn_problem *problem,
                                        const clattn_inputs *inputs, const clattn_explain_options *options,
                                        clattn_explanation as, char **text, bool *passed, clattn_error *error);

/* The same for an example of the articles: "please-study-man", "dog-chased-ball", "cat-sat-down" or
 * "love-apple-phones". */
CLATTN_API clattn_status clattn_explain_example(clattn_device *device, const char *example,
                                                const clattn_explain_options *options, clattn_explanation as,
                                                char **text, bool *passed, clattn_error *error);
CLATTN_API void clattn_explain_free(char *text); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
