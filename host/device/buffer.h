/* Buffers of the caller's: what they are, and whether they will do. */
#ifndef CLATTN_BUFFER_H
#define CLATTN_BUFFER_H

#include "device/device.h"

/* The memory of a buffer, as a part of the buffer that it was cut from; else of itself. */
typedef struct clattn_place {
  cl_mem whole;
  cl_mem_object_type type;
  cl_context context;
  cl_mem_flags flags;
  size_t offset, bytes;
} clattn_place;

typedef enum clattn_buffer_use {
  CLATTN_BUFFER_READ,   /* an input */
  CLATTN_BUFFER_RESULT, /* kernels write it, and read it again */
  CLATTN_BUFFER_COPIED  /* something is copied into it */
} clattn_buffer_use;

/* `name` is for messages, as below. */
clattn_status clattn_buffer_ask(const char *name, cl_mem buffer, clattn_place *is, clattn_error *error);

/* CLATTN_INVALID_ARGUMENT unless it is a buffer of the device's context with `needed` bytes and flags for its use. */
clattn_status clattn_buffer_check(const clattn_device *device, const char *name, const clattn_place *is, size_t needed,
                                  clattn_buffer_use use, clattn_error *error);
clattn_status clattn_buffer_check_size(const char *name, size_t bytes, size_t needed, clattn_error *error);

bool clattn_places_overlap(const clattn_place *a, const clattn_place *b);

#endif
