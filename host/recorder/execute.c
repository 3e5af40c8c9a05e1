/* Runs work-items as fibers and answers their queries (get_global_id and so on). */
#define _DEFAULT_SOURCE
#include "recorder/execute.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "recorder/exported.h"
#include "recorder/record.h"

/* CPU kernels keep about 10 KiB of float16 blocks on the stack. A guard page catches overflow. */
#define STACK_BYTES ((size_t)256 << 10)
#define GUARD_BYTES ((size_t)64 << 10) /* at least one page on any system */

typedef enum state { READY, WAITING, FINISHED, GIVEN_UP } state;

typedef struct fiber {
  ucontext_t context;
  char *memory; /* the guard page, then the stack */
  state state;
  unsigned fences; /* fences of the barrier at which it waits */
} fiber;

static struct {
  const execution *execution;
  ucontext_t scheduler;
  fiber *fiber;
  size_t count, current;
  size_t group[3];
} run;

/* ---- work-items' queries ----------------------------------------------------------------------------------------- */

static size_t local_id(unsigned d) {
  const size_t *local = run.execution->local;
  size_t rest = run.current;
  for (unsigned i = 0; i < d; ++i) rest /= local[i];
  return rest % local[d];
}

size_t clattn_access_item(unsigned question, unsigned d) {
  const execution *e = run.execution;
  switch (d < 3 ? question : (unsigned)ASK_NOTHING) {
  case ASK_LOCAL_ID:
    return local_id(d);
  case ASK_GROUP_ID:
    return run.group[d];
  case ASK_GLOBAL_ID:
    return run.group[d] * e->local[d] + local_id(d);
  case ASK_LOCAL_SIZE:
    return e->local[d];
  case ASK_GROUPS:
    return e->groups[d];
  case ASK_GLOBAL_SIZE:
    return e->groups[d] * e->local[d];
  case ASK_DIMENSIONS:
    return e->dimensions;
  default:
    return question >= ASK_LOCAL_SIZE ? 1 : 0; /* for a dimension that does not exist */
  }
}

void clattn_access_barrier(unsigned fences) {
  fiber *mine = &run.fiber[run.current];
  mine->state = WAITING;
  mine->fences = fences;
  swapcontext(&mine->context, &run.scheduler);
}

void execute_give_up(void) {
  run.fiber[run.current].state = GIVEN_UP;
  setcontext(&run.scheduler);
}

/* ---- fibers ------------------------------------------------------------------------------------------------------ */

static void work_item(void) {
  run.execution->call(run.execution->arguments);
  run.fiber[run.current].state = FINISHED;
}

static bool begin(fiber *f) {
  if (f->memory == NULL) {
    void *memory = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return false;
    f->memory = memory;
    if (mprotect(memory, GUARD_BYTES, PROT_NONE) != 0) return false;
  }
  f->state = READY;
  getcontext(&f->context);
  f->context.uc_stack.ss_sp = f->memory + GUARD_BYTES;
  f->context.uc_stack.ss_size = STACK_BYTES;
  f->context.uc_link = &run.scheduler;
  makecontext(&f->context, work_item, 0);
  return true;
}

/* Runs each work-item up to its next barrier or its end. Returns how many wait at a barrier. */
static size_t run_phase(unsigned *fences) {
  size_t waiting = 0, finished = 0;
  for (size_t i = 0; i < run.count; ++i) {
    fiber *f = &run.fiber[i];
    run.current = i;
    if (f->state == READY || f->state == WAITING) {
      record_item(i, f->memory + GUARD_BYTES, STACK_BYTES);
      swapcontext(&run.scheduler, &f->context);
    }
    finished += f->state == FINISHED;
    if (f->state != WAITING) continue;
    ++waiting;
    *fences |= f->fences;
  }
  if (waiting > 0 && finished > 0) record_divergence(waiting, finished);
  return waiting;
}

static bool run_group(void) {
  for (size_t i = 0; i < run.count; ++i)
    if (!begin(&run.fiber[i])) return false;
  record_group(run.group);
  for (;;) {
    unsigned fences = 0;
    if (run_phase(&fences) == 0) break;
    record_barrier(fences);
  }
  record_group_end();
  return true;
}

bool execute(const execution *e) {
  bool good = true;
  run.execution = e;
  run.count = e->local[0] * e->local[1] * e->local[2];
  run.fiber = calloc(run.count, sizeof *run.fiber);
  if (run.fiber == NULL) return false;
  size_t first[3];
  for (int d = 0; d < 3; ++d) first[d] = e->last_alone ? e->groups[d] - 1 : 0;
  for (run.group[2] = first[2]; run.group[2] < e->groups[2]; ++run.group[2])
    for (run.group[1] = first[1]; run.group[1] < e->groups[1]; ++run.group[1])
      for (run.group[0] = first[0]; run.group[0] < e->groups[0] && good; ++run.group[0]) good = run_group();
  for (size_t i = 0; i < run.count; ++i)
    if (run.fiber[i].memory != NULL) munmap(run.fiber[i].memory, GUARD_BYTES + STACK_BYTES);
  free(run.fiber);
  return good;
}
