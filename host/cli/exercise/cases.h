/* The cases that an exercise goes through, each one idea harder than the last. */
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
  CASE_TRANSPOSED, /* of project: the matrix lies the other way around */
  CASE_BIAS,       /* of project */
  CASE_LARGE,
  CASE_GROWING,
  CASE_CAUSAL,
  CASE_WINDOW,
  CASE_HEADS,
  CASE_COUNT
} case_kind;

/* False where the exercise's stage has no such case. */
bool case_applies(const exercise *e, case_kind kind);

const char *case_title(case_kind kind);

/* What it speaks for when this is the first case that is wrong, and nothing more can be told. */
const char *case_hint(case_kind kind);

/* Rows, columns (keys) and terms of the exercise's stage in this case. */
typedef struct case_sizes {
  size_t rows, columns, terms;
} case_sizes;
case_sizes case_sizes_of(const exercise *e, case_kind kind);

/* Sets the workload's problem, and draws its inputs. GO_ON, or the exit code after a complaint; workload_free() in
 * every case. */
int case_fill(const exercise *e, case_kind kind, workload *w);

/* Something large enough to be timed, likewise. */
int case_fill_timed(const exercise *e, workload *w);

/* The inputs become others. */
void case_change_inputs(workload *w);

#endif
