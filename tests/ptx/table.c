/* Which instructions there are: finds an instruction's action by its whole name, and checks and binds its operands. */
#include <stdio.h>
#include <string.h>

#include "ptx.h"

static int length_of(const statement *s) {
  return (int)s->to->length;
}

void ptx_refuse(const statement *s, const char *why) {
  ptx_fail("line %u: '%.*s': %s", s->to->line, length_of(s), s->to->text, why);
}

void ptx_expect(const statement *s, uint32_t operands) {
  if (s->count != operands) ptx_refuse(s, "not the number of operands that it has");
}

uint32_t ptx_words(const statement *s, word words[12]) {
  uint32_t count = 0;
  for (const char *at = s->name; at != NULL; ++count) {
    const char *dot = strchr(at, '.');
    const size_t length = dot != NULL ? (size_t)(dot - at) : strlen(at);
    if (count == 12 || length >= sizeof words[0]) ptx_refuse(s, "the instruction is not known");
    memcpy(words[count], at, length);
    words[count][length] = '\0';
    at = dot != NULL ? dot + 1 : NULL;
  }
  return count;
}

/* ---- operands ---------------------------------------------------------------------------------------------------- */

width ptx_width_of(const statement *s, const item *what) {
  if (what->kind != REGISTER) ptx_refuse(s, "a register is wanted");
  return s->kernel->width_of[what->id];
}

static uint64_t value_of(const statement *s, const item *number, width w) {
  if (number->form == 'f' && w != BITS32) ptx_refuse(s, "a float of 32 bits where another width is wanted");
  if (number->form == 'd' && w != BITS64) ptx_refuse(s, "a float of 64 bits where another width is wanted");
  switch (w) {
  case PREDICATE:
    return number->value != 0 ? ALL_LANES : 0;
  case BITS16:
    return (uint16_t)number->value;
  case BITS32:
    return (uint32_t)number->value;
  default:
    return number->value;
  }
}

void ptx_add(const statement *s, const item *what, width w, bool out) {
  instruction *i = s->to;
  kernel *k = s->kernel;
  uint32_t id = what->id;
  if (i->outs + i->ins == OPERANDS) ptx_refuse(s, "more operands than any instruction has");
  if (what->kind == NOTHING) {
    if (!out) ptx_refuse(s, "'_' is read");
    id = ptx_new_register(k, w); /* which nothing reads */
  } else if (what->kind == NUMBER) {
    if (out) ptx_refuse(s, "a number is written");
    id = ptx_constant(k, w, value_of(s, what, w));
  } else if (out && id < SPECIALS) {
    ptx_refuse(s, "a special register is written");
  }
  if (k->width_of[id] != w) ptx_refuse(s, "a register is not as wide as the instruction's type");
  i->at[i->outs + i->ins] = (place){id, k->offset_of[id]};
  if (out && i->ins != 0) ptx_refuse(s, "an operand is written that stands among those that are read");
  if (out) {
    ++i->outs;
  } else {
    ++i->ins;
  }
}

void ptx_add_item(const statement *s, uint32_t number, width w, bool out) {
  const operand *o = &s->given[number];
  if (o->kind != ITEM || o->negated || o->has_second) ptx_refuse(s, "an operand is not of the kind that it should be");
  ptx_add(s, &o->part[0], w, out);
}

/* An address of 32 bits is one of shared memory: PTX ISA, "State Spaces". */
void ptx_add_address(const statement *s, uint32_t number) {
  const operand *o = &s->given[number];
  if (number >= s->count || o->kind != ADDRESS) ptx_refuse(s, "an address in brackets is wanted");
  instruction *i = s->to;
  i->shift = o->shift;
  i->address_width = o->part[0].kind == REGISTER ? ptx_width_of(s, &o->part[0]) : BITS64;
  if (i->address_width != BITS64 && i->address_width != BITS32) ptx_refuse(s, "an address is of 32 or 64 bits");
  ptx_add(s, &o->part[0], i->address_width, false);
}

/* ---- actions that need no arithmetic ----------------------------------------------------------------------------- */

static void move_predicate(warp *w, const instruction *i) {
  uint32_t *to = OUT(uint32_t, 0);
  *to = (*to & ~w->mask) | (PREDICATE_IN(0) & w->mask);
}

UNARY(move16, uint16_t, uint16_t, a)
UNARY(move32, uint32_t, uint32_t, a)
UNARY(move64, uint64_t, uint64_t, a)
BINARY(pack32, uint32_t, uint16_t, uint16_t, a | (uint32_t)b << 16)
BINARY(pack64, uint64_t, uint32_t, uint32_t, a | (uint64_t)b << 32)

static void unpack32(warp *w, const instruction *i) {
  uint16_t *low = OUT(uint16_t, 0), *high = OUT(uint16_t, 1);
  const uint32_t *from = IN(uint32_t, 0);
  FOR_LANES(low[l] = (uint16_t)from[l]; high[l] = (uint16_t)(from[l] >> 16));
}

static void unpack64(warp *w, const instruction *i) {
  uint32_t *low = OUT(uint32_t, 0), *high = OUT(uint32_t, 1);
  const uint64_t *from = IN(uint64_t, 0);
  FOR_LANES(low[l] = (uint32_t)from[l]; high[l] = (uint32_t)(from[l] >> 32));
}

/* Fences have no effect: what an instruction does is complete before the next begins. */
static void nothing(warp *w, const instruction *i) {
  (void)w;
  (void)i;
}

UNARY(from_shared, uint64_t, uint64_t, a + SHARED_WINDOW)
UNARY(to_shared, uint64_t, uint64_t, a - SHARED_WINDOW)
UNARY(from_local, uint64_t, uint64_t, a + LOCAL_WINDOW)
UNARY(to_local, uint64_t, uint64_t, a - LOCAL_WINDOW)

/* PTX ISA, "Data Movement and Conversion Instructions: mov", "cvta"; "Parallel Synchronization and Communication
 * Instructions: membar". */
static const rule simple[] = {{"mov.pred", "p:p", move_predicate},
                              {"mov.b16", "h:h", move16},
                              {"mov.u16", "h:h", move16},
                              {"mov.s16", "h:h", move16},
                              {"mov.b32", "w:w", move32},
                              {"mov.u32", "w:w", move32},
                              {"mov.s32", "w:w", move32},
                              {"mov.f32", "w:w", move32},
                              {"mov.b64", "d:d", move64},
                              {"mov.u64", "d:d", move64},
                              {"mov.s64", "d:d", move64},
                              {"mov.f64", "d:d", move64},
                              {"cvta.global.u64", "d:d", move64},
                              {"cvta.to.global.u64", "d:d", move64},
                              {"cvta.shared.u64", "d:d", from_shared},
                              {"cvta.to.shared.u64", "d:d", to_shared},
                              {"cvta.local.u64", "d:d", from_local},
                              {"cvta.to.local.u64", "d:d", to_local},
                              {"membar.cta", ":", nothing},
                              {"membar.gl", ":", nothing},
                              {NULL, NULL, NULL}};

/* mov.b32 d, {a, b} and mov.b32 {d, e}, a */
static bool bind_vector_move(const statement *s) {
  const bool is32 = strcmp(s->name, "mov.b32") == 0;
  if (!is32 && strcmp(s->name, "mov.b64") != 0) return false;
  ptx_expect(s, 2);
  const operand *to = &s->given[0], *from = &s->given[1];
  const width whole = is32 ? BITS32 : BITS64, part = is32 ? BITS16 : BITS32;
  if (to->kind == ITEM && from->kind == VECTOR && from->parts == 2) {
    ptx_add_item(s, 0, whole, true);
    for (int n = 0; n < 2; ++n) ptx_add(s, &from->part[n], part, false);
    s->to->run = is32 ? pack32 : pack64;
    s->to->packs = true;
    return true;
  }
  if (to->kind == VECTOR && from->kind == ITEM && to->parts == 2) {
    for (int n = 0; n < 2; ++n) ptx_add(s, &to->part[n], part, true);
    ptx_add_item(s, 1, whole, false);
    s->to->run = is32 ? unpack32 : unpack64;
    s->to->low_only = to->part[1].kind == NOTHING;
    return true;
  }
  return false;
}

/* ---- setp with a second operation -------------------------------------------------------------------------------- */

static const rule *found(const rule *rules, const char *name) {
  for (; rules->name != NULL; ++rules)
    if (strcmp(rules->name, name) == 0) return rules;
  return NULL;
}

/* setp.CMP.BOOL.TYPE p|q, a, b, c: p = (a CMP b) BOOL c, q = !(a CMP b) BOOL c. The action is that of setp.CMP.TYPE,
 * which looks at `mode`. */
static bool bind_compare(const statement *s) {
  word words[12];
  char plain[64];
  const uint32_t count = ptx_words(s, words);
  if (strcmp(words[0], "setp") != 0 || count < 3 || count > 4) return false;
  snprintf(plain, sizeof plain, "setp.%s.%s", words[1], words[count - 1]);
  const rule *of = found(ptx_arithmetic, plain);
  if (of == NULL) return false;
  instruction *i = s->to;
  if (count == 4) {
    if (strcmp(words[2], "and") != 0 && strcmp(words[2], "or") != 0 && strcmp(words[2], "xor") != 0) return false;
    i->mode[0] = words[2][0];
  }
  ptx_expect(s, count);
  const operand *to = &s->given[0];
  if (to->kind != ITEM || to->negated) ptx_refuse(s, "the result is not a predicate");
  ptx_add(s, &to->part[0], PREDICATE, true);
  i->second = to->has_second;
  if (to->has_second) ptx_add(s, &to->second, PREDICATE, true);
  for (uint32_t n = 1; n < 3; ++n) ptx_add_item(s, n, (width)of->shape[2], false);
  if (count == 4) {
    const operand *more = &s->given[3];
    if (more->kind != ITEM || more->has_second) ptx_refuse(s, "the last operand is not a predicate");
    i->mode[1] = more->negated ? '!' : '\0';
    ptx_add(s, &more->part[0], PREDICATE, false);
  }
  i->run = of->run;
  return true;
}

/* ---- all together ------------------------------------------------------------------------------------------------ */

static void bind_rule(const statement *s, const rule *of) {
  const char *shape = of->shape;
  uint32_t number = 0;
  bool out = true;
  for (; *shape != '\0'; ++shape) {
    if (*shape == ':') {
      out = false;
      continue;
    }
    if (number >= s->count) ptx_refuse(s, "an operand is missing");
    ptx_add_item(s, number++, (width)*shape, out);
  }
  ptx_expect(s, number);
  s->to->run = of->run;
}

/* PTX ISA, "Control Flow Instructions: ret, exit"; "bar". */
static bool bind_flow(const statement *s) {
  if (strcmp(s->name, "ret") == 0 || strcmp(s->name, "exit") == 0) {
    ptx_expect(s, 0);
    s->to->flow = LEAVE;
    return true;
  }
  if (strcmp(s->name, "bar.sync") == 0 || strcmp(s->name, "barrier.sync.aligned") == 0) {
    ptx_expect(s, 1);
    const operand *which = &s->given[0];
    if (which->kind != ITEM || which->part[0].kind != NUMBER || which->part[0].value != 0)
      ptx_refuse(s, "only barrier 0, of all threads, is known");
    s->to->flow = BARRIER;
    return true;
  }
  return false;
}

void ptx_bind(const statement *s) {
  if (bind_flow(s)) return;
  if (bind_vector_move(s)) return;
  const rule *of = found(simple, s->name);
  if (of == NULL && strncmp(s->name, "setp.", 5) != 0) of = found(ptx_arithmetic, s->name);
  if (of != NULL) {
    bind_rule(s, of);
    return;
  }
  if (bind_compare(s) || ptx_bind_convert(s) || ptx_bind_copy(s) || ptx_bind_memory(s) || ptx_bind_matrix(s)) return;
  ptx_refuse(s, "the instruction is not known");
}
