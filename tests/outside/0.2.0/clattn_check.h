/* clattn for programs that check results: the reference, which is plain C, and the comparison with its bounds. */
#ifndef CLATTN_CHECK_H
#define CLATTN_CHECK_H

#include "clattn_inspect.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the scalar path and the comparison -------------------------------------------------------------------------- */

/* The same computation in plain scalar C, in float, on one core of the CPU. Inputs and outputs as in clattn_plan_run.*/
CLATTN_API clattn_status clattn_reference_run(const clattn_problem *problem, const clattn_inputs *inputs,
                                              const clattn_outputs *outputs, clattn_error *error);

/* Who does the scalar path's work: `run` calls piece(of, i) once for each i < pieces, in any order, from any threads,
 * and returns when all of them are done. Pieces do not depend on each other; each takes memory for six rows of scores.
 */
typedef struct clattn_loop {
  size_t pieces; /* 1 or more */
  void (*run)(size_t pieces, void (*piece)(void *of, size_t i), void *of);
} clattn_loop;

/* The same in pieces, one loop a stage: by OpenMP, say. The results are the same, bit by bit. */
CLATTN_API clattn_status clattn_reference_run_in(const clattn_loop *loop, const clattn_problem *problem,
                                                 const clattn_inputs *inputs, const clattn_outputs *outputs,
                                                 clattn_error *error);

/* Chooses rows for a check: all when the scalar path would need no more than `most_flops` operations, else a sample
 * drawn with `seed` that always has the first and the last row. Free with clattn_rows_destroy. */
CLATTN_API clattn_status clattn_rows_choose(const clattn_problem *problem, double most_flops, uint64_t seed,
                                            clattn_rows **rows, clattn_error *error);
CLATTN_API void clattn_rows_destroy(clattn_rows *rows); /* of clattn_rows_choose; NULL is fine */

/* One tensor held against the scalar path in double. docs/correctness.md derives the bounds. */
typedef struct clattn_tensor_check {
  clattn_tensor tensor;
  bool end_to_end; /* false: computed from the device's own input of that stage; true: all the way from the inputs */
  size_t elements; /* that were compared */
  size_t failed;   /* elements outside their bound */
  size_t worst_index[4]; /* where |got - expected| / bound is largest; as many entries as the tensor has dimensions */
  double got;
  double expected;
  double bound;         /* gate 1, of the worst element */
  double ratio;         /* error / bound of the worst element; infinite where a NaN or Inf is out of place */
  double largest_error; /* gate 2: of the whole tensor ... */
  double allowed_error; /* ... and what the scalar path in float gives leave to */
  bool passed;          /* both gates */
  uint64_t reserved[4]; /* 0, for later versions */
} clattn_tensor_check;

enum { CLATTN_CHECK_MOST = 64 }; /* room for the outputs of later versions, too */

typedef struct clattn_check_report {
  size_t size; /* sizeof(clattn_check_report) */
  clattn_tensor_check check[CLATTN_CHECK_MOST];
  size_t count;
  bool passed;         /* all of them */
  size_t rows_checked; /* of scores, weights and context */
  size_t rows_total;   /* batch.heads.query_len */
  /* Of the scalar path in float for the whole problem, on one core; where not all rows were checked, extrapolated for
   * each stage from those that were. */
  double reference_seconds[CLATTN_STAGES_MOST];
} clattn_check_report;

CLATTN_SIZED(clattn_check_report)
#define CLATTN_CHECK_REPORT_INIT CLATTN_INIT(clattn_check_report, .size = sizeof(clattn_check_report))

/* Compares the outputs with the scalar path. q, k, v, scores, weights and context must be set (fused: without scores
 * and weights, then context is compared as a whole, from q, k and v), and output where the problem has one, and
 * cached_k and cached_v (with a cache: right behind the run); scaled, softcapped, lse and what a traced plan has
 * besides are compared where they are set. `rows` limits the check to some rows (NULL: all that `outputs` holds); when
 * outputs->rows is set, that list is checked and `rows` must be NULL or the same. A tensor that has nothing in the
 * checked rows is not in the report. CLATTN_OK means that the comparison took place: report->passed says how it ended.
 *
 * The reference and all checks read wq ... bo from host memory and ignore projection_weights: after a run with such a
 * handle, give them the host pointers that the handle was made from. */
CLATTN_API clattn_status clattn_check(const clattn_plan *plan, const clattn_inputs *inputs,
                                      const clattn_outputs *outputs, const clattn_rows *rows,
                                      clattn_check_report *report, clattn_error *error);

/* Likewise, of what no plan computed: other code for the same problem, which may add up in any order. q, k, v and
 * context must be set, as in clattn_outputs, and output where the problem has one; a problem with a cache is
 * CLATTN_UNSUPPORTED. Context is compared as with a fused plan. */
CLATTN_API clattn_status clattn_check_other(const clattn_problem *problem, const clattn_inputs *inputs,
                                            const clattn_outputs *outputs, const clattn_rows *rows,
                                            clattn_check_report *report, clattn_error *error);

#ifdef __cplusplus
}
#endif

#endif
