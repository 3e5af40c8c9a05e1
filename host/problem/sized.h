/* Public structs that begin with their size: the caller's may be shorter than this version's. */
#ifndef CLATTN_SIZED_H
#define CLATTN_SIZED_H

#include "clattn_check.h"
#include "clattn_cl.h"
#include "clattn_explain.h"

typedef struct clattn_sized {
  const char *name, *initial; /* "clattn_inputs", "CLATTN_INPUTS_INIT" */
  size_t least, most;         /* sizes that a caller's struct may have; most: this version's */
} clattn_sized;

extern const clattn_sized clattn_sized_problem, clattn_sized_inputs, clattn_sized_outputs, clattn_sized_buffers,
    clattn_sized_plan_options, clattn_sized_probe_options, clattn_sized_tuned, clattn_sized_timings,
    clattn_sized_plan_info, clattn_sized_check_report, clattn_sized_reason, clattn_sized_kernel_info,
    clattn_sized_tile_info, clattn_sized_peaks, clattn_sized_self_test_result, clattn_sized_merging,
    clattn_sized_explain_options;

/* CLATTN_INVALID_ARGUMENT where the struct is NULL or has a size that this library does not know. */
clattn_status clattn_check_sized(const clattn_sized *of, const void *given, clattn_error *error);

/* Checks, then reads the caller's struct into this version's: fields that the caller's lacks keep what is in `own`. */
clattn_status clattn_take_sized(const clattn_sized *of, const void *given, void *own, clattn_error *error);

/* Writes this version's struct into the caller's, as far as that reaches. false, and nothing is written, where
 * clattn_check_sized would refuse it. */
bool clattn_give_sized(const clattn_sized *of, const void *own, void *given);

/* Whether a field of `bytes` at `offset` lies within a struct that begins with its size. */
bool clattn_reaches(const void *sized, size_t offset, size_t bytes);

/* Writes initial values, of which this version has `most` bytes, into the first `size` bytes of the caller's. */
void clattn_fill_sized(const clattn_sized *of, const void *initial, void *given, size_t size);

#endif
