/* Merging contexts of keys in parts: its kernel, and the work on the device. merge.c has the public calls. */
#ifndef CLATTN_MERGE_H
#define CLATTN_MERGE_H

#include "catalog/catalog.h"
#include "base/opencl.h"
#include "clattn_cl.h"
#include "device/queue.h"
#include "programs/program_test.h"

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

typedef struct clattn_merge_kernel {
  cl_kernel kernel;
  clattn_program *program;
  clattn_geometry geometry;
} clattn_merge_kernel;

/* Builds the kernel `row`. Of options (NULL: none) kernel_dir and program_dir count. Release with
 * clattn_merge_kernel_release. */
clattn_status clattn_merge_kernel_build(clattn_device *device, const clattn_kernel *row,
                                        const clattn_plan_options *options, clattn_merge_kernel *made,
                                        clattn_error *error);
void clattn_merge_kernel_release(clattn_merge_kernel *kernel);

/* The kernel in `folder`, or where that is NULL the library's, which must pass its test on the device; else
 * CLATTN_BUILD_FAILED. */
clattn_status clattn_merge_kernel_take(clattn_device *device, const char *folder, clattn_merge_kernel *made,
                                       clattn_error *error);

/* Merges small parts of every type with the kernel; `text` says what was compared, or what is wrong. */
clattn_status clattn_merge_kernel_try(clattn_device *device, const clattn_merge_kernel *kernel, bool *passed,
                                      char text[CLATTN_TEST_TEXT], clattn_error *error);

/* ---- merging ----------------------------------------------------------------------------------------------------- */

/* On the device. */
typedef struct clattn_parts_on_device {
  const clattn_merging *merging;
  const clattn_problem *problem; /* of clattn_take_merging */
  size_t count;
  /* Hands over part i, after it has handed over part i - 1. A part's buffers need hold it only until part i + 2 is
   * asked for. */
  clattn_status (*part)(void *of, clattn_queue *queue, size_t i, clattn_part_buffers *buffers, clattn_error *error);
  void *of;
  clattn_part_buffers merged;
} clattn_parts_on_device;

/* Enqueues everything; what it allocates for that lives until it is done. */
clattn_status clattn_fold(clattn_device *device, clattn_queue *queue, const clattn_merge_kernel *kernel,
                          const clattn_parts_on_device *parts, clattn_error *error);

/* clattn_merge with this kernel, of arguments that were checked. */
clattn_status clattn_merge_on(clattn_device *device, const clattn_merge_kernel *kernel, const clattn_merging *merging,
                              const clattn_problem *problem, const clattn_part *parts, size_t count,
                              const clattn_merged *merged, clattn_error *error);

/* Device memory for a call. */
clattn_status clattn_merge_allocate(const clattn_device *device, const char *what, size_t bytes, cl_mem *buffer,
                                    clattn_error *error);

#endif
