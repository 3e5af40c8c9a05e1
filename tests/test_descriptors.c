/* The table of tensors against the enum and the public structs: a row that somebody forgot to fill fails here. */
#include <string.h>

#include "clattn_cl.h"
#include "problem/shape.h"
#include "problem/tensors.h"
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

/* An input is given, a result is made, and the structs of the caller have a field for what they hold. */
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
    if (!made && (facts->home != CLATTN_HOME_OWN || facts->traced)) fail_msg("%s is an input, not a result", facts->name);
    if (facts->turned && !clattn_is_given_or_made(tensor)) fail_msg("%s is turned, but no q, k or v", facts->name);
  }
}

/* No two tensors share a field: each is set alone, and all are read back. */
static void no_field_is_shared(void **state) {
  static char place[CLATTN_TENSOR_COUNT];
  clattn_inputs inputs;
  clattn_outputs outputs;
  clattn_buffers buffers;
  (void)state;
  memset(&inputs, 0, sizeof inputs);
  memset(&outputs, 0, sizeof outputs);
  memset(&buffers, 0, sizeof buffers);
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

/* Tensors of the block are (batch, heads, query_len, key_len), and tensors of the cache grow with it. */
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
    assert_ptr_equal(clattn_sizing_problem(NULL, &p, tensor),
                     of_block || facts->home == CLATTN_HOME_CACHE ? &p : NULL);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_tensor_has_a_row),
      cmocka_unit_test(fields_follow_from_what_a_tensor_is),
      cmocka_unit_test(no_field_is_shared),
      cmocka_unit_test(homes_fit_shapes),
      cmocka_unit_test(columns_are_the_last_dimension),
  };
  return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
