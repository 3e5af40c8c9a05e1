/* Converts the caller's settings to kernel arguments. */
#include "problem/kernel_arguments.h"

kernel_strides clattn_kernel_strides(clattn_strides s) {
  return (kernel_strides){.batch = s.batch, .head = s.head, .row = s.row};
}

cl_int clattn_kernel_type(clattn_type type) {
  static const cl_int types[] = {STORED_F32, STORED_F16, STORED_BF16};
  return types[type];
}

cl_int clattn_kernel_cache_type(clattn_cache_type type) {
  static const cl_int types[] = {STORED_F32, STORED_F16, STORED_BF16, STORED_I8_TOKEN, STORED_I8_HEAD, STORED_Q4};
  return types[type];
}
