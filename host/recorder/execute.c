/* Runs work-items as fibers and answers their queries (get_global_id and so on). */
#define _DEFAULT_SOURCE
#include "recorder/execute.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/sizes.h"
#include "recorder/exported.h"
#include "recorder/record.h"

/* CPU kernels keep about 10 KiB of float16 blocks on the stack. A guard page catches overflow. */
#define STACK_BYTES ((size_t)256 << 10)
#define NOTHING_BROUGHT UINT32_MAX     /* of a lane that is not there; as a float it is NaN */
#define GUARD_BYTES ((size_t)64 << 10) /* at least one page on any system */

/* WAITING: at a barrier; MEETING: at a function of its sub-group. */
typedef enum state { READY, WAITING, MEETING, FINISHED, GIVEN_UP } state;

typedef struct fiber {
  ucontext_t context;
  char *memory; /* the guard page, then the stack */
  state state;
  unsigned fences; /* of the barrier at which it waits */
  bool exchanges;  /* at a function of its sub-group: whether it brings a value, else it is at a barrier */
  uint32_t bits;   /* the value */
  uintptr_t from;  /* where the function is called */
} fiber;

static struct {
  const execution *execution;
  ucontext_t scheduler;
  fiber *fiber;
  size_t count, current;
  size_t group[3];
  uint32_t *lane; /* what the work-items of the running sub-group brought to its last exchange */
} run;

/* ---- work-items' queries ----------------------------------------------------------------------------------------- */

static size_t local_id(unsigned d) {
  const size_t *local = run.execution->local;
  size_t rest = run.current;
  for (unsigned i = 0; i < d; ++i) rest /= local[i];
  return rest % local[d];
}

/* The current work-item's sub-group. */
static size_t sub_group_begin(void) {
  return run.current - run.current % run.execution->sub_group;
}

static size_t sub_group_end(void) {
  return clattn_smaller(sub_group_begin() + run.execution->sub_group, run.count);
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
  case ASK_SUB_GROUP_LOCAL_ID:
    return run.current % e->sub_group;
  case ASK_SUB_GROUP_ID:
    return run.current / e->sub_group;
  case ASK_LOCAL_SIZE:
    return e->local[d];
  case ASK_GROUPS:
    return e->groups[d];
  case ASK_GLOBAL_SIZE:
    return e->groups[d] * e->local[d];
  case ASK_DIMENSIONS:
    return e->dimensions;
  case ASK_SUB_GROUP_SIZE:
    return sub_group_end() - sub_group_begin();
  case ASK_SUB_GROUP_MOST:
    return clattn_smaller(e->sub_group, run.count);
  case ASK_SUB_GROUPS:
    return clattn_groups_of(run.count, e->sub_group);
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

static void wait_for_sub_group(bool exchanges, unsigned fences, uint32_t bits, uintptr_t from) {
  fiber *mine = &run.fiber[run.current];
  mine->state = MEETING;
  mine->exchanges = exchanges;
  mine->fences = fences;
  mine->bits = bits;
  mine->from = from;
  swapcontext(&mine->context, &run.scheduler);
}

void clattn_access_exchange(uint32_t bits, uintptr_t from) {
  wait_for_sub_group(true, 0, bits, from);
}

void clattn_access_sub_group_barrier(unsigned fences, uintptr_t from) {
  wait_for_sub_group(false, fences, 0, from);
}

uint32_t clattn_access_lane(unsigned lane) {
  return lane < run.execution->sub_group ? run.lane[lane] : NOTHING_BROUGHT;
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

/* Lets those work-items of a sub-group go on that called the same function as its first waiting one,
 * `first`. The others should have called it, too. */
static void meet(size_t begin, size_t end, size_t first) {
  const fiber leader = run.fiber[first];
  size_t present = 0, absent = 0;
  for (size_t i = begin; i < end; ++i) {
    fiber *f = &run.fiber[i];
    const bool joins = f->state == MEETING && f->from == leader.from;
    if (leader.exchanges) run.lane[i - begin] = joins ? f->bits : NOTHING_BROUGHT;
    if (joins) f->state = READY;
    present += joins;
    absent += !joins && f->state != GIVEN_UP;
  }
  if (absent > 0) record_sub_group_divergence(leader.from, present, absent);
  if (!leader.exchanges) record_sub_group_barrier(begin / run.execution->sub_group, leader.fences);
}

/* Runs the work-items of a sub-group up to their next barrier or their end. */
static void run_sub_group(size_t begin, size_t end) {
  for (;;) {
    size_t first = end;
    for (size_t i = begin; i < end; ++i) {
      fiber *f = &run.fiber[i];
      run.current = i;
      if (f->state == READY) {
        record_item(i, f->memory + GUARD_BYTES, STACK_BYTES);
        swapcontext(&run.scheduler, &f->context);
      }
      if (f->state == MEETING && first == end) first = i;
    }
    if (first == end) return;
    meet(begin, end, first);
  }
}

/* Runs each work-item up to its next barrier or its end. Returns how many wait at a barrier. */
static size_t run_phase(unsigned *fences) {
  const size_t width = run.execution->sub_group;
  size_t waiting = 0, finished = 0;
  for (size_t i = 0; i < run.count; ++i)
    if (run.fiber[i].state == WAITING) run.fiber[i].state = READY;
  for (size_t i = 0; i < run.count; i += width) run_sub_group(i, clattn_smaller(i + width, run.count));
  for (size_t i = 0; i < run.count; ++i) {
    const fiber *f = &run.fiber[i];
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
  run.lane = calloc(e->sub_group, sizeof *run.lane);
  good = run.fiber != NULL && run.lane != NULL;
  size_t first[3];
  for (int d = 0; d < 3; ++d) first[d] = e->last_alone ? e->groups[d] - 1 : 0;
  for (run.group[2] = first[2]; run.group[2] < e->groups[2]; ++run.group[2])
    for (run.group[1] = first[1]; run.group[1] < e->groups[1]; ++run.group[1])
      for (run.group[0] = first[0]; run.group[0] < e->groups[0] && good; ++run.group[0]) good = run_group();
  for (size_t i = 0; run.fiber != NULL && i < run.count; ++i)
    if (run.fiber[i].memory != NULL) munmap(run.fiber[i].memory, GUARD_BYTES + STACK_BYTES);
  free(run.fiber);
  free(run.lane);
  return good;
}
