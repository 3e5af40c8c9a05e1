/* Enqueues commands one after the other. Each waits for the one before it, so that an out-of-order
 * OpenCL queue serves as well as an in-order one. With a profile, the host also waits for each
 * command and times it. */
#ifndef CLATTN_QUEUE_H
#define CLATTN_QUEUE_H

#include "device/device.h"
#include "device/launch_limit.h"

/* A slot is what a command's time counts towards: a clattn_stage, or one of these. Writes count as
 * upload, reads and copies as download; launches and other commands say whose they are.
 * CLATTN_SLOT_NONE needs a queue that has neither profile nor rate. */
enum { CLATTN_SLOT_NONE = -1, CLATTN_SLOT_UPLOAD = CLATTN_STAGE_COUNT, CLATTN_SLOT_DOWNLOAD, CLATTN_SLOT_COUNT };

typedef struct clattn_profile {
  double event[CLATTN_SLOT_COUNT];   /* seconds, from the events' start to their end */
  double wall[CLATTN_SLOT_COUNT];    /* seconds, from enqueueing to the end of waiting */
  double library[CLATTN_SLOT_COUNT]; /* the part of `wall` spent in library calls, whose kernels have no events here */
  size_t launches[CLATTN_SLOT_COUNT];
} clattn_profile;

typedef struct clattn_queue {
  cl_command_queue commands; /* where they are enqueued */
  cl_event last;             /* NULL: nothing to wait for */
  clattn_profile *profile;   /* NULL: do not wait, do not time */
  bool events_timed;         /* whether the queue records event times */
  clattn_launch_limit limit;
  double *rate; /* by slot: operations per second, learnt from the pieces of split launches; 0: not known yet. NULL:
                   the host does not wait for pieces, and nothing is learnt */
} clattn_queue;

typedef struct clattn_argument {
  size_t size;
  const void *value;
} clattn_argument;
#define CLATTN_ARGUMENT(variable)                                                                                      \
  { sizeof(variable), &(variable) }

/* Makes the commands that follow wait for these events, too. */
clattn_status clattn_queue_after(clattn_queue *queue, cl_uint count, const cl_event *events, clattn_error *error);

/* Work-items of a launch, or of a piece of one. */
typedef struct clattn_range {
  size_t offset[3], global[3], local[3];
} clattn_range;
clattn_status clattn_queue_launch(clattn_queue *queue, int slot, cl_kernel kernel, const clattn_range *range,
                                  clattn_error *error);

clattn_status clattn_queue_write(clattn_queue *queue, cl_mem to, const void *from, size_t bytes, clattn_error *error);
clattn_status clattn_queue_read(clattn_queue *queue, cl_mem from, size_t offset, size_t bytes, void *to,
                                clattn_error *error);
/* Copies a part of one buffer into another; bytes. */
typedef struct clattn_copy {
  cl_mem from, to;
  size_t from_offset, to_offset, bytes;
  size_t rows, row_bytes; /* above 1: as many times, each time so many bytes further on in both */
} clattn_copy;
clattn_status clattn_queue_copy(clattn_queue *queue, const clattn_copy *copy, clattn_error *error);

/* Fills a part of a buffer with 0; bytes. */
clattn_status clattn_queue_clear(clattn_queue *queue, int slot, cl_mem buffer, size_t offset, size_t bytes,
                                 clattn_error *error);

/* Around a library call that takes no wait list. hold: what is enqueued next waits for the queue.
 * resume: the queue goes on from `event`, which it then owns. */
clattn_status clattn_queue_hold(clattn_queue *queue, clattn_error *error);
clattn_status clattn_queue_resume(clattn_queue *queue, int slot, cl_event event, double started, clattn_error *error);

/* flush: makes the device begin with what is enqueued. wait: until it is done. */
clattn_status clattn_queue_flush(clattn_queue *queue, clattn_error *error);
clattn_status clattn_queue_wait(clattn_queue *queue, clattn_error *error);

/* Waits for everything. Call it after a failure, too: commands may still use host memory. */
clattn_status clattn_queue_finish(clattn_queue *queue, clattn_error *error);
void clattn_queue_release(clattn_queue *queue);

clattn_status clattn_set_arguments(cl_kernel kernel, const clattn_argument *arguments, size_t count,
                                   clattn_error *error);

#endif
