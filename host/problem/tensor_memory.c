/* A tensor in the caller's memory: its bytes, and where the caller's structs point to it. */
#include <string.h>

#include "problem/problem.h"
#include "problem/shape.h"
#include "problem/sized.h"
#include "problem/tensors.h"

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

size_t clattn_tensor_elements(const clattn_problem *problem, clattn_tensor tensor) {
  size_t shape[4], elements = 1;
  const int rank = clattn_problem_shape(problem, tensor, shape);
  for (int i = 0; i < rank; ++i) elements *= shape[i];
  return rank > 0 ? elements : 0;
}

static size_t element_bytes(const clattn_problem *problem, clattn_element_type element) {
  switch (element) {
  case CLATTN_ELEMENT_STORED:
    return clattn_type_bytes(problem->type);
  case CLATTN_ELEMENT_FLOAT:
    return sizeof(float);
  case CLATTN_ELEMENT_MASK:
    return problem->mask == CLATTN_MASK_BOOL ? 1 : sizeof(float);
  case CLATTN_ELEMENT_NONE:
    break;
  }
  return 0;
}

size_t clattn_input_bytes(const clattn_problem *given, clattn_tensor tensor) {
  clattn_problem room;
  const clattn_problem *problem = clattn_current_problem(given, &room);
  const size_t element = element_bytes(problem, clattn_tensor_facts_of(tensor)->given);
  if (!clattn_is_given_or_made(tensor)) return clattn_tensor_elements(problem, tensor) * element;
  return problem->source == CLATTN_SOURCE_QKV ? clattn_given_extent(problem, tensor) * element : 0;
}

size_t clattn_output_bytes(const clattn_problem *problem, clattn_tensor tensor) {
  return clattn_tensor_elements(problem, tensor) * element_bytes(problem, clattn_tensor_facts_of(tensor)->made);
}

bool clattn_is_input(const clattn_problem *problem, clattn_tensor tensor) {
  return clattn_input_bytes(problem, tensor) > 0;
}

/* ---- the caller's structs ---------------------------------------------------------------------------------------- */

/* The pointer at `offset` of a struct that begins with its size; on every platform here all object
 * pointers have one representation. */
static void *pointer_at(const void *structure, size_t offset) {
  void *pointer = NULL;
  if (clattn_reaches(structure, offset, sizeof pointer))
    memcpy(&pointer, (const char *)structure + offset, sizeof pointer);
  return pointer;
}

static void set_pointer(void *structure, size_t offset, const void *pointer) {
  if (clattn_reaches(structure, offset, sizeof pointer)) memcpy((char *)structure + offset, &pointer, sizeof pointer);
}

const void *clattn_inputs_get(const clattn_inputs *inputs, clattn_tensor tensor) {
  return pointer_at(inputs, clattn_tensor_facts_of(tensor)->input);
}

void clattn_inputs_set(clattn_inputs *inputs, clattn_tensor tensor, const void *data) {
  set_pointer(inputs, clattn_tensor_facts_of(tensor)->input, data);
}

void *clattn_outputs_get(const clattn_outputs *outputs, clattn_tensor tensor) {
  return pointer_at(outputs, clattn_tensor_facts_of(tensor)->output);
}

void clattn_outputs_set(clattn_outputs *outputs, clattn_tensor tensor, void *data) {
  set_pointer(outputs, clattn_tensor_facts_of(tensor)->output, data);
}

uint64_t clattn_outputs_tensors(const clattn_outputs *outputs) {
  uint64_t tensors = 0;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (clattn_outputs_get(outputs, (clattn_tensor)t) != NULL) tensors |= CLATTN_TENSOR_BIT(t);
  return tensors;
}

cl_mem clattn_buffers_get(const clattn_buffers *buffers, clattn_tensor tensor) {
  return pointer_at(buffers, clattn_tensor_facts_of(tensor)->buffer);
}

void clattn_buffers_set(clattn_buffers *buffers, clattn_tensor tensor, cl_mem buffer) {
  set_pointer(buffers, clattn_tensor_facts_of(tensor)->buffer, buffer);
}
