/* What the stages share: launching, strides, and the heads of a block. */
#include "stage.h"

#include "shape.h"

cl_ulong4 clattn_kernel_strides(const clattn_problem *problem, clattn_tensor tensor) {
  const clattn_strides strides = clattn_tensor_strides(problem, tensor);
  const cl_ulong4 result = {{strides.batch, strides.head, strides.row, 1}};
  return result;
}

clattn_status clattn_launch_choice(const clattn_work *work, clattn_stage stage, const clattn_argument *arguments,
                                   size_t count, const size_t size[3], clattn_error *error) {
  const clattn_choice *choice = &work->plan->choice[stage];
  const clattn_status status = clattn_set_arguments(choice->kernel, arguments, count, error);
  if (status != CLATTN_OK) return status;
  return clattn_chain_launch(work->chain, choice->kernel, &choice->geometry, size, error);
}

bool clattn_next_heads(const clattn_work *work, clattn_heads *heads) {
  const clattn_block *block = &work->block;
  const size_t all = work->plan->problem.heads;
  heads->in_block += heads->count;
  if (heads->in_block == block->pairs) return false;
  const size_t pair = block->first_pair + heads->in_block, left = block->pairs - heads->in_block;
  heads->batch = pair / all;
  heads->head = pair % all;
  heads->count = left < all - heads->head ? left : all - heads->head;
  return true;
}
