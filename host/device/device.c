/* Opens and closes devices. */
#include "device/device.h"

#include <stdlib.h>

#include "clattn_cl.h"
#include "device/process.h"
#include "base/status.h"

/* Also releases a device that was only partly opened. */
static void release(clattn_device *device) {
  if (device->release_programs != NULL) device->release_programs(device);
  if (device->queue != NULL) clReleaseCommandQueue(device->queue);
  if (device->context != NULL) clReleaseContext(device->context);
  free(device);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static clattn_status fill(clattn_device *device, cl_platform_id platform, clattn_error *error) {
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)platform, 0};
  const char *name = device->info.name;
  cl_int code = CL_SUCCESS;
  device->address_bits = clattn_device_uint(device->id, CL_DEVICE_ADDRESS_BITS, &code);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "cannot query the address bits of '%s'", name);
  device->context = clCreateContext(properties, 1, &device->id, NULL, NULL, &code);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clCreateContext on '%s'", name);
  device->queue = clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &code);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clCreateCommandQueue on '%s'", name);
  device->profiling = true;
  return CLATTN_OK;
}

clattn_status clattn_device_open_on(cl_platform_id platform, cl_device_id id, const clattn_device_info *info,
                                    clattn_device **result, clattn_error *error) {
  clattn_status status = clattn_process_check(error);
  if (status != CLATTN_OK) return status;
  clattn_device *device = calloc(1, sizeof *device);
  if (device == NULL) return clattn_fail_malloc(error, sizeof *device, "a device");
  device->id = id;
  device->info = *info;
  clattn_drivers_take();
  status = fill(device, platform, error);
  if (status != CLATTN_OK) release(device);
  clattn_drivers_give();
  if (status == CLATTN_OK) *result = device;
  return status;
}

/* ---- adopting ---------------------------------------------------------------------------------------------------- */

static clattn_status adopt(cl_command_queue queue, clattn_device **result, clattn_error *error) {
  cl_context context = NULL;
  cl_device_id id = NULL;
  cl_platform_id platform = NULL;
  cl_command_queue_properties properties = 0;
  cl_int code = clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL);
  if (code == CL_SUCCESS) code = clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof id, &id, NULL);
  if (code == CL_SUCCESS)
    code = clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
  if (code == CL_SUCCESS) code = clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "cannot query the context and device of the given queue");

  clattn_device *device = calloc(1, sizeof *device);
  if (device == NULL) return clattn_fail_malloc(error, sizeof *device, "a device");
  code = clattn_device_describe(platform, id, &device->info);
  device->id = id;
  device->address_bits = clattn_device_uint(id, CL_DEVICE_ADDRESS_BITS, &code);
  device->profiling = (properties & CL_QUEUE_PROFILING_ENABLE) != 0;
  if (code == CL_SUCCESS) code = clRetainContext(context);
  if (code == CL_SUCCESS) device->context = context;
  if (code == CL_SUCCESS) code = clRetainCommandQueue(queue);
  if (code == CL_SUCCESS) device->queue = queue;
  if (code != CL_SUCCESS) {
    release(device);
    return clattn_fail_cl(error, code, "cannot query the device of the given queue, or retain its context and queue");
  }
  *result = device;
  return CLATTN_OK;
}

clattn_status clattn_device_adopt(cl_command_queue queue, clattn_device **result, clattn_error *error) {
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the device is NULL");
  *result = NULL;
  if (queue == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the queue is NULL");
  const clattn_status status = clattn_process_check(error);
  if (status != CLATTN_OK) return status;
  clattn_drivers_take();
  const clattn_status adopted = adopt(queue, result, error);
  clattn_drivers_give();
  return clattn_finish(error, adopted);
}

/* ---- closing ----------------------------------------------------------------------------------------------------- */

bool clattn_device_release_kept(clattn_device *device) {
  if (device->kept == NULL) return false;
  device->release_kept(device);
  return true;
}

void clattn_device_close(clattn_device *device) {
  if (device == NULL || clattn_process_is_child()) return;
  clattn_device_release_kept(device);
  clattn_drivers_take();
  release(device);
  clattn_drivers_give();
}

const clattn_device_info *clattn_device_get_info(const clattn_device *device) {
  return &device->info;
}
