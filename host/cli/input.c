/* Builds the problem: from an example, from .npy files, or at random. */
#include "input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "npy.h"
#include "random.h"

/* ---- memory and layout ------------------------------------------------------------------------------------------- */

static float *allocate(size_t count) {
  float *memory = count <= SIZE_MAX / sizeof(float) ? malloc((count > 0 ? count : 1) * sizeof *memory) : NULL;
  if (memory == NULL) complain("no host memory for a matrix of %.1f GiB", (double)count * sizeof(float) / 1073741824.0);
  return memory;
}

/* (rows, columns) -> (columns, rows) */
static bool transpose(float **matrix, size_t rows, size_t columns) {
  float *transposed = allocate(rows * columns);
  if (transposed == NULL) return false;
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) transposed[c * rows + r] = (*matrix)[r * columns + c];
  free(*matrix);
  *matrix = transposed;
  return true;
}

/* Matrices that came in `from` are turned into the layout that was asked for, so that Q, K and V stay the same. */
static bool change_layout(input *in, clattn_weight_layout from, clattn_weight_layout to) {
  in->problem.layout = to;
  if (from == to) return true;
  const size_t model_dim = in->problem.model_dim;
  const size_t key_columns = in->problem.heads * in->problem.head_dim;
  const size_t value_columns = in->problem.heads * in->problem.value_dim;
  const bool was_transposed = from == CLATTN_LAYOUT_XWT;
  return transpose(&in->wq, was_transposed ? key_columns : model_dim, was_transposed ? model_dim : key_columns) &&
         transpose(&in->wk, was_transposed ? key_columns : model_dim, was_transposed ? model_dim : key_columns) &&
         transpose(&in->wv, was_transposed ? value_columns : model_dim, was_transposed ? model_dim : value_columns);
}

static bool divide(const char *what, size_t columns, size_t heads, size_t *dim) {
  if (columns % heads != 0 || columns == 0) {
    complain("%s has %zu columns, which %zu heads do not divide (allowed: a number of heads that does)", what, columns,
             heads);
    return false;
  }
  *dim = columns / heads;
  return true;
}

static size_t or_else(size_t given, size_t standard) {
  return given != 0 ? given : standard;
}

/* ---- examples ---------------------------------------------------------------------------------------------------- */

static float *copy(const float *from, size_t count) {
  float *to = allocate(count);
  if (to != NULL) memcpy(to, from, count * sizeof *to);
  return to;
}

static int complain_of_example(const char *name) {
  char allowed[256] = "";
  for (size_t i = 0; i < example_count(); ++i) {
    const size_t used = strlen(allowed);
    snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "", example_at(i)->name);
  }
  complain("--example %s (allowed: %s)", name, allowed);
  return EXIT_BAD_INPUT;
}

static int load_example(const run_options *o, input *in) {
  const char *name = o->example != NULL ? o->example : "please-study-man";
  const example *e = example_find(name);
  if (e == NULL) return complain_of_example(name);
  clattn_problem *p = &in->problem;
  in->example = e;
  snprintf(in->name, sizeof in->name, "%s", e->name);
  p->query_len = p->key_len = e->token_count;
  p->model_dim = e->model_dim;
  p->heads = or_else(o->number[NUMBER_HEADS], e->heads);
  if (!divide("wq", e->key_columns, p->heads, &p->head_dim) || !divide("wv", e->value_columns, p->heads, &p->value_dim))
    return EXIT_BAD_INPUT;
  in->x = allocate(e->token_count * e->model_dim);
  in->wq = copy(e->wq, e->model_dim * e->key_columns);
  in->wk = copy(e->wk, e->model_dim * e->key_columns);
  in->wv = copy(e->wv, e->model_dim * e->value_columns);
  if (in->x == NULL || in->wq == NULL || in->wk == NULL || in->wv == NULL) return EXIT_BAD_INPUT;
  example_input(e, in->x);
  return change_layout(in, e->layout, o->layout_given ? o->layout : e->layout) ? -1 : EXIT_BAD_INPUT;
}

/* ---- random ------------------------------------------------------------------------------------------------------ */

/* In (0, 1). */
static double uniform(uint64_t *state) {
  return ((double)(clattn_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

/* Normally distributed (Box and Muller 1958). */
static float *random_normal(size_t count, double deviation, uint64_t *state) {
  float *values = allocate(count);
  for (size_t i = 0; values != NULL && i < count; i += 2) {
    const double radius = deviation * sqrt(-2.0 * log(uniform(state))), angle = 6.283185307179586 * uniform(state);
    values[i] = (float)(radius * cos(angle));
    if (i + 1 < count) values[i + 1] = (float)(radius * sin(angle));
  }
  return values;
}

static int load_random(const run_options *o, input *in) {
  clattn_problem *p = &in->problem;
  snprintf(in->name, sizeof in->name, "random, seed %zu", o->number[NUMBER_SEED]);
  p->batch = or_else(o->number[NUMBER_BATCH], 1);
  p->query_len = p->key_len = or_else(o->number[NUMBER_TOKENS], 1024);
  p->model_dim = or_else(o->number[NUMBER_MODEL_DIM], 512);
  p->heads = or_else(o->number[NUMBER_HEADS], 8);
  if (o->number[NUMBER_HEAD_DIM] == 0 && p->model_dim % p->heads != 0) {
    complain("--heads %zu does not divide --model-dim %zu (allowed: one that does, or --head-dim N)", p->heads,
             p->model_dim);
    return EXIT_BAD_INPUT;
  }
  p->head_dim = or_else(o->number[NUMBER_HEAD_DIM], p->model_dim / p->heads);
  p->value_dim = or_else(o->number[NUMBER_VALUE_DIM], p->head_dim);
  clattn_error error;
  if (clattn_problem_validate(p, &error) != CLATTN_OK) return complain_of(&error); /* before the sizes are multiplied */

  /* Deviations that make q, k and v about 1, as trained models keep them. */
  uint64_t state = o->number[NUMBER_SEED];
  const double deviation = 1.0 / sqrt((double)p->model_dim);
  in->x = random_normal(p->batch * p->query_len * p->model_dim, 1.0, &state);
  in->wq = random_normal(p->model_dim * p->heads * p->head_dim, deviation, &state);
  in->wk = random_normal(p->model_dim * p->heads * p->head_dim, deviation, &state);
  in->wv = random_normal(p->model_dim * p->heads * p->value_dim, deviation, &state);
  if (in->x == NULL || in->wq == NULL || in->wk == NULL || in->wv == NULL) return EXIT_BAD_INPUT;
  return change_layout(in, CLATTN_LAYOUT_XW, o->layout) ? -1 : EXIT_BAD_INPUT;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static bool read_file(const char *path, npy_array *array) {
  char message[1024];
  if (npy_read(path, array, message, sizeof message) == NPY_OK) return true;
  complain("%s", message);
  return false;
}

static bool check_matrix(const char *option, const char *path, const npy_array *w, clattn_weight_layout layout,
                         size_t model_dim) {
  if (w->rank != 2) {
    complain("%s: %s has %d dimensions (allowed: 2)", option, path, w->rank);
    return false;
  }
  const bool transposed = layout == CLATTN_LAYOUT_XWT;
  if (w->shape[transposed ? 1 : 0] == model_dim) return true;
  complain("%s: %s is (%zu, %zu), but X has model_dim %zu (allowed with --layout %s: %s)", option, path, w->shape[0],
           w->shape[1], model_dim, transposed ? "xwt" : "xw",
           transposed ? "(columns, model_dim)" : "(model_dim, columns)");
  return false;
}

static bool set_sizes(const run_options *o, const npy_array arrays[4], clattn_problem *p) {
  const npy_array *x = &arrays[0];
  if (x->rank != 2 && x->rank != 3) {
    complain("--x: %s has %d dimensions (allowed: 2, (tokens, model_dim), or 3, (batch, tokens, model_dim))", o->x,
             x->rank);
    return false;
  }
  p->batch = x->rank == 3 ? x->shape[0] : 1;
  p->query_len = p->key_len = x->shape[x->rank - 2];
  p->model_dim = x->shape[x->rank - 1];
  p->heads = or_else(o->number[NUMBER_HEADS], 1);
  p->layout = o->layout;
  if (!check_matrix("--wq", o->wq, &arrays[1], o->layout, p->model_dim) ||
      !check_matrix("--wk", o->wk, &arrays[2], o->layout, p->model_dim) ||
      !check_matrix("--wv", o->wv, &arrays[3], o->layout, p->model_dim))
    return false;
  const int column_axis = o->layout == CLATTN_LAYOUT_XWT ? 0 : 1;
  const size_t q_columns = arrays[1].shape[column_axis], k_columns = arrays[2].shape[column_axis];
  if (q_columns != k_columns) {
    complain("--wq has %zu columns and --wk %zu (allowed: the same number)", q_columns, k_columns);
    return false;
  }
  return divide("--wq", q_columns, p->heads, &p->head_dim) &&
         divide("--wv", arrays[3].shape[column_axis], p->heads, &p->value_dim);
}

static int load_files(const run_options *o, input *in) {
  const char *const paths[4] = {o->x, o->wq, o->wk, o->wv};
  npy_array arrays[4];
  memset(arrays, 0, sizeof arrays);
  snprintf(in->name, sizeof in->name, "files");
  bool good = true;
  for (int i = 0; i < 4 && good; ++i) good = read_file(paths[i], &arrays[i]);
  good = good && set_sizes(o, arrays, &in->problem);
  if (!good) {
    for (int i = 0; i < 4; ++i) npy_free(&arrays[i]);
    return EXIT_BAD_INPUT;
  }
  in->x = arrays[0].data;
  in->wq = arrays[1].data;
  in->wk = arrays[2].data;
  in->wv = arrays[3].data;
  return -1;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

int input_load(const run_options *o, input *in) {
  *in = (input){.problem = CLATTN_PROBLEM_INIT};
  const int code = o->random != 0 ? load_random(o, in) : o->x != NULL ? load_files(o, in) : load_example(o, in);
  if (code != -1) return code;
  if (o->causal) in->problem.mask = CLATTN_MASK_CAUSAL;
  if (o->scale_given) {
    in->problem.scale_mode = CLATTN_SCALE_GIVEN;
    in->problem.scale = o->scale;
  }
  clattn_error error;
  return clattn_problem_validate(&in->problem, &error) == CLATTN_OK ? -1 : complain_of(&error);
}

void input_free(input *in) {
  free(in->x);
  free(in->wq);
  free(in->wk);
  free(in->wv);
  *in = (input){.problem = CLATTN_PROBLEM_INIT};
}
