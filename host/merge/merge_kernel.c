/* The kernel that merges: its build, and its test on each device. */
#include <stdio.h>

#include "base/status.h"
#include "catalog/needs.h"
#include "device/work_group.h"
#include "merge/merge.h"
#include "programs/program.h"

void clattn_merge_kernel_release(clattn_merge_kernel *kernel) {
  if (kernel->kernel != NULL) clReleaseKernel(kernel->kernel);
  kernel->kernel = NULL;
}

clattn_status clattn_merge_kernel_build(clattn_device *device, const clattn_kernel *row,
                                        const clattn_plan_options *options, clattn_merge_kernel *made,
                                        clattn_error *error) {
  const char *folder = options != NULL ? options->kernel_dir : NULL;
  const char *store = options != NULL && folder == NULL ? options->program_dir : NULL;
  const clattn_program_source source = {.folder = folder,
                                        .file = row->file,
                                        .options = clattn_needs_language(row->needs, &device->info),
                                        .store = store != NULL && store[0] != '\0' ? store : NULL,
                                        .kernels = {row->function}};
  *made = (clattn_merge_kernel){.kernel = NULL};
  row->geometry(NULL, &(clattn_extent){.terms = 1}, &made->geometry);
  const clattn_status status =
      clattn_kernel_build(device, &source, row->function, NULL, &made->program, &made->kernel, error);
  if (status != CLATTN_OK) return status;
  size_t most = 0;
  const cl_int code = clattn_largest_group(device, made->kernel, &most);
  if (code == CL_SUCCESS) {
    made->geometry.items = clattn_group_items(device, most);
    return CLATTN_OK;
  }
  clattn_merge_kernel_release(made);
  return clattn_fail_cl(error, code, "clGetKernelWorkGroupInfo of kernel %s", row->name);
}

/* Runs the test where the device has not seen it yet. A test that could not run, for lack of memory or another failure
 * of the device, says nothing about the kernel. */
static clattn_status test(clattn_device *device, const clattn_merge_kernel *kernel, clattn_error *error) {
  const clattn_test_kind kind = {.type = CLATTN_F32};
  const char *why = NULL;
  char text[CLATTN_TEST_TEXT];
  bool passed = false;
  if (clattn_program_test_of(device, kernel->program, kind, NULL, NULL) == CLATTN_TEST_NOT_RUN) {
    const clattn_status status = clattn_merge_kernel_try(device, kernel, &passed, text, error);
    if (status != CLATTN_OK) return status;
    clattn_program_test_keep(device, kernel->program, kind, NULL, passed ? CLATTN_TEST_PASSED : CLATTN_TEST_FAILED,
                             text);
  }
  if (clattn_program_test_of(device, kernel->program, kind, NULL, &why) == CLATTN_TEST_PASSED) return CLATTN_OK;
  return clattn_fail(error, CLATTN_BUILD_FAILED, "the kernel that merges fails its self-test on '%s': %s",
                     device->info.name, why);
}

clattn_status clattn_merge_kernel_take(clattn_device *device, const char *folder, clattn_merge_kernel *made,
                                       clattn_error *error) {
  const clattn_kernel *row = clattn_catalog_find(CLATTN_STAGE_MERGE, "1", 1);
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.kernel_dir = folder;
  clattn_status status = clattn_merge_kernel_build(device, row, &options, made, error);
  if (status == CLATTN_OK && folder == NULL) status = test(device, made, error);
  if (status != CLATTN_OK) clattn_merge_kernel_release(made);
  return status;
}
