/* Shared memory: what its threads do there, the races between them, and asynchronous copies into it.
 *
 * Two threads race if they touch the same byte, one of them writes, and no barrier lies between: PTX ISA, "Memory
 * Consistency Model". A group has a clock that a barrier turns on, and each byte knows who touched it last, and when.
 * Two threads that write the same value do not race. Threads of a warp race, too, unless bar.warp.sync is between:
 * since sm_70 they need not run in step. */
#include <stdio.h>
#include <string.h>

#include "ptx.h"

/* Readers: a thread, or these. */
enum { OF_WARP = 0x4000, MANY = 0x8000 };

static bool is_own(const warp *w, uint32_t who) {
  return who >= OF_WARP ? who == (OF_WARP | w->first / LANES) : who / LANES == w->first / LANES;
}

/* Whether what `who` did then may happen at the same time as what the thread does now. */
static bool is_concurrent(const warp *w, uint32_t thread, uint32_t who, uint32_t then) {
  return who != thread && then >= (is_own(w, who) ? w->since : w->group->since);
}

static const char *thread_text(const group *g, uint32_t thread, char text[48]) {
  const uint32_t *items = g->launch->items;
  snprintf(text, 48, "thread (%u, %u, %u)", thread % items[0], thread / items[0] % items[1],
           thread / items[0] / items[1]);
  return text;
}

static _Noreturn void race(const warp *w, uint32_t lane, uint64_t address, const char *now, uint32_t who,
                           const char *before) {
  char text[48];
  const char *whom = who < OF_WARP ? thread_text(w->group, who, text) : "other threads";
  ptx_fault(w, lane, "a race: it %s shared byte %llu, which %s %s since the last barrier", now,
            (unsigned long long)address, whom, before);
}

static cell *cells_of(const warp *w, uint32_t lane, uint64_t address, uint32_t bytes) {
  const kernel *k = w->group->kernel;
  if (address > k->shared_end || bytes > k->shared_end - address)
    ptx_fault(w, lane, "%u bytes at shared address %lld are in no variable", bytes, (long long)address);
  cell *cells = &w->group->cells[address];
  for (uint32_t n = 0; n < bytes; ++n)
    if (cells[n].is_gap)
      ptx_fault(w, lane, "%u bytes at shared address %lld leave a variable", bytes, (long long)address);
  return cells;
}

const unsigned char *ptx_shared_read(const warp *w, uint32_t lane, uint64_t address, uint32_t bytes) {
  const group *g = w->group;
  const uint32_t thread = w->first + lane;
  cell *cells = cells_of(w, lane, address, bytes);
  for (uint32_t n = 0; n < bytes; ++n) {
    cell *c = &cells[n];
    if (c->wrote >= g->since && is_concurrent(w, thread, c->writer, c->wrote))
      race(w, lane, address + n, "reads", c->writer, c->is_awaited ? "has a cp.async write" : "wrote");
    if (c->is_awaited)
      ptx_fault(w, lane, "it reads shared byte %llu, for whose cp.async nothing waited",
                (unsigned long long)(address + n));
    if (c->read < g->since || (is_own(w, c->reader) && c->read < w->since)) {
      c->reader = (uint16_t)thread;
    } else if (c->reader != thread) {
      c->reader = (uint16_t)(is_own(w, c->reader) ? OF_WARP | w->first / LANES : MANY);
    }
    c->read = g->clock;
  }
  return g->shared + address;
}

/* `values` is NULL for a write whose values are not known yet. */
static void note_write(const warp *w, uint32_t lane, uint64_t address, const unsigned char *values, uint32_t bytes) {
  const group *g = w->group;
  const uint32_t thread = w->first + lane;
  cell *cells = cells_of(w, lane, address, bytes);
  for (uint32_t n = 0; n < bytes; ++n) {
    cell *c = &cells[n];
    const bool is_same = values != NULL && !c->is_awaited && values[n] == g->shared[address + n];
    if (c->wrote >= g->since && !is_same && is_concurrent(w, thread, c->writer, c->wrote))
      race(w, lane, address + n, "writes", c->writer, c->is_awaited ? "has a cp.async write" : "wrote");
    if (c->is_awaited)
      ptx_fault(w, lane, "it writes shared byte %llu, for whose cp.async nothing waited",
                (unsigned long long)(address + n));
    if (c->read >= g->since && is_concurrent(w, thread, c->reader, c->read))
      race(w, lane, address + n, "writes", c->reader, "read");
    c->wrote = g->clock;
    c->writer = (uint16_t)thread;
  }
}

void ptx_shared_write(const warp *w, uint32_t lane, uint64_t address, const void *from, uint32_t bytes) {
  note_write(w, lane, address, from, bytes);
  memcpy(w->group->shared + address, from, bytes);
}

/* ---- cp.async ---------------------------------------------------------------------------------------------------- */

/* A copy is made as late as it may be, when its thread waits for it: until then nothing may touch the place. */
static void begin_copy(warp *w, const instruction *i) {
  for (uint32_t l = 0; l < LANES; ++l) {
    if ((w->mask >> l & 1) == 0) continue;
    const uint64_t to = ptx_address(w, i, 0, l), from = IN(uint64_t, 1)[l] + (uint64_t)i->second_shift;
    const uint32_t source = i->ins == 3 ? IN(uint32_t, 2)[l] : i->bytes;
    if (to % i->bytes != 0 || from % i->bytes != 0) ptx_fault(w, l, "an address is no multiple of %u", i->bytes);
    if (source > i->bytes) ptx_fault(w, l, "%u bytes of the source are more than %u", source, i->bytes);
    if (source != 0) ptx_global(w, l, from, source);
    note_write(w, l, to, NULL, i->bytes);
    for (uint32_t n = 0; n < i->bytes; ++n) w->group->cells[to + n].is_awaited = true;
    if (w->copy_count == w->copy_room)
      w->copies = ptx_more(w->copies, w->copy_room = w->copy_room * 2 + 64, sizeof *w->copies);
    w->copies[w->copy_count++] = (copy){l, 0, (uint32_t)to, i->bytes, source, from};
  }
}

static void commit(warp *w, const instruction *i) {
  (void)i;
  for (uint32_t l = 0; l < LANES; ++l) w->copy_groups[l] += w->mask >> l & 1;
  for (uint32_t n = 0; n < w->copy_count; ++n) {
    copy *c = &w->copies[n];
    if (c->group == 0 && (w->mask >> c->lane & 1) != 0) c->group = w->copy_groups[c->lane];
  }
}

static void complete(warp *w, const copy *c) {
  group *g = w->group;
  unsigned char *to = g->shared + c->to;
  memset(to, 0, c->bytes); /* what the source has not */
  if (c->source_bytes != 0) memcpy(to, ptx_global(w, c->lane, c->from, c->source_bytes), c->source_bytes);
  for (uint32_t n = 0; n < c->bytes; ++n) {
    cell *own = &g->cells[c->to + n];
    own->is_awaited = false;
    own->wrote = g->clock; /* others see it after a barrier that follows */
    own->writer = (uint16_t)(w->first + c->lane);
  }
}

/* Until at most the `count` newest groups of a thread are not complete. */
static void wait_group(warp *w, const instruction *i) {
  uint32_t kept = 0;
  for (uint32_t n = 0; n < w->copy_count; ++n) {
    const copy c = w->copies[n];
    const bool waits = (w->mask >> c.lane & 1) != 0 && c.group != 0 && c.group + i->count <= w->copy_groups[c.lane];
    if (waits) {
      complete(w, &c);
    } else {
      w->copies[kept++] = c;
    }
  }
  w->copy_count = kept;
}

static void wait_all(warp *w, const instruction *i) {
  commit(w, i);
  wait_group(w, i);
}

/* cp.async.ca or .cg, with the size in an operand: PTX ISA, "cp.async". */
static bool bind_copy_itself(const statement *s, word words[12], uint32_t count) {
  instruction *i = s->to;
  const bool is_cg = strcmp(words[2], "cg") == 0;
  if ((!is_cg && strcmp(words[2], "ca") != 0) || (count != 5 && count != 6)) return false;
  if (strcmp(words[3], "shared") != 0 || strcmp(words[4], "global") != 0) return false;
  if (count == 6 && strcmp(words[5], "L2::64B") != 0 && strcmp(words[5], "L2::128B") != 0 &&
      strcmp(words[5], "L2::256B") != 0)
    return false;
  if (s->count != 3 && s->count != 4) ptx_refuse(s, "three operands are wanted, or four");
  const operand *from = &s->given[1], *size = &s->given[2];
  if (from->kind != ADDRESS || size->kind != ITEM || size->part[0].kind != NUMBER)
    ptx_refuse(s, "two addresses and a size are wanted");
  const uint64_t bytes = size->part[0].value;
  if (bytes != 16 && (is_cg || (bytes != 4 && bytes != 8)))
    ptx_refuse(s, is_cg ? "the size is 16" : "the size is 4, 8 or 16");
  ptx_add_address(s, 0);
  ptx_add(s, &from->part[0], BITS64, false);
  if (s->count == 4) ptx_add_item(s, 3, BITS32, false);
  i->second_shift = from->shift;
  i->bytes = (uint32_t)bytes;
  i->run = begin_copy;
  return true;
}

bool ptx_bind_copy(const statement *s) {
  word words[12];
  const uint32_t count = ptx_words(s, words);
  instruction *i = s->to;
  if (count < 3 || strcmp(words[0], "cp") != 0 || strcmp(words[1], "async") != 0) return false;
  if (strcmp(s->name, "cp.async.commit_group") == 0) {
    ptx_expect(s, 0);
    i->run = commit;
    return true;
  }
  if (strcmp(s->name, "cp.async.wait_all") == 0) {
    ptx_expect(s, 0);
    i->run = wait_all;
    return true;
  }
  if (strcmp(s->name, "cp.async.wait_group") == 0) {
    ptx_expect(s, 1);
    const operand *kept = &s->given[0];
    if (kept->kind != ITEM || kept->part[0].kind != NUMBER || kept->part[0].value > 1024)
      ptx_refuse(s, "a number of groups up to 1024 is wanted");
    i->count = (uint32_t)kept->part[0].value;
    i->run = wait_group;
    return true;
  }
  return bind_copy_itself(s, words, count);
}
