/* The cases with which an exercise is checked; each adds one difficulty. */
#ifndef CLATTN_CLI_CASES_H
#define CLATTN_CLI_CASES_H

#include "cli/exercise/exercises.h"
#include "cli/input/workload.h"

typedef enum case_kind {
  CASE_ONE_TILE,
  CASE_TILES,
  CASE_ROW_TAIL,
  CASE_COLUMN_TAIL,
  CASE_TERM_TAIL,
  CASE_TRANSPOSED, /* only project: the matrix is stored transposed */
  CASE_BIAS,       /* only project */
  CASE_LARGE,
  CASE_GROWING,
  CASE_CAUSAL,
  CASE_WINDOW,
  CASE_HEADS,
  CASE_COUNT
} case_kind;

/* Whether the exercise's stage has this case. */
bool case_applies(const exercise *e, case_kind kind);

const char *case_title(case_kind kind);

/* The hint if this is the first wrong case and diagnose() finds nothing better. */
const char *case_hint(case_kind kind);

/* Rows, columns (keys) and terms of the exercise's stage in this case. */
typedef struct case_sizes {
  size_t rows, columns, terms;
} case_sizes;
case_sizes case_sizes_of(const exercise *e, case_kind kind);

/* Sets the workload's problem and draws its inputs. Returns GO_ON, or the exit code after a
 * complaint. Call workload_free() in every case. */
int case_fill(const exercise *e, case_kind kind, workload *w);

/* The same with a problem large enough to be timed. */
int case_fill_timed(const exercise *e, workload *w);

/* Changes all inputs. Returns GO_ON, or the exit code after a complaint. */
int case_change_inputs(workload *w);

#endif
