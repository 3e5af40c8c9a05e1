/* A plan's tables of positions: sines and cosines of the positions that a run's tokens have, computed on the host. A
 * table has a row for each token, or, where all sequences begin at the same position, for each row of any sequence. It
 * is computed anew only where a run's positions differ from those of the run before. */
#ifndef CLATTN_TABLES_H
#define CLATTN_TABLES_H

#include "base/opencl.h"
#include "problem/sequence.h"

/* What is placed: x gets sinusoids, q and k are turned. Queries that stand where the keys stand share their table. */
typedef enum clattn_placed { CLATTN_PLACED_X, CLATTN_PLACED_Q, CLATTN_PLACED_K, CLATTN_PLACED_COUNT } clattn_placed;

/* The tokens of a sequence in x, q or k. */
typedef struct clattn_token_span {
  int64_t position; /* of the first */
  size_t token, count;
} clattn_token_span;

typedef struct clattn_table {
  cl_mem buffer;           /* (rows, model_dim), or (rows, rotary_dim / 2, 2): cos and sin; NULL: not needed */
  float *host;             /* its contents */
  clattn_token_span *span; /* (batch): what the contents are of */
  bool by_token, filled;
} clattn_table;

typedef struct clattn_tables {
  clattn_table of[CLATTN_PLACED_COUNT];
} clattn_tables;

struct clattn_queue;
struct clattn_plan;

/* Of all of them on the device. */
uint64_t clattn_tables_bytes(const clattn_problem *problem);

/* Makes the plan's tables, with the positions of a run of full lengths on an empty cache. */
clattn_status clattn_tables_create(struct clattn_plan *plan, clattn_error *error);

/* Before a run, when the cache knows of its keys: the tables become those of its positions. With a queue they are
 * uploaded by it, and must not be changed before it has ended; without one they get new buffers, and runs that were
 * enqueued before keep the old ones. */
clattn_status clattn_tables_update(struct clattn_plan *plan, const clattn_inputs *inputs, struct clattn_queue *queue,
                                   clattn_error *error);

/* After a run that failed: nobody knows what the buffers hold. */
void clattn_tables_forget(clattn_tables *tables);
void clattn_tables_release(clattn_tables *tables);

/* The table that belongs to x, q or k. */
const clattn_table *clattn_table_of(const struct clattn_plan *plan, clattn_tensor tensor);

#endif
