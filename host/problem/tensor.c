/* One table of where each tensor lies in clattn_inputs, clattn_outputs and clattn_buffers. */
#include "problem/tensor.h"

#include <string.h>

#define NOWHERE SIZE_MAX
#define INPUT(name) offsetof(clattn_inputs, name), NOWHERE, offsetof(clattn_buffers, name)
#define OUTPUT(name) NOWHERE, offsetof(clattn_outputs, name), offsetof(clattn_buffers, name)
#define BOTH(name) offsetof(clattn_inputs, name), offsetof(clattn_outputs, name), offsetof(clattn_buffers, name)

static const struct {
  size_t input, output, buffer;
} places[CLATTN_TENSOR_COUNT] = {
    [CLATTN_X] = {INPUT(x)},
    [CLATTN_XKV] = {INPUT(xkv)},
    [CLATTN_WQ] = {INPUT(wq)},
    [CLATTN_WK] = {INPUT(wk)},
    [CLATTN_WV] = {INPUT(wv)},
    [CLATTN_WQKV] = {INPUT(wqkv)},
    [CLATTN_BQ] = {INPUT(bq)},
    [CLATTN_BK] = {INPUT(bk)},
    [CLATTN_BV] = {INPUT(bv)},
    [CLATTN_BQKV] = {INPUT(bqkv)},
    [CLATTN_WO] = {INPUT(wo)},
    [CLATTN_BO] = {INPUT(bo)},
    [CLATTN_MASK] = {INPUT(mask)},
    [CLATTN_SLOPES] = {INPUT(slopes)},
    [CLATTN_SINKS] = {INPUT(sinks)},
    [CLATTN_Q] = {BOTH(q)},
    [CLATTN_K] = {BOTH(k)},
    [CLATTN_V] = {BOTH(v)},
    [CLATTN_X_POSITIONED] = {OUTPUT(x_positioned)},
    [CLATTN_PRODUCTS] = {OUTPUT(products)},
    [CLATTN_SCALED] = {OUTPUT(scaled)},
    [CLATTN_SOFTCAPPED] = {OUTPUT(softcapped)},
    [CLATTN_SCORES] = {OUTPUT(scores)},
    [CLATTN_EXPS] = {OUTPUT(exps)},
    [CLATTN_WEIGHTS] = {OUTPUT(weights)},
    [CLATTN_ROW_MAX] = {OUTPUT(row_max)},
    [CLATTN_ROW_SUM] = {OUTPUT(row_sum)},
    [CLATTN_LSE] = {OUTPUT(lse)},
    [CLATTN_CONTEXT] = {OUTPUT(context)},
    [CLATTN_CACHED_K] = {OUTPUT(cached_k)},
    [CLATTN_CACHED_V] = {OUTPUT(cached_v)},
    [CLATTN_OUTPUT] = {OUTPUT(output)},
};

/* The pointer at `offset` of a struct; all of them have the same representation here. */
static void *pointer_at(const void *structure, size_t offset) {
  void *pointer = NULL;
  if (offset != NOWHERE) memcpy(&pointer, (const char *)structure + offset, sizeof pointer);
  return pointer;
}

static void set_pointer(void *structure, size_t offset, const void *pointer) {
  if (offset != NOWHERE) memcpy((char *)structure + offset, &pointer, sizeof pointer);
}

const void *clattn_inputs_get(const clattn_inputs *inputs, clattn_tensor tensor) {
  return pointer_at(inputs, places[tensor].input);
}

void clattn_inputs_set(clattn_inputs *inputs, clattn_tensor tensor, const void *data) {
  set_pointer(inputs, places[tensor].input, data);
}

void *clattn_outputs_get(const clattn_outputs *outputs, clattn_tensor tensor) {
  return pointer_at(outputs, places[tensor].output);
}

void clattn_outputs_set(clattn_outputs *outputs, clattn_tensor tensor, void *data) {
  set_pointer(outputs, places[tensor].output, data);
}

cl_mem clattn_buffers_get(const clattn_buffers *buffers, clattn_tensor tensor) {
  return pointer_at(buffers, places[tensor].buffer);
}

void clattn_buffers_set(clattn_buffers *buffers, clattn_tensor tensor, cl_mem buffer) {
  set_pointer(buffers, places[tensor].buffer, buffer);
}

bool clattn_is_input(const clattn_problem *problem, clattn_tensor tensor) {
  return places[tensor].input != NOWHERE && clattn_input_bytes(problem, tensor) > 0;
}

bool clattn_is_stored(clattn_tensor tensor) {
  return places[tensor].input != NOWHERE && tensor != CLATTN_MASK && tensor != CLATTN_SLOPES && tensor != CLATTN_SINKS;
}
