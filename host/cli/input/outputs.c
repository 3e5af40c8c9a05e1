/* Allocates and frees outputs: see outputs.h. */
#include "cli/input/outputs.h"

#include <stdlib.h>
#include <string.h>

clattn_tensor outputs_result(const clattn_problem *problem) {
  return clattn_output_bytes(problem, CLATTN_OUTPUT) > 0 ? CLATTN_OUTPUT : CLATTN_CONTEXT;
}

bool outputs_allocate(clattn_outputs *outputs, clattn_tensor tensor, size_t bytes) {
  void *memory = malloc(bytes);
  if (memory == NULL) return false;
  memset(memory, 0xFF, bytes);
  clattn_outputs_set(outputs, tensor, memory);
  return true;
}

void outputs_free(clattn_outputs *outputs) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) free(clattn_outputs_get(outputs, (clattn_tensor)t));
  *outputs = (clattn_outputs)CLATTN_OUTPUTS_INIT;
}
