/* The stages of the reference, in double and in float. */
#include "reference/reference.h"

#include <float.h>
#include <math.h>

#define REAL double
#define NAME(stage) stage##_double
#define LINEAR clattn_linear_double
#define VECTORS clattn_vectors_double
#define SCORE_ROW clattn_score_row_double
#define EXP exp
#define LOG log
#define TANH tanh
#include "reference/reference_stages.inc"
#undef REAL
#undef NAME
#undef LINEAR
#undef VECTORS
#undef SCORE_ROW
#undef EXP
#undef LOG
#undef TANH

#define REAL float
#define NAME(stage) stage##_float
#define LINEAR clattn_linear_float
#define VECTORS clattn_vectors_float
#define SCORE_ROW clattn_score_row_float
#define EXP expf
#define LOG logf
#define TANH tanhf
#include "reference/reference_stages.inc"
#undef REAL
#undef NAME
#undef LINEAR
#undef VECTORS
#undef SCORE_ROW
#undef EXP
#undef LOG
#undef TANH
