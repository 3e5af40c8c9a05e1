/* A plan's memory: checks that it fits, sizes the blocks of scores, and allocates the buffers. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/fused.h"
#include "problem/fused_order.h"
#include "problem/kernel_arguments.h"
#include "device/ledger.h"
#include "plan/plan.h"
#include "problem/shape.h"
#include "base/sizes.h"
#include "base/unwritten.h"
#include "base/status.h"
#include "problem/tensors.h"
#include "problem/facts.h"

/* Largest block of scores, even if more memory is free. On a CPU the block should stay in the cache
 * between scores, softmax and context; on a GPU it only needs to fill the device. */
#define BLOCK_BYTES_CPU (8ull << 20)
#define BLOCK_BYTES_GPU (256ull << 20)
#define NAN_PIECE_BYTES ((size_t)1 << 20)
#define MOST_PAIRS 65535u                   /* some drivers launch no more work-groups along a third dimension */
#define MOST_ROWS ((size_t)INT_MAX - 1024u) /* kernels count rows in int */
#define BLOCK_ROWS_MULTIPLE 64              /* a block within a head begins at a tile boundary */

/* What the plan allocates for a tensor. */
typedef struct tensor_memory {
  uint64_t floats; /* bytes that the kernels work on */
  uint64_t stored; /* additional bytes in the problem's type */
} tensor_memory;

static tensor_memory input_memory(const clattn_plan *plan, clattn_tensor tensor) {
  const clattn_problem *p = &plan->problem;
  if (plan->weights_kept && clattn_is_weight(tensor)) return (tensor_memory){0};
  const uint64_t bytes = clattn_input_bytes(p, tensor);
  const uint64_t stored = plan->io == CLATTN_IO_HOST || clattn_is_reordered(p, tensor) ? bytes : 0;
  const bool typed = clattn_tensor_facts_of(tensor)->given == CLATTN_ELEMENT_STORED;
  if (!typed || !clattn_is_separate(p, tensor)) return (tensor_memory){.floats = stored};
  if (clattn_plan_is_fused(plan) && clattn_fused_reads_stored(p, tensor)) return (tensor_memory){.stored = stored};
  const uint64_t rotated = (uint64_t)clattn_tensor_elements(p, tensor) * sizeof(float);
  const uint64_t widened = bytes / clattn_type_bytes(p->type) * sizeof(float);
  return (tensor_memory){.floats = clattn_is_rotated(p, tensor) ? rotated : widened, .stored = stored};
}

static tensor_memory projected_memory(const clattn_plan *plan, clattn_tensor tensor) {
  const uint64_t elements = clattn_tensor_elements(&plan->problem, tensor);
  const bool read = clattn_plan_reads_projections_stored(plan);
  return (tensor_memory){.floats = clattn_plan_stores_projections(plan) ? 0 : elements * sizeof(float),
                         .stored = read ? elements * clattn_type_bytes(plan->problem.type) : 0};
}

static tensor_memory memory_of(const clattn_plan *plan, clattn_tensor tensor) {
  const clattn_problem *p = &plan->problem;
  const uint64_t floats = (uint64_t)clattn_tensor_elements(p, tensor) * sizeof(float);
  const bool ours = plan->io == CLATTN_IO_HOST, typed = p->type != CLATTN_F32, projected = p->output_dim != 0;
  const bool converted = typed && !clattn_plan_stores_output(plan);
  if (clattn_is_input(p, tensor)) return input_memory(plan, tensor);
  switch (tensor) {
  case CLATTN_Q:
  case CLATTN_K:
  case CLATTN_V:
    return projected_memory(plan, tensor);
  case CLATTN_ROW_MAX:
  case CLATTN_ROW_SUM:
    return (tensor_memory){.floats = ours && plan->trace ? floats : 0};
  case CLATTN_LSE:
    return (tensor_memory){.floats = ours ? floats : 0};
  case CLATTN_CACHED_K:
  case CLATTN_CACHED_V:
    return (tensor_memory){.floats = clattn_plan_gathers(plan) ? (uint64_t)p->batch * p->cache.capacity *
                                                                     clattn_tensor_columns(p, tensor) * sizeof(float)
                                                               : 0};
  case CLATTN_CONTEXT:
    return (tensor_memory){.floats = ours || projected || converted ? floats : 0};
  case CLATTN_OUTPUT:
    return (tensor_memory){.floats = projected && (converted || (ours && !typed)) ? floats : 0,
                           .stored = ours && typed ? clattn_output_bytes(p, tensor) : 0};
  default:
    return (tensor_memory){0};
  }
}

static uint64_t sequences_bytes(const clattn_problem *problem) {
  return !clattn_has_sequences(problem) ? 0 : (uint64_t)problem->batch * SEQUENCE_INTS * sizeof(cl_int);
}

static uint64_t memory_budget(const clattn_plan *plan, const clattn_plan_options *options) {
  const uint64_t left = clattn_ledger_left(plan->device);
  return options->memory_bytes != 0 && options->memory_bytes < left ? options->memory_bytes : left;
}

static clattn_status check_allocation(const clattn_plan *plan, clattn_tensor tensor, uint64_t bytes,
                                      clattn_error *error) {
  const uint64_t most = plan->device->info.max_allocation_bytes;
  if (bytes <= most) return CLATTN_OK;
  return clattn_fail(error, CLATTN_OUT_OF_DEVICE_MEMORY, "%s takes %llu bytes; '%s' allows %llu in one buffer",
                     clattn_tensor_name(tensor), (unsigned long long)bytes, plan->device->info.name,
                     (unsigned long long)most);
}

/* A buffer's size with the NaN behind its last element. */
static uint64_t guarded(const clattn_plan *plan, uint64_t bytes) {
  return bytes == 0 ? 0 : bytes + plan->guard_bytes;
}

/* Bytes of everything except the block of scores, which counts with its guard alone. */
static clattn_status fixed_bytes(const clattn_plan *plan, uint64_t *bytes, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  *bytes = clattn_tables_bytes(&plan->problem) + plan->guard_bytes;
  if (plan->io == CLATTN_IO_HOST) *bytes += guarded(plan, sequences_bytes(&plan->problem));
  *bytes += guarded(plan, plan->info.workspace_bytes);
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const tensor_memory memory = memory_of(plan, tensor);
    if (clattn_tensor_has_rows(tensor)) continue;
    const bool input = clattn_is_input(&plan->problem, tensor); /* with CLATTN_IO_DEVICE the caller's buffer */
    const size_t whole = (input ? clattn_input_bytes : clattn_output_bytes)(&plan->problem, tensor);
    const bool inside = clattn_is_given_or_made(tensor) && clattn_plan_stores_projections(plan); /* never floats */
    status = check_allocation(plan, tensor, inside ? memory.stored : whole, error);
    if (status == CLATTN_OK) status = check_allocation(plan, tensor, memory.floats, error);
    *bytes += guarded(plan, memory.floats) + guarded(plan, memory.stored);
  }
  return status;
}

/* Sizes the memory through which a kernel passes partial results to its post-process. At most one
 * stage of a plan has one. */
static clattn_status size_workspace(clattn_plan *plan, clattn_error *error) {
  const uint64_t most = plan->device->info.max_allocation_bytes;
  const size_t units = clattn_larger(plan->device->info.compute_units, 1);
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const clattn_choice *choice = &plan->choice[s];
    const clattn_post_process *post_process = choice->row != NULL ? clattn_post_process_of(choice->row) : NULL;
    if (post_process == NULL) continue;
    plan->info.workspace_bytes =
        (uint64_t)post_process->workspace(choice->value, &plan->problem, units) * sizeof(float);
    if (plan->info.workspace_bytes > most)
      return clattn_fail(error, CLATTN_OUT_OF_DEVICE_MEMORY,
                         "the workspace of kernel %s=%s takes %llu bytes; '%s' allows %llu in one buffer",
                         clattn_stage_name((clattn_stage)s), choice->row->name,
                         (unsigned long long)plan->info.workspace_bytes, plan->device->info.name,
                         (unsigned long long)most);
  }
  return CLATTN_OK;
}

static uint64_t smallest(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t preferred_block(const clattn_plan *plan, const clattn_plan_options *options) {
  if (options->block_bytes != 0) return options->block_bytes;
  return plan->device->info.type == CLATTN_DEVICE_CPU ? BLOCK_BYTES_CPU : BLOCK_BYTES_GPU;
}

/* Makes the buffer of scores as large as the memory and the preferred size allow. */
static clattn_status size_blocks(clattn_plan *plan, const clattn_plan_options *options, uint64_t budget, uint64_t fixed,
                                 clattn_error *error) {
  const clattn_problem *problem = &plan->problem;
  const uint64_t row_bytes = (uint64_t)clattn_most_keys(problem) * sizeof(float);
  const uint64_t most = smallest(budget - fixed, plan->device->info.max_allocation_bytes);
  if (most < row_bytes)
    return clattn_fail(error, CLATTN_OUT_OF_DEVICE_MEMORY,
                       "one row of scores takes %llu bytes; '%s' allows %llu in one buffer",
                       (unsigned long long)row_bytes, plan->device->info.name, (unsigned long long)most);

  uint64_t rows = smallest(most, preferred_block(plan, options)) / row_bytes;
  if (rows == 0) rows = 1; /* one row fits the memory, but not the preferred size */
  const size_t pairs = problem->batch * problem->heads;
  if (rows >= problem->query_len) {
    plan->largest.pairs = (size_t)smallest(smallest(rows / problem->query_len, pairs), MOST_PAIRS);
    if (plan->largest.pairs > MOST_ROWS / problem->query_len) plan->largest.pairs = MOST_ROWS / problem->query_len;
    plan->largest.rows = problem->query_len;
  } else {
    plan->largest.pairs = 1;
    plan->largest.rows =
        (size_t)(rows >= BLOCK_ROWS_MULTIPLE ? rows / BLOCK_ROWS_MULTIPLE * BLOCK_ROWS_MULTIPLE : rows);
  }
  plan->info.block_heads = plan->largest.pairs;
  plan->info.block_rows = plan->largest.rows;
  plan->info.block_bytes = (uint64_t)plan->largest.pairs * plan->largest.rows * row_bytes;
  clattn_block block = {0};
  while (clattn_next_block(plan, &block)) ++plan->info.blocks;
  return CLATTN_OK;
}

/* The least memory of a plan: everything else and one row of scores. */
static clattn_status least_bytes(clattn_plan *plan, uint64_t *fixed, uint64_t *least, clattn_error *error) {
  clattn_status status = size_workspace(plan, error);
  if (status == CLATTN_OK) status = fixed_bytes(plan, fixed, error);
  const bool fused = clattn_plan_is_fused(plan);
  *least = *fixed + (fused ? 0 : (uint64_t)clattn_most_keys(&plan->problem) * sizeof(float));
  return status;
}

/* Whether the problem would stay valid, and of the same kind, with fewer tokens. */
static bool may_be_shorter(const clattn_problem *p) {
  return p->lengths == CLATTN_LENGTHS_FULL && p->cache.capacity == 0 && p->mask == CLATTN_MASK_NONE &&
         p->order != CLATTN_ORDER_STRIDES;
}

/* The most keys that would fit (also for queries, if there are as many); 0: none, or the problem
 * cannot be shortened. */
static size_t what_would_fit(const clattn_plan *plan, uint64_t budget) {
  clattn_plan shorter = *plan;
  size_t fits = 0, too_many = plan->problem.key_len;
  if (!may_be_shorter(&plan->problem)) return 0;
  while (too_many - fits > 1) {
    const size_t tokens = fits + (too_many - fits) / 2;
    uint64_t fixed = 0, least = 0;
    shorter.problem.key_len = tokens;
    if (plan->problem.query_len == plan->problem.key_len) shorter.problem.query_len = tokens;
    if (least_bytes(&shorter, &fixed, &least, NULL) == CLATTN_OK && least <= budget)
      fits = tokens;
    else
      too_many = tokens;
  }
  return fits;
}

/* Adds to the message how many tokens would fit. */
static clattn_status refuse(const clattn_plan *plan, uint64_t budget, clattn_error *error) {
  const size_t fits = what_would_fit(plan, budget);
  if (error == NULL) return CLATTN_OUT_OF_DEVICE_MEMORY;
  const size_t used = strlen(error->message);
  if (fits > 0)
    snprintf(error->message + used, sizeof error->message - used, "; %zu tokens instead of %zu would fit", fits,
             plan->problem.key_len);
  return CLATTN_OUT_OF_DEVICE_MEMORY;
}

clattn_status clattn_plan_memory(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error) {
  const bool fused = clattn_plan_is_fused(plan);
  const uint64_t budget = memory_budget(plan, options);
  uint64_t fixed = 0, least = 0;
  clattn_status status = least_bytes(plan, &fixed, &least, error);
  if (status == CLATTN_OK && least > budget) {
    const uint64_t all = plan->device->info.global_memory_bytes, left = clattn_ledger_left(plan->device);
    status = clattn_fail(error, CLATTN_OUT_OF_DEVICE_MEMORY,
                         "the problem takes at least %llu bytes of device memory; %llu are allowed on '%s'",
                         (unsigned long long)least, (unsigned long long)budget, plan->device->info.name);
    const size_t used = error != NULL ? strlen(error->message) : 0;
    if (error != NULL && left < all)
      snprintf(error->message + used, sizeof error->message - used, ", where plans, caches and kept weights hold %llu",
               (unsigned long long)(all - left));
  }
  if (status == CLATTN_OUT_OF_DEVICE_MEMORY) return refuse(plan, budget, error);
  if (status != CLATTN_OK) return status;
  if (fused) /* no scores in memory: one block of everything */
    plan->largest = (clattn_block){.pairs = plan->problem.batch * plan->problem.heads, .rows = plan->problem.query_len};
  else
    status = size_blocks(plan, options, budget, fixed, error);
  plan->info.total_bytes = fixed + plan->info.block_bytes;
  return status;
}

bool clattn_next_block(const clattn_plan *plan, clattn_block *block) {
  const size_t pairs = plan->problem.batch * plan->problem.heads, rows = plan->problem.query_len;
  if (block->pairs != 0) {
    block->first_row += block->rows;
    if (block->first_row == rows) {
      block->first_row = 0;
      block->first_pair += block->pairs;
    }
  }
  if (block->first_pair == pairs) return false;
  const size_t pairs_left = pairs - block->first_pair, rows_left = rows - block->first_row;
  block->pairs = plan->largest.pairs < pairs_left ? plan->largest.pairs : pairs_left;
  block->rows = plan->largest.rows < rows_left ? plan->largest.rows : rows_left;
  return true;
}

/* Fills new memory with NaN. It often holds the right results of an earlier run, so a kernel that
 * fails to write some elements could pass every check. (Written, because oclgrind treats memory
 * from clEnqueueFillBuffer as uninitialised.) */
static clattn_status fill_with_nan(const clattn_plan *plan, cl_mem buffer, size_t bytes, clattn_error *error) {
  const size_t piece_bytes = bytes < NAN_PIECE_BYTES ? bytes : NAN_PIECE_BYTES;
  unsigned char *piece = malloc(piece_bytes);
  if (piece == NULL) return clattn_fail_malloc(error, piece_bytes, "filling a buffer");
  const uint32_t unwritten = CLATTN_UNWRITTEN_BITS;
  for (size_t i = 0; i < piece_bytes; ++i) piece[i] = ((const unsigned char *)&unwritten)[i % sizeof unwritten];
  cl_int code = CL_SUCCESS;
  for (size_t done = 0; done < bytes && code == CL_SUCCESS; done += piece_bytes) {
    const size_t left = bytes - done;
    code = clEnqueueWriteBuffer(plan->device->queue, buffer, CL_TRUE, done, left < piece_bytes ? left : piece_bytes,
                                piece, 0, NULL, NULL);
  }
  free(piece);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "filling a buffer of %zu bytes", bytes);
}

static clattn_status allocate(clattn_plan *plan, const char *name, uint64_t bytes, cl_mem *buffer,
                              clattn_error *error) {
  if (bytes == 0) return CLATTN_OK;
  cl_int code = CL_SUCCESS;
  bytes = guarded(plan, bytes);
  *buffer = clCreateBuffer(plan->device->context, CL_MEM_READ_WRITE, (size_t)bytes, NULL, &code);
  if (code == CL_SUCCESS) return fill_with_nan(plan, *buffer, (size_t)bytes, error);
  return clattn_fail_cl(error, code, "allocating %llu bytes for %s on '%s'", (unsigned long long)bytes, name,
                        plan->device->info.name);
}

static clattn_status allocate_sequences(clattn_plan *plan, clattn_error *error) {
  const uint64_t bytes = sequences_bytes(&plan->problem);
  if (bytes == 0 || plan->io != CLATTN_IO_HOST) return CLATTN_OK;
  plan->sequences_host = malloc((size_t)bytes);
  if (plan->sequences_host == NULL) return clattn_fail_malloc(error, (size_t)bytes, "the lengths of a batch");
  return allocate(plan, "the lengths", bytes, &plan->sequences, error);
}

static clattn_status allocate_reordered(clattn_plan *plan, clattn_tensor tensor, clattn_error *error) {
  const size_t bytes = clattn_input_bytes(&plan->problem, tensor);
  if (plan->io != CLATTN_IO_HOST || plan->weights_kept || bytes == 0 || !clattn_is_reordered(&plan->problem, tensor))
    return CLATTN_OK;
  plan->reordered[tensor] = malloc(bytes);
  return plan->reordered[tensor] != NULL ? CLATTN_OK : clattn_fail_malloc(error, bytes, clattn_tensor_name(tensor));
}

clattn_status clattn_plan_allocate(clattn_plan *plan, clattn_error *error) {
  clattn_status status = clattn_ledger_take(plan->device, plan->info.total_bytes, "a plan", error);
  if (status != CLATTN_OK) return status;
  plan->held_bytes = plan->info.total_bytes;
  status = allocate_sequences(plan, error);
  if (status == CLATTN_OK) status = clattn_tables_create(plan, error);
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t) {
    const tensor_memory memory = memory_of(plan, (clattn_tensor)t);
    const char *name = clattn_tensor_name((clattn_tensor)t);
    status = allocate(plan, name, memory.floats, &plan->buffer[t], error);
    if (status == CLATTN_OK) status = allocate(plan, name, memory.stored, &plan->stored[t], error);
    if (status == CLATTN_OK) status = allocate_reordered(plan, (clattn_tensor)t, error);
  }
  if (status == CLATTN_OK)
    status = allocate(plan, "the fused kernel's workspace", plan->info.workspace_bytes, &plan->workspace, error);
  if (status == CLATTN_OK)
    status = allocate(plan, "scores", plan->info.block_bytes, &plan->buffer[CLATTN_SCORES], error);
  if (status != CLATTN_OK || plan->buffer[CLATTN_SCORES] == NULL) return status;
  const cl_int code = clRetainMemObject(plan->buffer[CLATTN_SCORES]);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clRetainMemObject");
  plan->buffer[CLATTN_WEIGHTS] = plan->buffer[CLATTN_SCORES]; /* softmax works in place */
  return CLATTN_OK;
}
