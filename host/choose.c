/* Which kernel for which stage: by hand ("scores=2,softmax=register:LOCAL_X=64"), or the best that the device supports.
 */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fused.h"
#include "program.h"
#include "shape.h"
#include "status.h"

/* A part of a string. */
typedef struct span {
  const char *start; /* NULL: nothing was said */
  size_t length;
} span;

/* Cuts `text` at the first `separator`: what is before it is returned, `text` goes on behind it. */
static span cut(span *text, char separator) {
  const char *at = memchr(text->start, separator, text->length);
  const span part = {text->start, at == NULL ? text->length : (size_t)(at - text->start)};
  const size_t used = at == NULL ? text->length : part.length + 1;
  text->start += used;
  text->length -= used;
  return part;
}

static bool equals(span part, const char *text) {
  return part.length == strlen(text) && strncmp(part.start, text, part.length) == 0;
}

static size_t terms_of(const clattn_problem *problem, clattn_stage stage) {
  switch (stage) {
  case CLATTN_STAGE_CONVERT:
    return 1;
  case CLATTN_STAGE_PROJECT:
    return problem->model_dim > problem->kv_model_dim ? problem->model_dim : problem->kv_model_dim;
  case CLATTN_STAGE_SCORES:
    return problem->head_dim;
  case CLATTN_STAGE_OUTPUT:
    return problem->heads * problem->value_dim;
  case CLATTN_STAGE_ROTARY:
  case CLATTN_STAGE_CACHE:
    return 1;
  case CLATTN_STAGE_FUSED: /* two sums: the longer counts */
    return problem->head_dim > clattn_most_keys(problem) ? problem->head_dim : clattn_most_keys(problem);
  default:
    return clattn_most_keys(problem);
  }
}

static clattn_extent extent_of(const clattn_problem *problem, clattn_stage stage) {
  return (clattn_extent){
      .terms = terms_of(problem, stage), .head_dim = problem->head_dim, .value_dim = problem->value_dim};
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

/* "scores=2:TILE=8,softmax=naive" -> wanted[CLATTN_STAGE_SCORES] = "2:TILE=8", ... */
static clattn_status split_kernels(const char *kernels, span wanted[CLATTN_STAGE_COUNT], clattn_error *error) {
  span text = {kernels, kernels == NULL ? 0 : strlen(kernels)};
  while (text.length > 0) {
    span kernel = cut(&text, ',');
    const span item = kernel, name = cut(&kernel, '=');
    int stage = 0;
    while (stage < CLATTN_STAGE_COUNT && !equals(name, clattn_stage_name((clattn_stage)stage))) ++stage;
    if (stage == CLATTN_STAGE_COUNT || kernel.length == 0)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                         "kernel choice '%.*s' (allowed: STAGE=RUNG or STAGE=NAME, perhaps with :TILE=SIZE behind; "
                         "STAGE one of convert, project, rotary, cache, scores, softmax, context, fused, output)",
                         (int)item.length, item.start);
    if (wanted[stage].start != NULL)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "stage %s is named twice in '%s'",
                         clattn_stage_name((clattn_stage)stage), kernels);
    wanted[stage] = kernel;
  }
  return CLATTN_OK;
}

static clattn_status fail_unknown_kernel(clattn_stage stage, span name, clattn_error *error) {
  char allowed[256] = "";
  for (size_t i = 0; i < clattn_kernel_count(); ++i) {
    const clattn_kernel *row = clattn_catalog_at(i);
    if (row->stage != clattn_catalog_stage(stage)) continue;
    const size_t used = strlen(allowed);
    if (row->rung > 0)
      snprintf(allowed + used, sizeof allowed - used, "%s%d %s", used > 0 ? ", " : "", row->rung, row->name);
    else
      snprintf(allowed + used, sizeof allowed - used, "%s%s", used > 0 ? ", " : "", row->name);
  }
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "stage %s has no kernel '%.*s' (allowed: %s)",
                     clattn_stage_name(stage), (int)name.length, name.start, allowed);
}

static clattn_status set_tile(clattn_choice *choice, span setting, clattn_error *error) {
  const span item = setting;
  const span name = cut(&setting, '=');
  char valid[128] = "none", number[16];
  for (size_t i = 0; choice->row->tile[i].name != NULL; ++i) {
    const clattn_tile *tile = &choice->row->tile[i];
    if (!equals(name, tile->name)) continue;
    size_t used = 0;
    for (int v = 0; v < CLATTN_VALID_MOST && tile->valid[v] != 0; ++v) {
      snprintf(number, sizeof number, "%d", tile->valid[v]);
      if (equals(setting, number)) {
        choice->value[i] = tile->valid[v];
        return CLATTN_OK;
      }
      used += (size_t)snprintf(valid + used, sizeof valid - used, "%s%s", v > 0 ? ", " : "", number);
    }
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "tile setting '%.*s' of kernel %s (allowed: %s)",
                       (int)item.length, item.start, choice->row->name, valid);
  }
  size_t used = 0;
  for (size_t i = 0; choice->row->tile[i].name != NULL; ++i)
    used += (size_t)snprintf(valid + used, sizeof valid - used, "%s%s", i > 0 ? ", " : "", choice->row->tile[i].name);
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "tile setting '%.*s' of kernel %s (allowed: %s)", (int)item.length,
                     item.start, choice->row->name, valid);
}

/* Sizes that are not named become smaller where the device needs it, unless one of them is. */
static clattn_status choose_by_hand(const clattn_plan *plan, clattn_choice *choice, clattn_stage stage, span wanted,
                                    clattn_error *error) {
  const span name = cut(&wanted, ':');
  const clattn_kernel *row = clattn_catalog_find(stage, name.start, name.length);
  if (row == NULL) return fail_unknown_kernel(stage, name, error);
  *choice = (clattn_choice){.stage = stage, .row = row};
  const clattn_extent extent = extent_of(&plan->problem, stage);
  const bool sized = wanted.length > 0;
  if (sized || clattn_fit_tiles(row, &extent, &plan->device->info, choice->value, NULL) != CLATTN_OK)
    clattn_standard_tiles(row, choice->value);
  clattn_status status = CLATTN_OK;
  while (status == CLATTN_OK && wanted.length > 0) status = set_tile(choice, cut(&wanted, ':'), error);
  return status;
}

/* ---- building what was chosen ------------------------------------------------------------------------------------ */

static void build_options(const clattn_problem *problem, const clattn_choice *choice, char *options, size_t size) {
  size_t used =
      (size_t)snprintf(options, size, "-cl-std=CL1.2 -DW_TRANSPOSED=%d", problem->layout == CLATTN_LAYOUT_XWT);
  if (choice->row->form == CLATTN_FORM_LIBRARY)
    used += (size_t)snprintf(options + used, size - used, " -DONLY_NONFINITE=1");
  if (choice->stage == CLATTN_STAGE_FUSED)
    used += (size_t)snprintf(options + used, size - used, " -DHEAD_DIM=%zu -DVALUE_DIM=%zu", problem->head_dim,
                             problem->value_dim);
  for (size_t i = 0; choice->row->tile[i].name != NULL; ++i)
    used += (size_t)snprintf(options + used, size - used, " -D%s=%d", choice->row->tile[i].name, choice->value[i]);
}

/* Work-items that a group of this kernel may have. rusticl of Mesa 22.3 answers with the sub-group's size instead, and
 * launches larger groups all the same: an answer equal to the sub-group's size is taken for the device's limit. */
static cl_int largest_group(const clattn_device *device, cl_kernel kernel, size_t *most) {
  size_t multiple = 0;
  cl_int code = clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof *most, most, NULL);
  if (code == CL_SUCCESS)
    code = clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE, sizeof multiple,
                                    &multiple, NULL);
  if (code == CL_SUCCESS && *most == multiple) *most = (size_t)device->info.max_work_group;
  return code;
}

/* Bytes of local memory that this kernel takes. rusticl of Mesa 22.3 lays its variables out twice, one behind the
 * other, and launches such kernels all the same: an answer of about twice what they are is taken for that. */
static cl_int local_memory(const clattn_device *device, const clattn_choice *choice, cl_ulong *bytes) {
  const cl_ulong twice = 2 * (cl_ulong)choice->geometry.local_bytes, alignment = 128;
  const cl_int code =
      clGetKernelWorkGroupInfo(choice->kernel, device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof *bytes, bytes, NULL);
  if (code == CL_SUCCESS && *bytes >= twice && *bytes < twice + alignment) *bytes = choice->geometry.local_bytes;
  return code;
}

/* What the driver says of the kernel that it has built; before, only the device's own limits are known. */
static clattn_status check_built(const clattn_device *device, const clattn_choice *choice, clattn_error *error) {
  const char *name = choice->row->name, *stage = clattn_stage_name(choice->stage);
  size_t most = 0;
  cl_ulong local_bytes = 0;
  cl_int code = largest_group(device, choice->kernel, &most);
  if (code == CL_SUCCESS) code = local_memory(device, choice, &local_bytes);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clGetKernelWorkGroupInfo of kernel %s", name);
  const size_t items = choice->geometry.local[0] * choice->geometry.local[1];
  if (items > most)
    return clattn_fail(error, CLATTN_UNSUPPORTED,
                       "kernel %s of stage %s needs work-groups of %zu work-items; built for '%s' it can have %zu",
                       name, stage, items, device->info.name, most);
  if (local_bytes > device->info.local_memory_bytes)
    return clattn_fail(
        error, CLATTN_UNSUPPORTED, "kernel %s of stage %s takes %llu bytes of local memory; '%s' has %llu", name, stage,
        (unsigned long long)local_bytes, device->info.name, (unsigned long long)device->info.local_memory_bytes);
  return CLATTN_OK;
}

/* Whether there is anything to do behind the library's product. */
static bool needs_companion(const clattn_problem *problem, clattn_stage stage) {
  switch (stage) {
  case CLATTN_STAGE_PROJECT:
    return (problem->biases & ~(unsigned)CLATTN_BIAS_O) != 0;
  case CLATTN_STAGE_OUTPUT:
    return (problem->biases & CLATTN_BIAS_O) != 0;
  default:
    return problem->causal || problem->window_left != CLATTN_UNBOUNDED || problem->window_right != CLATTN_UNBOUNDED ||
           problem->mask != CLATTN_MASK_NONE || clattn_has_sequences(problem) || problem->softcap > 0.0f ||
           problem->alibi;
  }
}

static clattn_status build(const clattn_plan *plan, clattn_choice *choice, const char *folder, clattn_error *error) {
  const clattn_kernel *row = choice->row;
  const clattn_extent extent = extent_of(&plan->problem, choice->stage);
  const clattn_companion *companion = clattn_companion_of(row);
  clattn_error reason;
  row->geometry(choice->value, &extent, &choice->geometry);
  if (clattn_row_supported(row, choice->value, &extent, &plan->device->info, &reason) != CLATTN_OK)
    return clattn_fail(error, CLATTN_UNSUPPORTED, "kernel %s of stage %s: %s", row->name,
                       clattn_stage_name(choice->stage), reason.message);
  if (row->form == CLATTN_FORM_LIBRARY && !needs_companion(&plan->problem, choice->stage)) return CLATTN_OK;

  char options[512];
  build_options(&plan->problem, choice, options, sizeof options);
  clattn_status status =
      clattn_kernel_build(plan->device, folder, row->file, row->function, options, &choice->kernel, error);
  if (status == CLATTN_OK) status = check_built(plan->device, choice, error);
  if (status == CLATTN_OK && companion != NULL)
    status =
        clattn_kernel_build(plan->device, folder, row->file, companion->function, options, &choice->companion, error);
  if (status != CLATTN_OK && choice->kernel != NULL) {
    clReleaseKernel(choice->kernel);
    choice->kernel = NULL;
  }
  return status;
}

/* ---- by itself --------------------------------------------------------------------------------------------------- */

/* A CPU whose driver likes float vectors runs one work-item after the other: CPU forms. One that names a width of 1
 * spreads the work-items over the vectors itself, as a GPU does. That is rusticl on llvmpipe, which also stops a
 * work-item without a word after 65535 rounds of all its loops together: the panel kernels, with their few long-running
 * work-items, came out wrong from a model_dim of about 150 on. */
static bool wants_cpu_form(const clattn_device_info *device) {
  return device->type == CLATTN_DEVICE_CPU && device->native_float_width > 1;
}

static bool suits(const clattn_kernel *row, const clattn_device_info *device) {
  switch (row->form) {
  case CLATTN_FORM_ANY:
    return true;
  case CLATTN_FORM_CPU:
    return wants_cpu_form(device);
  case CLATTN_FORM_GPU:
    return !wants_cpu_form(device);
  case CLATTN_FORM_LIBRARY:
    break;
  }
  return false;
}

/* From the highest rung down to the plain formula, which needs nothing: the first that the device supports and
 * compiles. Kernels from a folder are being worked on: there, a failing build is what one wants to see. */
static clattn_status choose_best(const clattn_plan *plan, clattn_choice *choice, clattn_stage stage, const char *folder,
                                 clattn_error *error) {
  clattn_status status =
      clattn_fail(error, CLATTN_UNSUPPORTED, "no kernel of stage %s suits the device", clattn_stage_name(stage));
  for (size_t i = clattn_kernel_count(); i-- > 0;) {
    const clattn_kernel *row = clattn_catalog_at(i);
    if (row->stage != clattn_catalog_stage(stage) || !suits(row, &plan->device->info)) continue;
    if (!clattn_fused_suits(row, &plan->problem)) continue;
    *choice = (clattn_choice){.stage = stage, .row = row};
    const clattn_extent extent = extent_of(&plan->problem, stage);
    status = clattn_fit_tiles(row, &extent, &plan->device->info, choice->value, error);
    if (status == CLATTN_OK) status = build(plan, choice, folder, error);
    if (status == CLATTN_UNSUPPORTED || (status == CLATTN_BUILD_FAILED && folder == NULL)) continue;
    return status;
  }
  return status;
}

static bool has_product(clattn_stage stage) {
  return stage == CLATTN_STAGE_PROJECT || stage == CLATTN_STAGE_SCORES || stage == CLATTN_STAGE_CONTEXT ||
         stage == CLATTN_STAGE_OUTPUT;
}

bool clattn_plan_is_fused(const clattn_plan *plan) {
  return plan->choice[CLATTN_STAGE_FUSED].row != NULL;
}

/* Of scores, softmax and context on the one side and fused on the other a pipeline has one. */
static bool is_of_pipeline(clattn_stage stage, clattn_pipeline pipeline) {
  if (stage == CLATTN_STAGE_FUSED) return pipeline == CLATTN_PIPELINE_FUSED;
  return pipeline != CLATTN_PIPELINE_FUSED || stage < CLATTN_STAGE_SCORES || stage > CLATTN_STAGE_CONTEXT;
}

clattn_status clattn_choose_kernels(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error) {
  static const span clblast = {"clblast", 7};
  span wanted[CLATTN_STAGE_COUNT] = {{NULL, 0}};
  clattn_status status = split_kernels(options->kernels, wanted, error);
  for (int s = 0; s < CLATTN_STAGE_COUNT && status == CLATTN_OK; ++s) {
    const clattn_stage stage = (clattn_stage)s;
    clattn_choice *choice = &plan->choice[stage];
    if (!clattn_stage_used(&plan->problem, stage) || !is_of_pipeline(stage, options->pipeline)) continue;
    if (wanted[stage].start == NULL && options->pipeline == CLATTN_PIPELINE_BLAS && has_product(stage))
      wanted[stage] = clblast;
    if (wanted[stage].start == NULL) {
      status = choose_best(plan, choice, stage, options->kernel_dir, error);
      continue;
    }
    status = choose_by_hand(plan, choice, stage, wanted[stage], error);
    if (status == CLATTN_OK) status = build(plan, choice, options->kernel_dir, error);
  }
  return status;
}
