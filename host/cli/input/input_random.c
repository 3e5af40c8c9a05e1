/* Random inputs with the sizes that the options give. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/input/input.h"
#include "base/random.h"

static size_t or_else(size_t given, size_t standard) {
  return given != 0 ? given : standard;
}

/* In (0, 1). */
static double uniform(uint64_t *state) {
  return ((double)(clattn_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

/* Normally distributed (Box and Muller 1958). */
float *input_random_normal(size_t count, double deviation, uint64_t *state) {
  float *values = input_allocate(count);
  for (size_t i = 0; values != NULL && i < count; i += 2) {
    const double radius = deviation * sqrt(-2.0 * log(uniform(state))), angle = 6.283185307179586 * uniform(state);
    values[i] = (float)(radius * cos(angle));
    if (i + 1 < count) values[i + 1] = (float)(radius * sin(angle));
  }
  return values;
}

static bool set_sizes(const run_options *o, clattn_problem *p) {
  const size_t *n = o->number;
  p->batch = or_else(n[NUMBER_BATCH], 1);
  p->query_len = or_else(n[NUMBER_TOKENS], 1024);
  p->key_len = or_else(n[NUMBER_KEY_TOKENS], p->query_len);
  p->source = n[NUMBER_KEY_TOKENS] != 0 ? CLATTN_SOURCE_XKV : CLATTN_SOURCE_X;
  p->model_dim = or_else(n[NUMBER_MODEL_DIM], 512);
  p->kv_model_dim = n[NUMBER_KV_MODEL_DIM];
  p->heads = or_else(n[NUMBER_HEADS], 8);
  p->kv_heads = n[NUMBER_KV_HEADS];
  p->layout = o->meaning.layout;
  p->output_dim = n[NUMBER_OUTPUT_DIM];
  p->biases = p->output_dim != 0 ? CLATTN_BIAS_Q | CLATTN_BIAS_K | CLATTN_BIAS_V | CLATTN_BIAS_O : 0;
  if (!input_groups_fit(p)) return false;
  if (n[NUMBER_HEAD_DIM] == 0 && p->model_dim % p->heads != 0) {
    complain("--heads %zu does not divide --model-dim %zu (allowed: a divisor, or --head-dim N)", p->heads,
             p->model_dim);
    return false;
  }
  p->head_dim = or_else(n[NUMBER_HEAD_DIM], p->model_dim / p->heads);
  p->value_dim = or_else(n[NUMBER_VALUE_DIM], p->head_dim);
  return true;
}

/* Deviations that make the elements of q, k and v about 1, as in trained models. */
static double deviation_of(const clattn_problem *p, clattn_tensor tensor) {
  const size_t kv = p->kv_model_dim != 0 ? p->kv_model_dim : p->model_dim;
  switch (tensor) {
  case CLATTN_X:
  case CLATTN_XKV:
    return 1.0;
  case CLATTN_WQ:
    return 1.0 / sqrt((double)p->model_dim);
  case CLATTN_WK:
  case CLATTN_WV:
    return 1.0 / sqrt((double)kv);
  case CLATTN_WO:
    return 1.0 / sqrt((double)(p->heads * p->value_dim));
  default:
    return 0.1;
  }
}

/* A matrix is drawn as (inputs, columns) and transposed for layout xwt, so that Q, K and V stay
 * the same. */
static float *random_matrix(const clattn_problem *p, clattn_tensor tensor, uint64_t *state) {
  size_t shape[4];
  const int rank = clattn_problem_shape(p, tensor, shape);
  const size_t count = clattn_tensor_elements(p, tensor);
  const bool is_matrix =
      rank == 2 && (tensor == CLATTN_WQ || tensor == CLATTN_WK || tensor == CLATTN_WV || tensor == CLATTN_WO);
  float *drawn = input_random_normal(count, deviation_of(p, tensor), state);
  if (drawn == NULL || !is_matrix || p->layout == CLATTN_LAYOUT_XW) return drawn;
  float *turned = input_allocate(count);
  for (size_t c = 0; turned != NULL && c < shape[0]; ++c)
    for (size_t k = 0; k < shape[1]; ++k) turned[c * shape[1] + k] = drawn[k * shape[0] + c];
  free(drawn);
  return turned;
}

int input_from_random(const run_options *o, input *in) {
  static const clattn_tensor all[] = {CLATTN_X,  CLATTN_XKV, CLATTN_WQ, CLATTN_WK, CLATTN_WV,
                                      CLATTN_BQ, CLATTN_BK,  CLATTN_BV, CLATTN_WO, CLATTN_BO};
  clattn_problem *p = &in->problem;
  clattn_error error;
  uint64_t state = o->number[NUMBER_SEED];
  snprintf(in->name, sizeof in->name, "random, seed %zu", o->number[NUMBER_SEED]);
  if (!set_sizes(o, p)) return EXIT_BAD_INPUT;
  if (clattn_problem_validate(p, &error) != CLATTN_OK)
    return input_complain_of(&error); /* before any sizes are multiplied */
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
    if (clattn_tensor_elements(p, all[i]) == 0) continue;
    in->tensor[all[i]] = random_matrix(p, all[i], &state);
    if (in->tensor[all[i]] == NULL) return EXIT_BAD_INPUT;
  }
  return GO_ON;
}
