/* The tables of tensors, stages and steps against the enums, the public structs and each other: a row
 * that is forgotten fails here. */
#define CL_TARGET_OPENCL_VERSION 120

#include <string.h>

#include "clattn_cl.h"
#include "catalog/catalog.h"
#include "problem/shape.h"
#include "problem/stages.h"
#include "problem/tensors.h"
#include "stages/steps.h"
#include "support.h"

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

static void every_tensor_has_a_row(void **state) {
  (void)state;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor_facts *facts = clattn_tensor_facts_of((clattn_tensor)t);
    if (facts->name == NULL || facts->shape == NULL) fail_msg("tensor %d has no row, or one without name or shape", t);
    assert_string_equal(clattn_tensor_name((clattn_tensor)t), facts->name);
    for (int other = 0; other < t; ++other)
      assert_string_not_equal(facts->name, clattn_tensor_facts_of((clattn_tensor)other)->name);
  }
}

/* An input is given, a result is made, and the structs of the caller have a field for what they
 * hold. */
static void fields_follow_from_what_a_tensor_is(void **state) {
  (void)state;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const clattn_tensor_facts *facts = clattn_tensor_facts_of(tensor);
    const bool given = facts->given != CLATTN_ELEMENT_NONE, made = facts->made != CLATTN_ELEMENT_NONE;
    if (!given && !made) fail_msg("%s is neither given nor made", facts->name);
    if (given != (facts->input != CLATTN_NO_FIELD) || made != (facts->output != CLATTN_NO_FIELD) ||
        facts->buffer == CLATTN_NO_FIELD)
      fail_msg("%s lacks a field, or has one that it should not have", facts->name);
    if (!made && (facts->home != CLATTN_HOME_OWN || facts->traced))
      fail_msg("%s is an input, not a result", facts->name);
    if (facts->turned && !clattn_is_given_or_made(tensor)) fail_msg("%s is turned, but no q, k or v", facts->name);
  }
}

/* No two tensors share a field: each is set alone, and all are read back. */
static void no_field_is_shared(void **state) {
  static char place[CLATTN_TENSOR_COUNT];
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  clattn_outputs outputs = CLATTN_OUTPUTS_INIT;
  clattn_buffers buffers = CLATTN_BUFFERS_INIT;
  (void)state;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    clattn_inputs_set(&inputs, (clattn_tensor)t, &place[t]);
    clattn_outputs_set(&outputs, (clattn_tensor)t, &place[t]);
    clattn_buffers_set(&buffers, (clattn_tensor)t, (cl_mem)(void *)&place[t]);
  }
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const clattn_tensor_facts *facts = clattn_tensor_facts_of(tensor);
    const void *nothing = NULL, *own = &place[t];
    assert_ptr_equal(clattn_inputs_get(&inputs, tensor), facts->input != CLATTN_NO_FIELD ? own : nothing);
    assert_ptr_equal(clattn_outputs_get(&outputs, tensor), facts->output != CLATTN_NO_FIELD ? own : nothing);
    assert_ptr_equal((const void *)clattn_buffers_get(&buffers, tensor), own);
  }
}

/* Tensors of the block are (batch, heads, query_len, key_len), and tensors of the cache grow with
 * it. */
static void homes_fit_shapes(void **state) {
  clattn_problem p = support_problem(3, 4, 2);
  (void)state;
  p.cache.capacity = 9;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const clattn_tensor_facts *facts = clattn_tensor_facts_of(tensor);
    size_t shape[4];
    const int rank = clattn_problem_shape(&p, tensor, shape);
    const bool of_block = facts->home == CLATTN_HOME_BLOCK;
    if (facts->made != CLATTN_ELEMENT_NONE && of_block != (rank == 4)) fail_msg("%s has rank %d", facts->name, rank);
    assert_int_equal(clattn_tensor_has_rows(tensor), of_block);
    assert_ptr_equal(clattn_sizing_problem(NULL, &p, tensor), of_block || facts->home == CLATTN_HOME_CACHE ? &p : NULL);
  }
}

/* Where a tensor has columns, they are the last dimension of its shape, for tokens in a row. */
static void columns_are_the_last_dimension(void **state) {
  clattn_problem p = support_problem(3, 4, 2);
  (void)state;
  p.source = CLATTN_SOURCE_XKV; /* so that there may be more keys than queries */
  p.key_len = 6;
  p.heads = 2;
  p.value_dim = 5;
  p.output_dim = 7;
  p.cache.capacity = 9;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor_facts *facts = clattn_tensor_facts_of((clattn_tensor)t);
    size_t shape[4];
    if (facts->columns == NULL) continue;
    assert_int_equal(facts->shape(&p, shape), 3);
    assert_int_equal(shape[2], facts->columns(&p));
    assert_int_equal(shape[1], facts->of_keys ? p.key_len : p.query_len);
  }
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static size_t length_of(const clattn_tensor *list, size_t most) {
  size_t count = 0;
  while (count < most && list[count] != CLATTN_TENSOR_COUNT) ++count;
  return count;
}

static void every_stage_has_a_row(void **state) {
  (void)state;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const clattn_stage_facts *facts = clattn_stage_facts_of((clattn_stage)s);
    if (facts->name == NULL || facts->used == NULL || facts->terms == NULL || facts->flops == NULL)
      fail_msg("stage %d has no row, or one that lacks a name or a function", s);
    assert_string_equal(clattn_stage_name((clattn_stage)s), facts->name);
    for (int other = 0; other < s; ++other)
      assert_string_not_equal(facts->name, clattn_stage_facts_of((clattn_stage)other)->name);
    const size_t makes = length_of(facts->makes, CLATTN_MAKES_MOST + 1);
    const size_t touches = length_of(facts->touches, CLATTN_TOUCHES_MOST + 1);
    if (makes == 0 || makes > CLATTN_MAKES_MOST || touches > CLATTN_TOUCHES_MOST)
      fail_msg("stage %s makes nothing, or a list of its tensors has no end", facts->name);
    if ((touches == 0) != (facts->bytes != NULL)) fail_msg("stage %s has two counts of bytes, or none", facts->name);
    for (size_t i = 0; i < makes; ++i)
      assert_int_not_equal(clattn_tensor_facts_of(facts->makes[i])->made, CLATTN_ELEMENT_NONE);
  }
}

/* A pipeline has each stage or has it not; the stages that work on scores are either fused or not.
 */
static void pipelines_are_whole(void **state) {
  (void)state;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const clattn_stage stage = (clattn_stage)s;
    const clattn_stage_facts *facts = clattn_stage_facts_of(stage);
    const bool staged = clattn_pipeline_has_stage(CLATTN_PIPELINE_STAGED, stage);
    const bool blas = clattn_pipeline_has_stage(CLATTN_PIPELINE_BLAS, stage);
    const bool fused = clattn_pipeline_has_stage(CLATTN_PIPELINE_FUSED, stage);
    const bool apart = facts->scopes == 0; /* a call of its own, which no run has */
    assert_int_equal(clattn_is_of_plans(stage), !apart);
    if (apart == (staged || blas || fused)) fail_msg("stage %s is in the wrong pipelines", facts->name);
    if (apart) continue;
    assert_int_equal(staged, blas); /* they differ in who computes the products */
    if (clattn_is_of_scores(stage) == (staged && fused)) fail_msg("stage %s is in the wrong pipelines", facts->name);
    if (facts->traced && (fused || facts->tuned)) fail_msg("stage %s is traced, and fused or tuned", facts->name);
  }
}

/* Stages share kernels only with a stage that launches its own, and all kernels of the catalogue
 * have a stage. */
static void kernels_belong_to_stages(void **state) {
  bool has_kernel[CLATTN_STAGE_COUNT] = {false};
  (void)state;
  for (size_t i = 0; i < clattn_kernel_count(); ++i) {
    const clattn_kernel *row = clattn_catalog_at(i);
    const clattn_stage_facts *facts = clattn_stage_facts_of(row->stage);
    has_kernel[row->stage] = true;
    assert_int_equal(clattn_stage_kernels(row->stage), row->stage);
    if (row->library && facts->needs_post_process == NULL)
      fail_msg("stage %s has no product for %s", facts->name, row->name);
  }
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const clattn_stage kernels = clattn_stage_kernels((clattn_stage)s);
    assert_int_equal(clattn_stage_kernels(kernels), kernels);
    assert_true(has_kernel[kernels]);
    assert_int_equal(clattn_stage_is_tuned((clattn_stage)s), clattn_stage_is_tuned(kernels));
  }
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* Every stage has a step in each of its scopes and in no other, and scopes follow one another. */
static void steps_fit_scopes(void **state) {
  unsigned scopes[CLATTN_STAGE_COUNT] = {0}, last = 0;
  const clattn_step *step;
  (void)state;
  for (size_t i = 0; (step = clattn_step_at(i)) != NULL; ++i) {
    assert_non_null(step->run);
    assert_true((unsigned)step->scope >= last);
    last = (unsigned)step->scope;
    scopes[step->stage] |= last;
  }
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s)
    if (scopes[s] != clattn_stage_facts_of((clattn_stage)s)->scopes)
      fail_msg("stage %s has steps in scopes %#x", clattn_stage_name((clattn_stage)s), scopes[s]);
}

/* Each tensor that kernels do not write into a buffer of its own is handed over by one step, in its
 * scope. */
static void steps_hand_over_each_tensor_once(void **state) {
  size_t handed_over[CLATTN_TENSOR_COUNT] = {0};
  const clattn_step *step;
  (void)state;
  for (size_t i = 0; (step = clattn_step_at(i)) != NULL; ++i) {
    assert_in_range(length_of(step->results, 3), 0, 2);
    assert_in_range(length_of(step->only_for, 4), 0, 3);
    for (const clattn_tensor *result = step->results; *result != CLATTN_TENSOR_COUNT; ++result) {
      const bool of_block = clattn_tensor_facts_of(*result)->home == CLATTN_HOME_BLOCK;
      assert_int_equal(of_block, step->scope == CLATTN_SCOPE_BLOCK);
      ++handed_over[*result];
    }
  }
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (handed_over[t] != (clattn_tensor_facts_of((clattn_tensor)t)->home != CLATTN_HOME_OWN))
      fail_msg("%s is handed over %zu times", clattn_tensor_name((clattn_tensor)t), handed_over[t]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_tensor_has_a_row),
      cmocka_unit_test(fields_follow_from_what_a_tensor_is),
      cmocka_unit_test(no_field_is_shared),
      cmocka_unit_test(homes_fit_shapes),
      cmocka_unit_test(columns_are_the_last_dimension),
      cmocka_unit_test(every_stage_has_a_row),
      cmocka_unit_test(pipelines_are_whole),
      cmocka_unit_test(kernels_belong_to_stages),
      cmocka_unit_test(steps_fit_scopes),
      cmocka_unit_test(steps_hand_over_each_tensor_once),
  };
  return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
