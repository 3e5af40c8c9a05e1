/* Test cases: the small problems, and which of their results test which kernel. */
#include "selftest/test_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "problem/shape.h"
#include "problem/stages.h"
#include "problem/tensors.h"
#include "base/status.h"
#include "problem/facts.h"

/* Sizes that give every kernel more than one tile and a remainder; with few queries (FEW_KEYS) more
 * than one part of the keys. */
enum { TOKENS = CLATTN_TEST_CASE_TOKENS, FEW_KEYS = 300, WIDTH = CLATTN_TEST_CASE_WIDTH, SEED = 7, GROUPS = 2 };

/* ---- the small problems ------------------------------------------------------------------------------------------ */

/* At most WIDTH, with the same remainder modulo 16, which decides whether kernels read vectors. */
static size_t shortened(size_t size) {
  return size <= WIDTH ? size : WIDTH - 16 + size % 16;
}

/* Rows that are `more` elements longer than what they hold. */
static void spread_rows(clattn_problem *p, size_t more) {
  const size_t q = p->heads * p->head_dim + more, k = p->head_dim + more, v = p->value_dim + more;
  p->order = CLATTN_ORDER_STRIDES;
  p->q_strides = (clattn_strides){.batch = p->query_len * q, .head = p->head_dim, .row = q};
  p->k_strides = (clattn_strides){.batch = p->key_len * k, .head = p->head_dim, .row = k};
  p->v_strides = (clattn_strides){.batch = p->key_len * v, .head = p->value_dim, .row = v};
}

/* Keys and values in floats that were projected from inputs of the real problem's type, so that the output is stored in
 * it. */
static void project_inputs(clattn_problem *p, const clattn_problem *real) {
  p->source = CLATTN_SOURCE_XKV;
  p->model_dim = p->kv_model_dim = WIDTH;
  p->layout = real->layout;
  p->type = real->type;
}

/* Programs depend only on head_dim, value_dim, the types that they read, whether they read the pages
 * of a cache, and forms (host/catalog/forms.c). The rest is chosen to cover more: two heads share a KV head, and the
 * mask is causal. */
clattn_problem clattn_test_case_attention(const clattn_problem *real) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  const bool few = clattn_has_few_rows(real);
  p.source = CLATTN_SOURCE_QKV;
  p.query_len = few ? 1 : TOKENS;
  p.key_len = (few ? FEW_KEYS : TOKENS) + real->key_len % 4;
  p.heads = 2;
  p.kv_heads = 1;
  p.head_dim = real->head_dim;
  p.value_dim = real->value_dim;
  p.causal = true;
  p.alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
  if (!clattn_has_plain_scores(real)) p.softcap = 4.0f;
  const bool reads_stored = real->source == CLATTN_SOURCE_QKV || clattn_stores_projections(real);
  if (!reads_stored && clattn_makes_stored(real, CLATTN_STAGE_FUSED))
    project_inputs(&p, real);
  else if (!clattn_has_rows_of(real, 8))
    spread_rows(&p, clattn_has_rows_of(real, 4) ? 4 : 1);
  if (reads_stored && real->type != CLATTN_F32) {
    p.type = real->type;
    p.math = real->math;
    p.rotary = real->rotary;
    p.rotary_dim = real->rotary_dim;
  }
  if (real->cache.capacity != 0)
    p.cache = (clattn_cache_layout){.capacity = p.key_len,
                                    .type = real->cache.type,
                                    .page_len = real->cache.page_len != 0 ? CLATTN_TEST_CASE_PAGE : 0};
  return p;
}

clattn_problem clattn_test_case_projection(const clattn_problem *real) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.query_len = p.key_len = TOKENS;
  p.model_dim = real->model_dim != 0 ? shortened(real->model_dim) : WIDTH;
  p.heads = 2;
  p.kv_heads = 1;
  p.head_dim = real->head_dim;
  p.value_dim = real->value_dim;
  p.output_dim = shortened(real->output_dim);
  p.biases = real->source != CLATTN_SOURCE_QKV ? real->biases & ~(unsigned)CLATTN_BIAS_O : 0;
  if (p.output_dim != 0) p.biases |= real->biases & CLATTN_BIAS_O;
  p.layout = real->layout;
  p.type = real->type;
  if (clattn_stores_projections(real)) p.math = CLATTN_MATH_STORED;
  p.positions = real->positions;
  p.rotary = real->rotary;
  p.rotary_dim = real->rotary_dim;
  return p;
}

/* ---- running one ------------------------------------------------------------------------------------------------- */

static clattn_status draw(clattn_test_case *e, clattn_tensor tensor, uint64_t *state, clattn_error *error) {
  const bool stored = clattn_tensor_facts_of(tensor)->given == CLATTN_ELEMENT_STORED;
  const size_t bytes = clattn_input_bytes(&e->problem, tensor); /* with strides more than the elements have */
  const size_t count = bytes / clattn_type_bytes(stored ? e->problem.type : CLATTN_F32);
  float *drawn = malloc(count * sizeof *drawn);
  void *input = e->memory[tensor] = malloc(bytes);
  if (drawn == NULL || input == NULL) {
    free(drawn);
    return clattn_fail_malloc(error, bytes + count * sizeof *drawn, clattn_tensor_name(tensor));
  }
  for (size_t i = 0; i < count; ++i) drawn[i] = (float)((double)(clattn_random(state) >> 11) * 0x1p-52 - 1.0);
  clattn_narrow(stored ? e->problem.type : CLATTN_F32, drawn, count, input);
  free(drawn);
  clattn_inputs_set(&e->inputs, tensor, input);
  return CLATTN_OK;
}

clattn_test_case clattn_test_case_of(clattn_problem problem) {
  return (clattn_test_case){.problem = problem,
                            .inputs = CLATTN_INPUTS_INIT,
                            .outputs = CLATTN_OUTPUTS_INIT,
                            .report = CLATTN_CHECK_REPORT_INIT};
}

/* Cached numbers are between -1 and 1. */
static clattn_status create_cache(clattn_test_case *e, clattn_error *error) {
  static const float scale[] = {1.0f / 127.0f, 1.0f / 127.0f};
  const float *given = e->problem.cache.type == CLATTN_CACHE_I8_HEAD ? scale : NULL;
  if (e->problem.cache.capacity == 0) return CLATTN_OK;
  return clattn_cache_create(e->plan->device, &e->problem, given, given, &e->inputs.cache, error);
}

static clattn_status prepare(clattn_test_case *e, clattn_error *error) {
  uint64_t state = SEED;
  clattn_status status = create_cache(e, error);
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (clattn_input_bytes(&e->problem, tensor) > 0) status = draw(e, tensor, &state, error);
    if (status != CLATTN_OK || !clattn_plan_has(e->plan, tensor)) continue;
    const size_t bytes = clattn_output_bytes(&e->problem, tensor);
    void *result = e->memory[CLATTN_TENSOR_COUNT + t] = malloc(bytes);
    if (result == NULL) return clattn_fail_malloc(error, bytes, clattn_tensor_name(tensor));
    memset(result, 0xFF, bytes); /* NaN: an element that no kernel writes must fail */
    clattn_outputs_set(&e->outputs, tensor, result);
  }
  return status;
}

/* Splits even small launches where the plan may split long ones. This tests that kernels and driver
 * handle the offset of a piece. Elsewhere no run uses offsets, and PoCL would compile each kernel once more for them.
 */
static void split_launches(clattn_launch_limit *limit) {
  if (clattn_may_split(limit)) *limit = (clattn_launch_limit){.flops = 1.0, .groups_least = GROUPS};
}

/* Runs once more without asking for the context, so that the fused kernel stores the output. */
static clattn_status run_for_output_alone(clattn_test_case *e, clattn_error *error) {
  const size_t bytes = clattn_output_bytes(&e->problem, CLATTN_OUTPUT);
  void *output = e->output_alone = malloc(bytes);
  if (output == NULL) return clattn_fail_malloc(error, bytes, "the output of a test case");
  memset(output, 0xFF, bytes);
  const clattn_outputs outputs = {.size = sizeof outputs, .output = output};
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_status status = CLATTN_OK; /* of the first run's keys a cache keeps none */
  for (size_t b = 0; b < e->problem.batch && e->inputs.cache != NULL && status == CLATTN_OK; ++b)
    status = clattn_cache_truncate(e->inputs.cache, b, 0, error);
  return status == CLATTN_OK ? clattn_plan_run(e->plan, &e->inputs, &outputs, &timings, error) : status;
}

clattn_status clattn_test_case_run(clattn_test_case *e, clattn_error *error) {
  /* With timings the run waits for each launch, so a failure is reported for the right stage. */
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_status status = prepare(e, error);
  split_launches(&e->plan->limit);
  if (status == CLATTN_OK) status = clattn_plan_run(e->plan, &e->inputs, &e->outputs, &timings, error);
  const bool context = e->problem.output_dim == 0; /* which the fused kernel stores in floats when it is asked for */
  if (status == CLATTN_OK && context && clattn_plan_stores_output(e->plan)) status = run_for_output_alone(e, error);
  if (status == CLATTN_OK) status = clattn_check(e->plan, &e->inputs, &e->outputs, NULL, &e->report, error);
  return status;
}

void clattn_test_case_finish(clattn_test_case *e) {
  clattn_cache_destroy(e->inputs.cache);
  clattn_plan_destroy(e->plan);
  free(e->output_alone);
  for (size_t i = 0; i < sizeof e->memory / sizeof e->memory[0]; ++i) free(e->memory[i]);
}

/* ---- the result -------------------------------------------------------------------------------------------------- */

static void write_worst(const clattn_problem *problem, const clattn_tensor_check *c, char *text, size_t size) {
  char index[96] = "";
  size_t shape[4], used = 0;
  const int dimensions = clattn_problem_shape(problem, c->tensor, shape);
  for (int i = 0; i < dimensions; ++i)
    used += (size_t)snprintf(index + used, sizeof index - used, "%s%zu", i > 0 ? ", " : "", c->worst_index[i]);
  snprintf(text, size, "%s is wrong in %zu of %zu elements, worst at (%s): %g instead of %g",
           clattn_tensor_name(c->tensor), c->failed, c->elements, index, c->got, c->expected);
}

/* The output has the same elements whether the fused kernel stores it or a conversion does. */
static bool stores_output(const clattn_test_case *e) {
  return e->output_alone == NULL ||
         memcmp(e->output_alone, e->outputs.output, clattn_output_bytes(&e->problem, CLATTN_OUTPUT)) == 0;
}

clattn_case_result clattn_test_case_result(const clattn_test_case *e, clattn_stage stage) {
  const clattn_tensor *made = clattn_stage_facts_of(stage)->makes;
  clattn_case_result result = {.passed = true};
  size_t compared = 0;
  for (size_t i = 0; i < e->report.count && result.passed; ++i) {
    const clattn_tensor_check *c = &e->report.check[i];
    for (const clattn_tensor *tensor = made; *tensor != CLATTN_TENSOR_COUNT; ++tensor) {
      if (c->end_to_end || c->tensor != *tensor) continue;
      ++compared;
      result.passed = result.passed && c->passed;
      if (!c->passed) write_worst(&e->problem, c, result.text, sizeof result.text);
    }
  }
  if (result.passed && stage == CLATTN_STAGE_FUSED && !stores_output(e)) {
    result.passed = false;
    snprintf(result.text, sizeof result.text, "the output that the kernel stores differs from the converted context");
  }
  if (result.passed)
    snprintf(result.text, sizeof result.text, "%zu result%s of a small problem", compared, compared == 1 ? "" : "s");
  return result;
}
