/* A plan's tables of positions, made once, on the host. */
#include <stdlib.h>

#include "plan.h"
#include "positions.h"
#include "status.h"

static size_t sinusoid_elements(const clattn_problem *p) {
  return p->positions != CLATTN_POSITIONS_NONE ? clattn_position_count(p) * p->model_dim : 0;
}

static size_t rotary_elements(const clattn_problem *p) {
  return p->rotary != CLATTN_ROTARY_NONE ? clattn_position_count(p) * clattn_rotary_dim(p) : 0;
}

uint64_t clattn_tables_bytes(const clattn_problem *problem) {
  return ((uint64_t)sinusoid_elements(problem) + rotary_elements(problem)) * sizeof(float);
}

typedef void filler(const clattn_problem *problem, size_t positions, float *table);

static clattn_status create(const clattn_plan *plan, size_t elements, filler *fill, cl_mem *buffer,
                            clattn_error *error) {
  const size_t bytes = elements * sizeof(float);
  if (elements == 0) return CLATTN_OK;
  float *table = malloc(bytes);
  if (table == NULL) return clattn_fail_malloc(error, bytes, "a table of positions");
  fill(&plan->problem, clattn_position_count(&plan->problem), table);
  cl_int code = CL_SUCCESS;
  *buffer = clCreateBuffer(plan->device->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, table, &code);
  free(table);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "allocating %zu bytes for positions", bytes);
}

clattn_status clattn_tables_create(clattn_plan *plan, clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  const clattn_status status = create(plan, sinusoid_elements(p), clattn_fill_sinusoids, &plan->sinusoids, error);
  return status == CLATTN_OK ? create(plan, rotary_elements(p), clattn_fill_rotary, &plan->rotary, error) : status;
}
