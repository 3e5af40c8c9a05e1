/* rotary: turns q and this run's keys by their positions. */
#include "problem/rotary.h"
#include "problem/tensors.h"
#include "stages/stage.h"

static clattn_status rotate(const clattn_work *work, clattn_tensor tensor, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  const bool given = p->source == CLATTN_SOURCE_QKV, of_keys = clattn_tensor_facts_of(tensor)->of_keys;
  const size_t heads = of_keys ? clattn_kv_heads(p) : p->heads, rows = of_keys ? p->key_len : p->query_len;
  const size_t rotary_dim = clattn_rotary_dim(p);
  const clattn_table *table = clattn_table_of(work->plan, tensor);
  const rotation r = {
      .from = clattn_kernel_strides(given ? clattn_given_strides(p, tensor) : clattn_new_strides(p, tensor)),
      .to = clattn_kernel_strides(clattn_new_strides(p, tensor)),
      .heads = (cl_int)heads,
      .dim = (cl_int)p->head_dim,
      .rotary_dim = (cl_int)rotary_dim,
      .interleaved = p->rotary == CLATTN_ROTARY_INTERLEAVED,
      .of_keys = of_keys,
      .from_type = given ? clattn_kernel_type(p->type) : STORED_F32,
      .packed = p->lengths == CLATTN_LENGTHS_PACKED,
      .rows = (cl_int)rows,
      .table_by_token = table->by_token};
  const cl_mem from = given ? work->stored[tensor] : work->tensor[tensor];
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(from), CLATTN_ARGUMENT(work->tensor[tensor]),
                                       CLATTN_ARGUMENT(table->buffer), CLATTN_ARGUMENT(r),
                                       CLATTN_ARGUMENT(work->sequences)};
  const size_t size[3] = {heads * (p->head_dim - rotary_dim / 2), rows, p->batch};
  return clattn_launch_choice(work, CLATTN_STAGE_ROTARY, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}

clattn_status clattn_stage_rotary(const clattn_work *work, clattn_error *error) {
  const clattn_status status = rotate(work, CLATTN_Q, error);
  return status == CLATTN_OK ? rotate(work, CLATTN_K, error) : status;
}
