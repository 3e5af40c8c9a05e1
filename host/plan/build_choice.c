/* Builds a selected kernel and checks that the device can run it. */
#include <stdio.h>

#include "plan/choice.h"
#include "catalog/fused.h"
#include "catalog/matrix.h"
#include "device/work_group.h"
#include "programs/program.h"
#include "programs/trial.h"
#include "problem/stages.h"
#include "problem/kernel_arguments.h"
#include "base/sizes.h"
#include "base/status.h"
#include "catalog/tiles.h"
#include "problem/facts.h"

/* Whether some queries see fewer keys than others. */
static bool is_uneven(const clattn_problem *p) {
  return clattn_hides_keys(p) || p->lengths != CLATTN_LENGTHS_FULL;
}

clattn_extent clattn_extent_of(const clattn_problem *problem, clattn_stage stage, const clattn_device_info *device) {
  const clattn_stage_facts *facts = clattn_stage_facts_of(stage);
  return (clattn_extent){.terms = facts->terms(problem),
                         .head_dim = problem->head_dim,
                         .value_dim = problem->value_dim,
                         .k_stored = facts->reads_stored && clattn_fused_reads_stored(problem, CLATTN_K),
                         .v_stored = facts->reads_stored && clattn_fused_reads_stored(problem, CLATTN_V),
                         .half_products = clattn_multiplies_halves(problem, device),
                         .matrix_unit = clattn_matrix_unit_of(problem, stage, device),
                         .matrix_type = clattn_matrix_type_of(problem, stage),
                         .parts = clattn_matrix_parts_of(problem, stage),
                         .pages = problem->cache.page_len != 0,
                         .far_rows = clattn_has_far_rows(problem),
                         .makes_stored = clattn_makes_stored(problem, stage),
                         .w_transposed = problem->layout == CLATTN_LAYOUT_XWT,
                         .work = {.pairs = problem->batch * problem->heads,
                                  .rows = problem->query_len,
                                  .compute_units = device->compute_units,
                                  .uneven = is_uneven(problem)}};
}

void clattn_choice_options(const clattn_problem *problem, const clattn_device_info *device, const clattn_choice *choice,
                           char *options, size_t size) {
  const clattn_stage_facts *facts = clattn_stage_facts_of(choice->stage);
  const bool in_place = clattn_kernel_reads_cache(choice->row, problem);
  size_t used = (size_t)snprintf(options, size, "%s", clattn_needs_language(choice->row->needs, device));
  if (facts->macros != NULL) used += (size_t)facts->macros(problem, in_place, options + used, size - used);
  if (choice->row->stage == CLATTN_STAGE_PROJECT && choice->row->stores_types &&
      clattn_makes_stored(problem, choice->stage))
    used += (size_t)snprintf(options + used, size - used, " -DOUT_TYPE=%d", (int)clattn_kernel_type(problem->type));
  if (choice->row->library) used += (size_t)snprintf(options + used, size - used, " -DONLY_NONFINITE=1");
  used += (size_t)clattn_form_macros(choice->row->forms, problem, device, options + used, size - used);
  used += (size_t)clattn_matrix_options_of(choice->row, choice->stage, choice->value, problem, device, options + used,
                                           size - used);
  for (size_t i = 0; choice->row->tile[i].name != NULL; ++i)
    used += (size_t)snprintf(options + used, size - used, " -D%s=%d", choice->row->tile[i].name, choice->value[i]);
}

/* Bytes of local memory that this kernel takes. rusticl of Mesa 22.3 counts its variables twice,
 * but launches such kernels: replace an answer of about twice the computed size by that size. */
static cl_int local_memory(const clattn_device *device, const clattn_choice *choice, cl_ulong *bytes) {
  const cl_ulong twice = 2 * (cl_ulong)choice->geometry.local_bytes, alignment = 128;
  const cl_int code =
      clGetKernelWorkGroupInfo(choice->kernel, device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof *bytes, bytes, NULL);
  if (code == CL_SUCCESS && *bytes >= twice && *bytes < twice + alignment) *bytes = choice->geometry.local_bytes;
  return code;
}

/* Checks the limits that the driver reports for the built kernel; until then only the device's
 * limits are known. */
static clattn_status check_built(const clattn_device *device, clattn_choice *choice, clattn_error *error) {
  const char *name = choice->row->name, *stage = clattn_stage_name(choice->stage);
  size_t most = 0;
  cl_ulong local_bytes = 0;
  cl_int code = clattn_largest_group(device, choice->kernel, &most);
  if (code == CL_SUCCESS) code = local_memory(device, choice, &local_bytes);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clGetKernelWorkGroupInfo of kernel %s", name);
  const size_t items = choice->geometry.local[0] * choice->geometry.local[1];
  if (items > most)
    return clattn_fail(error, CLATTN_UNSUPPORTED,
                       "kernel %s of stage %s needs work-groups of %zu work-items; on '%s' it can have at most %zu",
                       name, stage, items, device->info.name, most);
  if (local_bytes > device->info.local_memory_bytes)
    return clattn_fail(
        error, CLATTN_UNSUPPORTED, "kernel %s of stage %s takes %llu bytes of local memory; '%s' has %llu", name, stage,
        (unsigned long long)local_bytes, device->info.name, (unsigned long long)device->info.local_memory_bytes);
  if (items == 0) choice->geometry.items = clattn_group_items(device, most);
  return CLATTN_OK;
}

void clattn_release_choice(clattn_choice *choice) {
  if (choice->kernel != NULL) clReleaseKernel(choice->kernel);
  if (choice->post_process != NULL) clReleaseKernel(choice->post_process);
  choice->kernel = choice->post_process = NULL;
}

static clattn_status build_post_process(clattn_device *device, const clattn_program_source *source,
                                        const clattn_post_process *post_process, clattn_choice *choice,
                                        clattn_error *error) {
  const size_t alone = post_process->grouped ? 0 : 1;
  choice->post_process_geometry = (clattn_geometry){.local = {alone, alone}, .cols = 1, .rows = 1};
  const clattn_status status =
      clattn_kernel_build(device, source, post_process->function, NULL, NULL, &choice->post_process, error);
  if (status != CLATTN_OK || !post_process->grouped) return status;
  size_t most = 0;
  const cl_int code = clattn_largest_group(device, choice->post_process, &most);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clGetKernelWorkGroupInfo of %s", post_process->function);
  choice->post_process_geometry.items = clattn_group_items(device, most);
  return CLATTN_OK;
}

/* Compilers of Qualcomm before E031.38.11 crash with reductions of sub-groups. Kernels from a folder are
 * their author's affair. */
static clattn_status begin_trial(clattn_trial *trial, const clattn_device *device, const clattn_kernel *row,
                                 const clattn_plan_options *options, clattn_error *error) {
  char kernel[64];
  if ((row->needs & CLATTN_NEEDS_SUB_GROUPS) == 0 || options->kernel_dir != NULL) return CLATTN_OK;
  snprintf(kernel, sizeof kernel, "%s=%s", clattn_stage_name(row->stage), row->name);
  const clattn_trial_of of = {
      .kernel = kernel, .file = row->file, .folder = options->program_dir, .program = options->try_program};
  return clattn_trial_begin(trial, device, &of, error);
}

clattn_status clattn_build_choice(const clattn_plan *plan, clattn_choice *choice, const clattn_plan_options *options,
                                  clattn_error *error) {
  const clattn_kernel *row = choice->row;
  const clattn_extent extent = clattn_extent_of(&plan->problem, choice->stage, &plan->device->info);
  const clattn_post_process *post_process = clattn_post_process_of(row);
  clattn_error reason;
  if (clattn_matrix_check(row, &plan->problem, error) != CLATTN_OK) return CLATTN_UNSUPPORTED;
  row->geometry(choice->value, &extent, &choice->geometry);
  if (clattn_row_supported(row, choice->value, &extent, &plan->device->info, &reason) != CLATTN_OK)
    return clattn_fail(error, CLATTN_UNSUPPORTED, "kernel %s of stage %s: %s", row->name,
                       clattn_stage_name(choice->stage), reason.message);
  if (row->library && !clattn_stage_facts_of(choice->stage)->needs_post_process(&plan->problem)) return CLATTN_OK;

  const bool stored = options->kernel_dir == NULL && options->program_dir != NULL && options->program_dir[0] != '\0';
  char macros[CLATTN_OPTIONS_TEXT];
  clattn_choice_options(&plan->problem, &plan->device->info, choice, macros, sizeof macros);
  const clattn_program_source source = {
      .folder = options->kernel_dir,
      .file = row->file,
      .options = macros,
      .store = stored ? options->program_dir : NULL,
      .kernels = {row->function, post_process != NULL ? post_process->function : NULL}};
  clattn_trial trial = {.pending = false};
  clattn_status status = begin_trial(&trial, plan->device, row, options, error);
  if (status != CLATTN_OK) return status;
  status = clattn_kernel_build(plan->device, &source, row->function, choice->origin, &choice->program, &choice->kernel,
                               error);
  clattn_trial_end(&trial);
  if (status == CLATTN_OK) status = check_built(plan->device, choice, error);
  if (status == CLATTN_OK && post_process != NULL)
    status = build_post_process(plan->device, &source, post_process, choice, error);
  if (status != CLATTN_OK) clattn_release_choice(choice);
  return status;
}
