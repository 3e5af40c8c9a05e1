/* The caller's buffers: see buffer.h. */
#include "device/buffer.h"

#include "base/status.h"

clattn_status clattn_buffer_ask(const char *name, cl_mem buffer, clattn_place *is, clattn_error *error) {
  const struct {
    cl_mem_info what;
    size_t bytes;
    void *to;
  } asked[] = {{CL_MEM_TYPE, sizeof is->type, &is->type},
               {CL_MEM_CONTEXT, sizeof is->context, &is->context},
               {CL_MEM_FLAGS, sizeof is->flags, &is->flags},
               {CL_MEM_SIZE, sizeof is->bytes, &is->bytes},
               {CL_MEM_ASSOCIATED_MEMOBJECT, sizeof is->whole, &is->whole},
               {CL_MEM_OFFSET, sizeof is->offset, &is->offset}};
  for (size_t i = 0; i < sizeof asked / sizeof asked[0]; ++i) {
    const cl_int code = clGetMemObjectInfo(buffer, asked[i].what, asked[i].bytes, asked[i].to, NULL);
    if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "asking what buffer %s is", name);
  }
  if (is->whole == NULL) is->whole = buffer;
  return CLATTN_OK;
}

clattn_status clattn_buffer_check_size(const char *name, size_t bytes, size_t needed, clattn_error *error) {
  if (bytes >= needed) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "buffer %s has %zu bytes (allowed: at least %zu)", name, bytes,
                     needed);
}

static clattn_status check_flags(const char *name, clattn_buffer_use use, cl_mem_flags flags, clattn_error *error) {
  if (use != CLATTN_BUFFER_READ && (flags & CL_MEM_READ_ONLY) != 0)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "buffer %s is CL_MEM_READ_ONLY (allowed for a result: %s)", name,
                       use == CLATTN_BUFFER_COPIED ? "CL_MEM_READ_WRITE, CL_MEM_WRITE_ONLY" : "CL_MEM_READ_WRITE");
  if (use != CLATTN_BUFFER_COPIED && (flags & CL_MEM_WRITE_ONLY) != 0)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "buffer %s is CL_MEM_WRITE_ONLY (allowed: CL_MEM_READ_WRITE%s)",
                       name, use == CLATTN_BUFFER_READ ? ", CL_MEM_READ_ONLY" : "");
  return CLATTN_OK;
}

clattn_status clattn_buffer_check(const clattn_device *device, const char *name, const clattn_place *is, size_t needed,
                                  clattn_buffer_use use, clattn_error *error) {
  if (is->type != CL_MEM_OBJECT_BUFFER)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "buffer %s is an OpenCL memory object of type %#x (allowed: a "
                       "buffer)",
                       name, (unsigned)is->type);
  if (is->context != device->context)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "buffer %s is of another OpenCL context (allowed: that of the device)", name);
  const clattn_status status = clattn_buffer_check_size(name, is->bytes, needed, error);
  return status == CLATTN_OK ? check_flags(name, use, is->flags, error) : status;
}

bool clattn_places_overlap(const clattn_place *a, const clattn_place *b) {
  return a->whole == b->whole && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}
