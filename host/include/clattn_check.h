/* clattn for programs that check results: the reference, which is plain C, and the comparison with its bounds. */
#ifndef CLATTN_CHECK_H
#define CLATTN_CHECK_H

#include "clattn_inspect.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the reference and the comparison ---------------------------------------------------------------------------- */

/* The reference: the same computation in plain C, in float, on one CPU core. Inputs and outputs are those of
 * clattn_plan_run. */
CLATTN_API clattn_status clattn_reference_run(const clattn_problem *problem, const clattn_inputs *inputs,
                                              const clattn_outputs *outputs, clattn_error *error);

/* Spreads the reference's work over threads: `run` calls piece(of, i) once for each i < pieces, in any order, from any
 * threads, and returns when all are done. Pieces are independent; each allocates six rows of scores. */
typedef struct clattn_loop {
  size_t pieces; /* 1 or more */
  void (*run)(size_t pieces, void (*piece)(void *of, size_t i), void *of);
} clattn_loop;

/* The reference in pieces, for example with OpenMP; one loop per stage. The results are the same bits. */
CLATTN_API clattn_status clattn_reference_run_in(const clattn_loop *loop, const clattn_problem *problem,
                                                 const clattn_inputs *inputs, const clattn_outputs *outputs,
                                                 clattn_error *error);

/* Selects rows for a check: all if the reference needs at most `most_flops` operations for them, else a random sample
 * by `seed` that includes the first and the last row. Free with clattn_rows_destroy. */
CLATTN_API clattn_status clattn_rows_choose(const clattn_problem *problem, double most_flops, uint64_t seed,
                                            clattn_rows **rows, clattn_error *error);
CLATTN_API void clattn_rows_destroy(clattn_rows *rows); /* of clattn_rows_choose; NULL is fine */

/* One tensor compared with the reference in double. docs/correctness.md derives the bounds. */
typedef struct clattn_tensor_check {
  clattn_tensor tensor;
  bool end_to_end;       /* false: expected from the device's own input of the stage; true: from the caller's inputs */
  size_t elements;       /* compared */
  size_t failed;         /* elements outside their bound */
  size_t worst_index[4]; /* where |got - expected| / bound is largest; as many entries as the tensor has dimensions */
  double got;
  double expected;
  double bound;         /* first bound: of the worst element */
  double ratio;         /* error / bound of the worst element; infinite if a NaN or Inf is out of place */
  double largest_error; /* second bound: the largest error of the tensor ... */
  double allowed_error; /* ... and its limit, from the error of the reference in float */
  bool passed;          /* within both bounds */
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
  /* Time of the reference in float for the whole problem, on one core; extrapolated, per stage, if only some rows were
   * checked. */
  double reference_seconds[CLATTN_STAGES_MOST];
} clattn_check_report;

CLATTN_SIZED(clattn_check_report)
#define CLATTN_CHECK_REPORT_INIT CLATTN_INIT(clattn_check_report, .size = sizeof(clattn_check_report))

/* Compares the outputs with the reference. Required are q, k, v, scores, weights and context (fused: no scores and
 * weights; context is then computed from q, k and v), output if the problem has one, and with a cache cached_k and
 * cached_v, before the next run. scaled, softcapped, lse and traced outputs are compared if they are set. `rows` limits
 * the check to some rows (NULL: all in `outputs`); if outputs->rows is set, those rows are checked and `rows` must be
 * NULL or the same. A tensor without elements in the checked rows is not in the report. CLATTN_OK means that the
 * comparison took place: report->passed is its result.
 *
 * The reference and all checks read wq ... bo from host memory and ignore projection_weights: after a run with such a
 * handle, give them the host pointers that the handle was made from. */
CLATTN_API clattn_status clattn_check(const clattn_plan *plan, const clattn_inputs *inputs,
                                      const clattn_outputs *outputs, const clattn_rows *rows,
                                      clattn_check_report *report, clattn_error *error);

/* Compares results that no plan computed: those of other code for the same problem, which may sum in any order. q, k, v
 * and context are required, and output if the problem has one; a problem with a cache is CLATTN_UNSUPPORTED. Context is
 * compared as with a fused plan. */
CLATTN_API clattn_status clattn_check_other(const clattn_problem *problem, const clattn_inputs *inputs,
                                            const clattn_outputs *outputs, const clattn_rows *rows,
                                            clattn_check_report *report, clattn_error *error);

/* Compares the result of clattn_merge with the reference in double, which takes the softmax of the parts' log-sum-exps
 * and weighs their contexts. The report has context and, unless merged->lse is NULL, lse. */
CLATTN_API clattn_status clattn_check_merge(const clattn_merging *merging, const clattn_part *parts, size_t count,
                                            const clattn_merged *merged, clattn_check_report *report,
                                            clattn_error *error);

#ifdef __cplusplus
}
#endif

#endif
