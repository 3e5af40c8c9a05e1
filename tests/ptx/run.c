/* Runs a launch: its work-groups one after the other, and in each its warps in turn, from barrier to barrier.
 *
 * Each lane has its own place in the program. Of the lanes that differ, those at the lowest place go first: a branch's
 * sides lie before the place where they meet, so the lanes are together again there. An instruction that all lanes of
 * a warp carry out together waits until they are all there. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

enum { POISON = 0xff };             /* words of it are NaN */
#define MOST_INSTRUCTIONS 200000000 /* of a launch; none here needs a tenth of it */

/* ---- faults ------------------------------------------------------------------------------------------------------ */

static uint32_t warp_number(const warp *w) {
  return w->first / LANES;
}

void ptx_fault(const warp *w, uint32_t lane, const char *format, ...) {
  char what[PTX_TEXT / 2];
  va_list values;
  va_start(values, format);
  vsnprintf(what, sizeof what, format, values);
  va_end(values);
  const group *g = w->group;
  const uint32_t *items = g->launch->items, thread = w->first + lane;
  ptx_fail("line %u: '%.*s': %s; thread (%u, %u, %u) of group (%u, %u, %u)", w->now->line, (int)w->now->length,
           w->now->text, what, thread % items[0], thread / items[0] % items[1], thread / items[0] / items[1],
           g->number[0], g->number[1], g->number[2]);
}

static uint32_t lowest_lane(uint32_t lanes) {
  uint32_t lane = 0;
  while (lane < LANES - 1 && (lanes >> lane & 1) == 0) ++lane;
  return lane;
}

static uint32_t lane_count(uint32_t lanes) {
  uint32_t count = 0;
  for (; lanes != 0; lanes &= lanes - 1) ++count;
  return count;
}

/* ---- an instruction ---------------------------------------------------------------------------------------------- */

static void check_defined(warp *w, const place *p, uint32_t lanes, bool low_only) {
  const uint32_t missing = lanes & (~w->defined[p->id] | (low_only ? 0 : w->half[p->id]));
  if (missing != 0) ptx_fault(w, lowest_lane(missing), "it reads a register that it has not written");
}

static void carry_out(warp *w, const instruction *i, uint32_t lanes) {
  const uint32_t checked = i->outs + i->ins - (i->packs ? 1 : 0);
  for (uint32_t n = i->outs; n < checked; ++n) check_defined(w, &i->at[n], lanes, i->low_only);
  const uint32_t half = i->packs ? lanes & ~w->defined[i->at[checked].id] : 0;
  w->mask = lanes;
  i->run(w, i);
  for (uint32_t n = 0; n < i->outs; ++n) {
    const uint32_t id = i->at[n].id;
    w->defined[id] |= lanes;
    w->half[id] = (w->half[id] & ~lanes) | half;
  }
}

/* Of the lanes, those whose guard holds. */
static uint32_t guarded(warp *w, const instruction *i, uint32_t lanes) {
  if (!i->guarded) return lanes;
  check_defined(w, &i->guard, lanes, false);
  const uint32_t holds = *(const uint32_t *)(const void *)(w->values + i->guard.offset);
  return lanes & (i->negated ? ~holds : holds);
}

static void set_pc(warp *w, uint32_t lanes, uint32_t pc) {
  for (uint32_t l = 0; l < LANES; ++l)
    if ((lanes >> l & 1) != 0) w->pc[l] = pc;
}

/* ---- lanes together ---------------------------------------------------------------------------------------------- */

/* All lanes that have not ended stand at this instruction. */
static void together(warp *w, const instruction *i, uint32_t lanes) {
  const uint32_t which = guarded(w, i, lanes);
  if (which != 0 && which != lanes && i->whole_warp)
    ptx_fault(w, lowest_lane(lanes & ~which), "its predicate is false, and another lane's is true");
  if (which != 0 && i->whole_warp && which != ALL_LANES)
    ptx_fault(w, lowest_lane(which), "%u lanes of the warp are missing", LANES - lane_count(which));
  if (which != 0 && !i->whole_warp) { /* the last operand names the lanes that take part */
    check_defined(w, &i->at[i->outs + i->ins - 1], which, false);
    const uint32_t *members = IN(uint32_t, i->ins - 1);
    for (uint32_t l = 0; l < LANES; ++l)
      if ((which >> l & 1) != 0 && (members[l] & lanes) != which)
        ptx_fault(w, l, "lanes %#x take part, and its mask is %#x", which, members[l]);
  }
  if (which != 0) carry_out(w, i, which);
}

/* Where lanes that wait cannot go on: they wait at different places. */
static _Noreturn void apart(warp *w) {
  const uint32_t one = lowest_lane(w->waiting);
  const instruction *code = w->group->kernel->code;
  for (uint32_t l = one; l < LANES; ++l)
    if ((w->waiting >> l & 1) != 0 && w->pc[l] != w->pc[one]) {
      w->now = &code[w->pc[one]];
      ptx_fault(w, one, "it waits for lane %u, which waits at line %u", l, code[w->pc[l]].line);
    }
  abort();
}

/* ---- a warp ------------------------------------------------------------------------------------------------------ */

/* The lanes that go on, which stand at *pc, and the lowest place of the others. */
static uint32_t choose(const warp *w, uint32_t *pc, uint32_t *other) {
  uint32_t lanes = 0;
  *pc = *other = UINT32_MAX;
  for (uint32_t l = 0; l < LANES; ++l) {
    if ((w->running >> l & 1) == 0) continue;
    if (w->pc[l] < *pc) {
      *other = *pc;
      *pc = w->pc[l];
      lanes = 0;
    }
    if (w->pc[l] == *pc) {
      lanes |= 1u << l;
    } else if (w->pc[l] < *other) {
      *other = w->pc[l];
    }
  }
  return lanes;
}

/* Runs these lanes until they part, wait, end or meet others. */
static void run_lanes(warp *w, uint32_t lanes, uint32_t pc, uint32_t other) {
  const instruction *code = w->group->kernel->code;
  while (pc < other) {
    const instruction *i = w->now = &code[pc];
    if (++w->group->launch->executed > MOST_INSTRUCTIONS)
      ptx_fault(w, lowest_lane(lanes), "the launch does not come to an end");
    if (i->flow == BARRIER || i->flow == TOGETHER) {
      if (i->flow == BARRIER || lanes != (w->running | w->waiting)) {
        set_pc(w, lanes, pc);
        w->waiting |= lanes;
        w->running &= ~lanes;
        break;
      }
      together(w, i, lanes);
      ++pc;
      continue;
    }
    const uint32_t which = guarded(w, i, lanes);
    if (i->flow == PLAIN) {
      if (which != 0) carry_out(w, i, which);
      ++pc;
    } else if (which == lanes && i->flow == BRANCH) {
      pc = i->target;
    } else if (which == 0) {
      ++pc;
    } else { /* they part, or end */
      set_pc(w, lanes, pc + 1);
      set_pc(w, which, i->target);
      if (i->flow == LEAVE) w->running &= ~which;
      return;
    }
  }
  if ((w->running & lanes) != 0) set_pc(w, lanes, pc);
}

/* Until all lanes wait at a barrier or have ended. */
static void run_warp(warp *w) {
  const instruction *code = w->group->kernel->code;
  for (;;) {
    uint32_t pc, other;
    const uint32_t lanes = choose(w, &pc, &other);
    if (lanes != 0) {
      run_lanes(w, lanes, pc, other);
      continue;
    }
    if (w->waiting == 0) return;
    const uint32_t at = w->pc[lowest_lane(w->waiting)];
    for (uint32_t l = 0; l < LANES; ++l)
      if ((w->waiting >> l & 1) != 0 && w->pc[l] != at) apart(w);
    w->now = &code[at];
    if (w->now->flow == BARRIER) return;
    const uint32_t all = w->waiting;
    w->running = all;
    w->waiting = 0;
    together(w, w->now, all);
    set_pc(w, all, at + 1);
  }
}

/* ---- a group ----------------------------------------------------------------------------------------------------- */

static void set_special(warp *w, int id, uint32_t lane, uint32_t value) {
  uint32_t *values = (uint32_t *)(void *)(w->values + w->group->kernel->offset_of[id]);
  values[lane] = value;
  w->defined[id] = ALL_LANES;
}

static void begin_warp(warp *w) {
  const group *g = w->group;
  const kernel *k = g->kernel;
  const uint32_t *items = g->launch->items;
  for (uint32_t id = 0; id < k->registers; ++id) {
    w->defined[id] = k->is_constant[id] ? ALL_LANES : 0;
    w->half[id] = 0;
  }
  for (uint32_t l = 0; l < LANES; ++l) {
    const uint32_t thread = w->first + l;
    const uint32_t own[] = {thread % items[0], thread / items[0] % items[1], thread / items[0] / items[1]};
    for (int axis = 0; axis < 3; ++axis) {
      set_special(w, TID + axis, l, own[axis]);
      set_special(w, NTID + axis, l, items[axis]);
      set_special(w, CTAID + axis, l, g->number[axis]);
      set_special(w, NCTAID + axis, l, g->launch->groups[axis]);
      set_special(w, ENVREG3 + axis, l, g->launch->offset[axis]);
    }
    set_special(w, LANEID, l, l);
    w->copy_groups[l] = 0;
    w->pc[l] = 0;
  }
  w->running = w->exist;
  w->waiting = 0;
  w->copy_count = 0;
  memset(w->local, POISON, (size_t)k->local_bytes * LANES);
}

/* All warps have stopped: all threads wait at the same barrier, or all have ended. false: ended. */
static bool pass_barrier(group *g) {
  uint32_t waiting = 0;
  const warp *one = NULL;
  for (uint32_t n = 0; n < g->warp_count; ++n) {
    waiting += lane_count(g->warps[n].waiting);
    if (one == NULL && g->warps[n].waiting != 0) one = &g->warps[n];
  }
  if (one == NULL) return false;
  const uint32_t lane = lowest_lane(one->waiting), at = one->pc[lane];
  if (waiting != g->threads)
    ptx_fault(one, lane, "a barrier that %u of %u threads never reach", g->threads - waiting, g->threads);
  for (uint32_t n = 0; n < g->warp_count; ++n) {
    const warp *w = &g->warps[n];
    const uint32_t pc = w->pc[lowest_lane(w->waiting)];
    if (pc != at)
      ptx_fault(one, lane, "warp %u waits at another barrier, at line %u", warp_number(w), g->kernel->code[pc].line);
  }
  ++g->clock;
  g->since = g->clock;
  for (uint32_t n = 0; n < g->warp_count; ++n) {
    warp *w = &g->warps[n];
    const uint32_t which = guarded(w, w->now, w->waiting);
    if (which != w->waiting) ptx_fault(w, lowest_lane(w->waiting & ~which), "a barrier whose predicate is false");
    w->since = g->clock;
    w->running = w->waiting;
    w->waiting = 0;
    set_pc(w, w->running, at + 1);
  }
  return true;
}

static void run_group(group *g) {
  const uint32_t end = g->kernel->shared_end;
  memset(g->shared, POISON, end);
  for (uint32_t n = 0; n < end; ++n) g->cells[n].is_awaited = false;
  g->since = ++g->clock;
  for (uint32_t n = 0; n < g->warp_count; ++n) {
    begin_warp(&g->warps[n]);
    g->warps[n].since = g->clock;
  }
  do
    for (uint32_t n = 0; n < g->warp_count; ++n)
      run_warp(&g->warps[g->launch->reverse != 0 ? g->warp_count - 1 - n : n]);
  while (pass_barrier(g));
}

/* ---- a launch ---------------------------------------------------------------------------------------------------- */

static void check_launch(const kernel *k, const ptx_launch *launch) {
  const uint64_t threads = (uint64_t)launch->items[0] * launch->items[1] * launch->items[2];
  if (threads == 0 || threads > 1024)
    ptx_fail("%llu threads of a group (allowed: 1 to 1024)", (unsigned long long)threads);
  for (int axis = 0; axis < 3; ++axis)
    if (k->required[0] != 0 && k->required[axis] != launch->items[axis])
      ptx_fail("a group of %u x %u x %u (the kernel wants %u x %u x %u)", launch->items[0], launch->items[1],
               launch->items[2], k->required[0], k->required[1], k->required[2]);
}

static void make_group(group *g) {
  const kernel *k = g->kernel;
  g->threads = g->launch->items[0] * g->launch->items[1] * g->launch->items[2];
  g->warp_count = (g->threads + LANES - 1) / LANES;
  g->shared = ptx_more(NULL, k->shared_end, 1);
  g->cells = ptx_more(NULL, k->shared_end, sizeof *g->cells);
  for (uint32_t n = 0; n < k->shared_end; ++n) g->cells[n] = (cell){.is_gap = true};
  for (uint32_t v = 0; v < k->shared_count; ++v)
    for (uint32_t n = k->shared[v].begin; n < k->shared[v].end; ++n) g->cells[n].is_gap = false;
  g->warps = ptx_more(NULL, g->warp_count, sizeof *g->warps);
  for (uint32_t n = 0; n < g->warp_count; ++n) {
    warp *w = &g->warps[n];
    const uint32_t rest = g->threads - n * LANES;
    *w = (warp){.group = g, .first = n * LANES, .exist = rest >= LANES ? ALL_LANES : (1u << rest) - 1};
    w->values = ptx_more(NULL, k->register_bytes, 1);
    w->defined = ptx_more(NULL, k->registers, sizeof *w->defined);
    w->half = ptx_more(NULL, k->registers, sizeof *w->half);
    w->local = ptx_more(NULL, (size_t)k->local_bytes * LANES, 1);
    memset(w->values, 0, k->register_bytes); /* what no lane has written is computed with, and not used */
    for (uint32_t id = 0; id < k->registers; ++id) {
      if (!k->is_constant[id]) continue;
      unsigned char *to = w->values + k->offset_of[id];
      const size_t bytes = k->width_of[id] == BITS16 ? 2 : k->width_of[id] == BITS64 ? 8 : 4;
      for (uint32_t l = 0; l < (k->width_of[id] == PREDICATE ? 1u : LANES); ++l)
        memcpy(to + bytes * l, &k->constant[id], bytes); /* a little-endian machine */
    }
  }
}

static void free_group(group *g) {
  for (uint32_t n = 0; n < g->warp_count; ++n) {
    free(g->warps[n].values);
    free(g->warps[n].defined);
    free(g->warps[n].half);
    free(g->warps[n].local);
    free(g->warps[n].copies);
  }
  free(g->warps);
  free(g->cells);
  free(g->shared);
}

static void run_groups(group *g) {
  const uint32_t *count = g->launch->groups, all = count[0] * count[1] * count[2];
  for (uint32_t n = 0; n < all; ++n) {
    const uint32_t at = g->launch->reverse != 0 ? all - 1 - n : n;
    g->number[0] = at % count[0];
    g->number[1] = at / count[0] % count[1];
    g->number[2] = at / count[0] / count[1];
    run_group(g);
  }
}

int ptx_run(const ptx_module *module, int number, ptx_launch *launch, char why[PTX_TEXT]) {
  group *g = ptx_more(NULL, 1, sizeof *g);
  *g = (group){.module = module, .kernel = &module->kernels[number], .launch = launch};
  failure here = {.why = why};
  ptx_failure = &here;
  launch->executed = 0;
  bool volatile failed = true;
  if (setjmp(here.back) == 0) {
    check_launch(g->kernel, launch);
    make_group(g);
    run_groups(g);
    failed = false;
  }
  free_group(g);
  free(g);
  return failed ? -1 : 0;
}
