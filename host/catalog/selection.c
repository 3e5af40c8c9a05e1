/* The order in which plans try kernels. */
#include "catalog/selection.h"
#include "problem/problem.h"

#include "catalog/matrix.h"
#include "catalog/tiles.h"
#include "problem/facts.h"

/* Whether kernels for CPUs suit the device, instead of those for GPUs. A CPU driver that prefers
 * float vectors runs one work-item after the other. One that prefers a width of 1 spreads the
 * work-items over the vectors itself, as a GPU does: rusticl on llvmpipe. It also ends a
 * work-item, without an error, after 65535 rounds of all its loops together; the panel kernels,
 * with few work-items that run long, gave wrong results from a model_dim of about 150 on. */
static bool wants_cpu_kernels(const clattn_device_info *device) {
  return device->type == CLATTN_DEVICE_CPU && device->native_float_width > 1;
}

const char *clattn_unsuited(const clattn_kernel *kernel, clattn_stage stage, const clattn_device_info *device,
                            const clattn_problem *problem) {
  if (kernel->library) return "for the blas pipeline, or by name";
  if (kernel->target == CLATTN_TARGET_CPU && !wants_cpu_kernels(device))
    return "written for CPUs that run one work-item at a time";
  if (kernel->target == CLATTN_TARGET_GPU && wants_cpu_kernels(device)) return "written for GPUs";
  if (clattn_matrix_check(kernel, problem, NULL) != CLATTN_OK)
    return "for math CLATTN_MATH_STORED, with q, k and v all f16 or all bf16";
  if (kernel->matrix_unit && clattn_matrix_unit_of(problem, stage, device) == 0)
    return "the device has no matrix unit for this type that clattn knows";
  return kernel->few_rows && !clattn_has_few_rows(problem) ? "for few rows of queries per KV head" : NULL;
}

bool clattn_kernel_suits(size_t index, const clattn_device_info *device, const clattn_problem *problem) {
  clattn_problem room;
  const clattn_kernel *kernel = clattn_catalog_at(index);
  return kernel != NULL &&
         clattn_unsuited(kernel, kernel->stage, device, clattn_current_problem(problem, &room)) == NULL;
}

/* The stage's kernel with the highest priority below that of `last` (NULL: the highest of all);
 * NULL: there is none. */
static const clattn_kernel *next_kernel(clattn_stage stage, const clattn_kernel *last) {
  const clattn_kernel *next = NULL, *kernel;
  for (size_t i = 0; (kernel = clattn_catalog_at(i)) != NULL; ++i)
    if (kernel->stage == clattn_stage_kernels(stage) && (last == NULL || kernel->priority < last->priority) &&
        (next == NULL || kernel->priority > next->priority))
      next = kernel;
  return next;
}

bool clattn_next_candidate(const clattn_selection *s, clattn_candidate *candidate, clattn_error *error) {
  const clattn_kernel *kernel = next_kernel(s->stage, candidate->kernel);
  if (kernel == NULL) return false;
  *candidate =
      (clattn_candidate){.kernel = kernel, .against = clattn_unsuited(kernel, s->stage, s->device, s->problem)};
  clattn_standard_tiles(kernel, &s->extent, s->device, candidate->value);
  if (candidate->against == NULL &&
      clattn_fit_tiles(kernel, &s->extent, s->device, candidate->value, error) != CLATTN_OK)
    candidate->against = error->message;
  return true;
}
