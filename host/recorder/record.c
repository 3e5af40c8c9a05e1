/* The recorder: classifies addresses, stores what a work-group touches, and detects what kernels
 * must not do.
 *
 * It ignores addresses on the current work-item's stack, which are private, and the program's
 * constants, which are not memory on a device. All other addresses must be in a buffer passed to
 * the kernel or in its local memory; any other access ends the work-item before it happens. (An
 * overrun from one local array into the next is not detected, because they are adjacent.)
 *
 * For each byte the recorder knows the last load and the last store, with work-item and phase. Two
 * accesses to a byte race if at least one is a store, and they come from two work-items of a group
 * in the same phase, or from two work-groups, which nothing orders during the launch. Stores of the
 * same value do not count as a race. In a phase, a barrier of a sub-group orders what its own work-items
 * did before and do after it. Reductions and broadcasts order nothing: OpenCL does not say that they do.
 *
 * A barrier that fences only local memory does not start a new phase for global memory. */
#include "recorder/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sizes.h"
#include "recorder/count.h"
#include "recorder/execute.h"
#include "recorder/exported.h"
#include "recorder/source_line.h"

enum { FENCE_LOCAL = 1, FENCE_GLOBAL = 2 }; /* CLK_LOCAL_MEM_FENCE and CLK_GLOBAL_MEM_FENCE, as in clang's header */
enum { LARGEST_STORE = 64 };
#define SEVERAL UINT32_MAX
#define SEVERAL_OF(sub_group) (SEVERAL - 1 - (uint32_t)(sub_group))

/* Last accesses of one byte. A stamp is a phase's number, counted from 1 over all work-groups; 0:
 * no access. `passed`: how many barriers of its sub-group the work-item had passed. The item of a load
 * may be SEVERAL or, if all are in one sub-group, SEVERAL_OF it. */
typedef struct history {
  uint32_t store_stamp, store_item, store_passed, store_at;
  uint32_t load_stamp, load_item, load_passed, load_at;
} history;

/* A store to a byte that another work-item stored to in the same phase. It is a race only if it
 * changes the value, which is known after the store. */
typedef struct doubtful_store {
  bool pending;
  uint8_t before[LARGEST_STORE];
  touch touch;
  history earlier;
} doubtful_store;

typedef enum finding_kind { RACE, OUTSIDE, DIVERGENCE } finding_kind;

static struct {
  launch *launch;
  const recorded_program *program;
  history **history; /* by place and byte */
  touch *touch;
  size_t count, room;
  bool complete;
  size_t group[3];
  uint32_t item, phase;
  uint32_t stamp[2],
      group_stamp[2];  /* for global and local memory: stamp of this phase, and of the work-group's first phase */
  uint32_t *passed[2]; /* for global and local memory: barriers that each sub-group has passed */
  const char *stack, *stack_end;
  doubtful_store doubtful;
  struct {
    finding_kind kind;
    uint32_t at;
  } known[FINDINGS_MOST]; /* the findings so far */
  size_t known_count;
} recorder;

/* ---- findings ---------------------------------------------------------------------------------------------------- */

static const char *item_text(uint32_t item, char text[64]) {
  const size_t *local = recorder.launch->local;
  if (item >= local[0] * local[1] * local[2])
    snprintf(text, 64, "several others");
  else
    snprintf(text, 64, "(%zu, %zu, %zu)", item % local[0], item / local[0] % local[1], item / local[0] / local[1]);
  return text;
}

static void add_finding(const char *text) {
  launch *l = recorder.launch;
  for (size_t i = 0; i < l->findings; ++i)
    if (strcmp(l->finding[i], text) == 0) return;
  if (l->findings < FINDINGS_MOST) snprintf(l->finding[l->findings++], FINDING_TEXT, "%s", text);
}

/* Reports only one finding of each kind per instruction, because all work-items make the same
 * mistake. */
static bool is_known(finding_kind kind, uint32_t at) {
  for (size_t i = 0; i < recorder.known_count; ++i)
    if (recorder.known[i].kind == kind && recorder.known[i].at == at) return true;
  if (recorder.known_count == FINDINGS_MOST) return true;
  recorder.known[recorder.known_count].kind = kind;
  recorder.known[recorder.known_count++].at = at;
  return false;
}

static void find_race(const touch *t, bool stored, const history *h, bool by_store, bool other_group) {
  const place *p = &recorder.launch->place[t->place];
  char line[SOURCE_LINE_TEXT], other_line[SOURCE_LINE_TEXT], text[FINDING_TEXT], mine[64], other[64];
  if (is_known(RACE, t->at)) return;
  source_line(recorder.program->path, t->at, recorder.launch->file, line);
  source_line(recorder.program->path, by_store ? h->store_at : h->load_at, recorder.launch->file, other_line);
  snprintf(text, sizeof text, "%s: work-item %s %s %s%s + %" PRIu64 ", which %s%s %s at %s%s", line,
           item_text(t->item, mine), stored ? "stores to" : "loads", p->local ? "local " : "", p->name, t->offset,
           item_text(by_store ? h->store_item : h->load_item, other), other_group ? " of another work-group" : "",
           by_store ? "stored" : "loaded", other_line, other_group ? "" : "; there is no barrier between them");
  add_finding(text);
}

/* The place whose beginning or end is nearest to the address. */
static const place *nearest(uintptr_t address, uint64_t *distance, bool *after) {
  const launch *l = recorder.launch;
  const place *best = NULL;
  *distance = UINT64_MAX;
  for (size_t i = 0; i < l->places; ++i) {
    const uintptr_t begin = (uintptr_t)l->place[i].data, end = begin + l->place[i].bytes;
    const bool is_after = address >= begin;
    const uint64_t d = !is_after ? begin - address : address >= end ? address - end : 0;
    if (best != NULL && d >= *distance) continue;
    best = &l->place[i];
    *distance = d;
    *after = is_after;
  }
  return best;
}

static void find_outside(uintptr_t address, size_t bytes, bool store, uint32_t at) {
  char line[SOURCE_LINE_TEXT], text[FINDING_TEXT], mine[64];
  uint64_t distance = 0;
  bool after = false;
  if (is_known(OUTSIDE, at)) return;
  source_line(recorder.program->path, at, recorder.launch->file, line);
  const place *p = nearest(address, &distance, &after);
  int used = snprintf(text, sizeof text,
                      "%s: work-item %s of work-group (%zu, %zu, %zu) %s %zu bytes outside of all "
                      "buffers",
                      line, item_text(recorder.item, mine), recorder.group[0], recorder.group[1], recorder.group[2],
                      store ? "stores" : "loads", bytes);
  if (p != NULL && used > 0 && (size_t)used < sizeof text)
    snprintf(text + used, sizeof text - (size_t)used, ", %" PRIu64 " %s %s%s (%zu bytes)", distance,
             after ? "after the end of" : "before the start of", p->local ? "local " : "", p->name, p->bytes);
  add_finding(text);
}

void record_divergence(size_t waiting, size_t finished) {
  char text[FINDING_TEXT];
  snprintf(text, sizeof text, "%s: %zu work-items of a work-group wait at a barrier that %zu never reached",
           recorder.launch->file, waiting, finished);
  add_finding(text);
}

void record_sub_group_divergence(uintptr_t from, size_t present, size_t absent) {
  char line[SOURCE_LINE_TEXT], text[FINDING_TEXT];
  const uint32_t at = (uint32_t)(from - (uintptr_t)recorder.program->base);
  if (is_known(DIVERGENCE, at)) return;
  source_line(recorder.program->path, at, recorder.launch->file, line);
  snprintf(text, sizeof text,
           "%s: %zu work-items of a sub-group call a function of the whole sub-group, and %zu do not", line, present,
           absent);
  add_finding(text);
}

/* ---- races ------------------------------------------------------------------------------------------------------- */

static history *history_of(const touch *t) {
  return recorder.history[t->place] + t->offset;
}

/* Runs after the store has taken effect. */
static void settle(void) {
  doubtful_store *d = &recorder.doubtful;
  if (!d->pending) return;
  d->pending = false;
  const place *p = &recorder.launch->place[d->touch.place];
  if (memcmp(p->data + d->touch.offset, d->before, d->touch.bytes) == 0) return; /* the value did not change */
  find_race(&d->touch, true, &d->earlier, true, d->earlier.store_stamp < recorder.group_stamp[p->local]);
}

static void doubt(const touch *t, const history *h) {
  doubtful_store *d = &recorder.doubtful;
  if (d->pending || t->bytes > LARGEST_STORE) return;
  d->pending = true;
  d->touch = *t;
  d->earlier = *h;
  memcpy(d->before, recorder.launch->place[t->place].data + t->offset, t->bytes);
}

static uint32_t sub_group_of(uint32_t item) {
  return item / (uint32_t)recorder.launch->sub_group;
}

/* Whether a load's item, or all of its several ones, are in the current work-item's sub-group. */
static bool is_of_my_sub_group(uint32_t item) {
  const uint32_t mine = sub_group_of(recorder.item);
  return item == SEVERAL_OF(mine) || sub_group_of(item) == mine;
}

/* Whether nothing orders the access with this stamp, item and count relative to the current one. */
static bool unordered(uint32_t stamp, uint32_t item, uint32_t passed, bool local) {
  if (stamp == 0) return false;
  if (stamp < recorder.group_stamp[local]) return !local; /* another work-group's */
  if (stamp != recorder.stamp[local] || item == recorder.item) return false;
  return !is_of_my_sub_group(item) || passed == recorder.passed[local][sub_group_of(recorder.item)];
}

/* Adds the current load to those of the same byte that nothing orders before it. */
static void note_load(history *h, uint32_t at, bool local) {
  const bool joins =
      h->load_stamp == recorder.stamp[local] && unordered(h->load_stamp, h->load_item, h->load_passed, local);
  if (!joins)
    h->load_item = recorder.item;
  else
    h->load_item = is_of_my_sub_group(h->load_item) ? SEVERAL_OF(sub_group_of(recorder.item)) : SEVERAL;
  h->load_stamp = recorder.stamp[local];
  h->load_passed = recorder.passed[local][sub_group_of(recorder.item)];
  h->load_at = at;
}

static void check_races(const touch *t) {
  const bool local = recorder.launch->place[t->place].local;
  history *h = history_of(t);
  for (uint32_t i = 0; i < t->bytes; ++i, ++h) {
    const bool after_store = unordered(h->store_stamp, h->store_item, h->store_passed, local);
    if (after_store && t->store) doubt(t, h);
    if (after_store && !t->store) find_race(t, false, h, true, h->store_stamp < recorder.group_stamp[local]);
    if (t->store && unordered(h->load_stamp, h->load_item, h->load_passed, local))
      find_race(t, true, h, false, h->load_stamp < recorder.group_stamp[local]);
    if (t->store) {
      h->store_item = recorder.item;
      h->store_stamp = recorder.stamp[local];
      h->store_passed = recorder.passed[local][sub_group_of(recorder.item)];
      h->store_at = t->at;
    } else {
      note_load(h, t->at, local);
    }
  }
}

/* ---- touches ----------------------------------------------------------------------------------------------------- */

static void keep(const touch *t) {
  if (recorder.count == recorder.room) {
    const size_t room = recorder.room == 0 ? 4096 : 2 * recorder.room;
    touch *grown = realloc(recorder.touch, room * sizeof *grown);
    if (grown == NULL) {
      recorder.complete = false;
      return;
    }
    recorder.touch = grown;
    recorder.room = room;
  }
  recorder.touch[recorder.count++] = *t;
}

static bool find_place(uintptr_t address, size_t bytes, touch *t) {
  const launch *l = recorder.launch;
  for (size_t i = 0; i < l->places; ++i) {
    const uintptr_t begin = (uintptr_t)l->place[i].data;
    if (address < begin || address - begin > l->place[i].bytes || bytes > l->place[i].bytes - (address - begin))
      continue;
    t->place = (uint32_t)i;
    t->offset = address - begin;
    return true;
  }
  return false;
}

/* `from` is the call's return address, just after the instruction. */
static void record(uintptr_t address, size_t bytes, bool store, uintptr_t from) {
  settle();
  const char *pointer = (const char *)address;
  if (pointer >= recorder.stack && pointer < recorder.stack_end) return;
  touch t = {.bytes = (uint32_t)bytes,
             .item = recorder.item,
             .phase = recorder.phase,
             .at = (uint32_t)(from - (uintptr_t)recorder.program->base),
             .store = store};
  if (find_place(address, bytes, &t)) {
    if (recorder.history == NULL) return;
    check_races(&t);
    keep(&t);
    return;
  }
  if (!store && pointer >= recorder.program->base && pointer < recorder.program->constants_end) return;
  find_outside(address, bytes, store, t.at);
  execute_give_up();
}

/* ---- phases ------------------------------------------------------------------------------------------------------ */

bool record_begin(launch *l, const recorded_program *program, bool bounds_alone) {
  memset(&recorder, 0, sizeof recorder);
  recorder.launch = l;
  recorder.program = program;
  recorder.complete = true;
  const size_t sub_groups = clattn_groups_of(l->local[0] * l->local[1] * l->local[2], l->sub_group);
  for (int local = 0; local < 2; ++local) {
    recorder.passed[local] = calloc(sub_groups, sizeof *recorder.passed[local]);
    if (recorder.passed[local] == NULL) return false;
  }
  if (bounds_alone) return true;
  recorder.history = calloc(l->places > 0 ? l->places : 1, sizeof *recorder.history);
  if (recorder.history == NULL) return false;
  for (size_t i = 0; i < l->places; ++i) {
    recorder.history[i] = calloc(l->place[i].bytes + 1, sizeof *recorder.history[i]);
    if (recorder.history[i] == NULL) return false;
  }
  return true;
}

/* Fills local memory with NaN, so that reading it before writing shows. */
void record_group(const size_t group[3]) {
  const launch *l = recorder.launch;
  memcpy(recorder.group, group, sizeof recorder.group);
  for (int local = 0; local < 2; ++local) recorder.group_stamp[local] = ++recorder.stamp[local];
  for (size_t i = 0; i < l->places; ++i)
    if (l->place[i].local) memset(l->place[i].data, 0xFF, l->place[i].bytes);
  recorder.phase = 0;
  recorder.count = 0;
}

void record_item(size_t item, const void *stack, size_t stack_bytes) {
  settle();
  recorder.item = (uint32_t)item;
  recorder.stack = stack;
  recorder.stack_end = recorder.stack + stack_bytes;
}

void record_barrier(unsigned fences) {
  settle();
  ++recorder.phase;
  if (fences & FENCE_LOCAL) ++recorder.stamp[true];
  if (fences & FENCE_GLOBAL) ++recorder.stamp[false];
}

void record_sub_group_barrier(size_t sub_group, unsigned fences) {
  settle();
  if (fences & FENCE_LOCAL) ++recorder.passed[true][sub_group];
  if (fences & FENCE_GLOBAL) ++recorder.passed[false][sub_group];
}

void record_group_end(void) {
  settle();
  if (!count_group(recorder.launch, recorder.touch, recorder.count, recorder.phase + 1)) recorder.complete = false;
}

void record_end(void) {
  for (size_t i = 0; recorder.history != NULL && i < recorder.launch->places; ++i) free(recorder.history[i]);
  free(recorder.history);
  for (int local = 0; local < 2; ++local) free(recorder.passed[local]);
  free(recorder.touch);
  recorder.history = NULL;
  recorder.touch = NULL;
}

bool record_complete(void) {
  return recorder.complete;
}

/* ---- called by kernels ------------------------------------------------------------------------------------------- */

#define FROM ((uintptr_t)__builtin_return_address(0))
#define LOAD_AND_STORE(size)                                                                                           \
  void clattn_access_load##size##_noabort(uintptr_t address) {                                                         \
    record(address, size, false, FROM);                                                                                \
  }                                                                                                                    \
  void clattn_access_store##size##_noabort(uintptr_t address) {                                                        \
    record(address, size, true, FROM);                                                                                 \
  }

LOAD_AND_STORE(1)
LOAD_AND_STORE(2)
LOAD_AND_STORE(4)
LOAD_AND_STORE(8)
LOAD_AND_STORE(16)

void clattn_access_loadN_noabort(uintptr_t address, size_t bytes) {
  record(address, bytes, false, FROM);
}

void clattn_access_storeN_noabort(uintptr_t address, size_t bytes) {
  record(address, bytes, true, FROM);
}

void clattn_access_vector(uintptr_t address, uintptr_t bytes, unsigned store, uintptr_t from) {
  record(address, bytes, store != 0, from);
}

void *__wrap_memcpy(void *to, const void *from, size_t bytes) {
  record((uintptr_t)from, bytes, false, FROM);
  record((uintptr_t)to, bytes, true, FROM);
  return memcpy(to, from, bytes);
}

void *__wrap_memmove(void *to, const void *from, size_t bytes) {
  record((uintptr_t)from, bytes, false, FROM);
  record((uintptr_t)to, bytes, true, FROM);
  return memmove(to, from, bytes);
}

void *__wrap_memset(void *to, int byte, size_t bytes) {
  record((uintptr_t)to, bytes, true, FROM);
  return memset(to, byte, bytes);
}
