/* A plan's tables of sines and cosines for the positions of a run's tokens, computed on the host. A
 * table has one row per token; without position ids, if all sequences begin at the same position, they share the rows
 * of the longest. A run recomputes a table only if its positions differ from the run before, its frequencies do, or its
 * cosines and sines are given. */
#ifndef CLATTN_TABLES_H
#define CLATTN_TABLES_H

#include "base/opencl.h"
#include "problem/sequence.h"

/* Tensors with positions: sinusoids are added to x, q and k are rotated. Queries with the same
 * positions as the keys use the table of K. */
typedef enum clattn_placed { CLATTN_PLACED_X, CLATTN_PLACED_Q, CLATTN_PLACED_K, CLATTN_PLACED_COUNT } clattn_placed;

/* The tokens of a sequence in x, q or k. */
typedef struct clattn_token_span {
  int64_t position; /* of the first */
  size_t token, count;
} clattn_token_span;

typedef struct clattn_table {
  cl_mem buffer;           /* (rows, model_dim), or (rows, rotary_dim / 2, 2): cos and sin; NULL: not needed */
  float *host;             /* its contents */
  clattn_token_span *span; /* (batch): the tokens that the contents are for */
  int32_t *id;             /* (tokens): their position ids; NULL: the problem has none */
  double base;             /* of the rotary frequencies */
  bool by_token, filled;
} clattn_table;

typedef struct clattn_tables {
  clattn_table of[CLATTN_PLACED_COUNT];
} clattn_tables;

struct clattn_queue;
struct clattn_plan;

/* Device memory of all tables. */
uint64_t clattn_tables_bytes(const clattn_problem *problem);

/* Creates the plan's tables, filled for a run with full lengths and an empty cache; those that need inputs empty. */
clattn_status clattn_tables_create(struct clattn_plan *plan, clattn_error *error);

/* Updates the tables to a run's positions. Call it before the run, after the cache has counted the
 * new keys. With a queue the tables are uploaded by it: do not change them before the queue has
 * finished. Without a queue they get new buffers; runs enqueued before keep the old ones. */
clattn_status clattn_tables_update(struct clattn_plan *plan, const clattn_inputs *inputs, struct clattn_queue *queue,
                                   clattn_error *error);

/* Call after a failed run: the contents of the buffers are unknown then. */
void clattn_tables_forget(clattn_tables *tables);
void clattn_tables_release(clattn_tables *tables);

/* The table for x, q or k. */
const clattn_table *clattn_table_of(const struct clattn_plan *plan, clattn_tensor tensor);

#endif
