/* Loads and stores: PTX ISA, "Data Movement and Conversion Instructions: ld, st", and asynchronous copies to shared
 * memory: "Data Movement and Conversion Instructions: Asynchronous copy". */
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

uint64_t ptx_address(const warp *w, const instruction *i, uint32_t in, uint32_t lane) {
  const uint64_t base = i->address_width == BITS64 ? IN(uint64_t, in)[lane] : IN(uint32_t, in)[lane];
  return base + (uint64_t)i->shift;
}

/* ---- bytes of each space ----------------------------------------------------------------------------------------- */

void ptx_place(ptx_launch *launch) {
  for (uint32_t n = 0; n < launch->buffer_count; ++n) launch->buffers[n].address = (uint64_t)(n + 1) << BUFFER_SHIFT;
}

unsigned char *ptx_global(const warp *w, uint32_t lane, uint64_t address, uint32_t bytes) {
  const ptx_launch *launch = w->group->launch;
  const uint64_t number = (address >> BUFFER_SHIFT) - 1, offset = address & ((UINT64_C(1) << BUFFER_SHIFT) - 1);
  if (number < launch->buffer_count && offset <= launch->buffers[number].size &&
      bytes <= launch->buffers[number].size - offset)
    return (unsigned char *)launch->buffers[number].bytes + offset;
  /* Before a buffer's begin lies the end of the range of the one before it. */
  const uint64_t half = UINT64_C(1) << (BUFFER_SHIFT - 1), near = (address + half) >> BUFFER_SHIFT;
  if (near - 1 < launch->buffer_count)
    ptx_fault(w, lane, "%u bytes at offset %lld of a buffer of %llu bytes", bytes,
              (long long)(address - (near << BUFFER_SHIFT)), (unsigned long long)launch->buffers[near - 1].size);
  ptx_fault(w, lane, "global address %#llx is in no buffer", (unsigned long long)address);
}

static unsigned char *within(const warp *w, uint32_t lane, unsigned char *memory, uint64_t size, uint64_t address,
                             uint32_t bytes, const char *what) {
  if (address > size || bytes > size - address)
    ptx_fault(w, lane, "%u bytes at offset %lld of %llu bytes of %s", bytes, (long long)address,
              (unsigned long long)size, what);
  return memory + address;
}

static unsigned char *local_of(const warp *w, uint32_t lane, uint64_t address, uint32_t bytes) {
  const uint32_t size = w->group->kernel->local_bytes;
  return within(w, lane, w->local + (size_t)size * lane, size, address, bytes, "local memory");
}

/* Turns a generic address into one of the space that it returns. */
static space space_of(const instruction *i, uint64_t *address) {
  if (i->space != GENERIC) return i->space;
  if (*address >= LOCAL_WINDOW) {
    *address -= LOCAL_WINDOW;
    return LOCAL;
  }
  if (*address < SHARED_WINDOW) return GLOBAL;
  *address -= SHARED_WINDOW;
  return SHARED;
}

static const unsigned char *read_from(const warp *w, const instruction *i, uint32_t lane, uint64_t address,
                                      uint32_t bytes) {
  if (address % bytes != 0)
    ptx_fault(w, lane, "address %#llx is no multiple of %u", (unsigned long long)address, bytes);
  const kernel *k = w->group->kernel;
  const ptx_module *m = w->group->module;
  switch (space_of(i, &address)) {
  case SHARED:
    return ptx_shared_read(w, lane, address, bytes);
  case LOCAL:
    return local_of(w, lane, address, bytes);
  case CONSTANT:
    return within(w, lane, m->constants, m->constant_bytes, address, bytes, "constants");
  case PARAMETER: /* nobody writes there */
    return within(w, lane, (unsigned char *)(uintptr_t)w->group->launch->arguments, k->parameter_bytes, address, bytes,
                  "parameters");
  default:
    return ptx_global(w, lane, address, bytes);
  }
}

static void write_to(const warp *w, const instruction *i, uint32_t lane, uint64_t address, const void *from,
                     uint32_t bytes) {
  if (address % bytes != 0)
    ptx_fault(w, lane, "address %#llx is no multiple of %u", (unsigned long long)address, bytes);
  switch (space_of(i, &address)) {
  case SHARED:
    ptx_shared_write(w, lane, address, from, bytes);
    return;
  case LOCAL:
    memcpy(local_of(w, lane, address, bytes), from, bytes);
    return;
  default:
    memcpy(ptx_global(w, lane, address, bytes), from, bytes);
  }
}

/* ---- ld and st --------------------------------------------------------------------------------------------------- */

static uint32_t register_bytes(const warp *w, const place *p) {
  const width of = w->group->kernel->width_of[p->id];
  return of == BITS16 ? 2 : of == BITS32 ? 4 : 8;
}

static void load(warp *w, const instruction *i) {
  const uint32_t out = register_bytes(w, &i->at[0]), unused = 64 - 8 * i->bytes;
  for (uint32_t l = 0; l < LANES; ++l) {
    if ((w->mask >> l & 1) == 0) continue;
    const unsigned char *from = read_from(w, i, l, ptx_address(w, i, 0, l), i->bytes * i->count);
    for (uint32_t n = 0; n < i->count; ++n) {
      uint64_t bits = 0;
      memcpy(&bits, from + (size_t)i->bytes * n, i->bytes);
      if (i->to == 's') bits = (uint64_t)((int64_t)(bits << unused) >> unused);
      memcpy(OUT(unsigned char, n) + (size_t)out * l, &bits, out);
    }
  }
}

static void store(warp *w, const instruction *i) {
  for (uint32_t l = 0; l < LANES; ++l) {
    if ((w->mask >> l & 1) == 0) continue;
    unsigned char bytes[8 * PARTS];
    for (uint32_t n = 0; n < i->count; ++n) {
      const uint32_t in = register_bytes(w, &i->at[i->outs + 1 + n]);
      memcpy(bytes + (size_t)i->bytes * n, IN(unsigned char, 1 + n) + (size_t)in * l, i->bytes);
    }
    write_to(w, i, l, ptx_address(w, i, 0, l), bytes, i->bytes * i->count);
  }
}

/* Where memory is kept, and when others see it, makes no difference here. */
static bool is_without_effect(const char *modifier) {
  static const char *const known[] = {"volatile", "nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt"};
  for (size_t n = 0; n < sizeof known / sizeof known[0]; ++n)
    if (strcmp(modifier, known[n]) == 0) return true;
  return false;
}

static bool take_space(const char *modifier, space *of) {
  static const char *const names[] = {"", "global", "shared", "local", "const", "param"};
  for (int n = 1; n < 6; ++n)
    if (strcmp(modifier, names[n]) == 0) {
      *of = (space)n;
      return true;
    }
  return false;
}

/* "b32" and so on; a load of a signed type into a wider register fills it with the sign. */
static bool set_type(const char *name, instruction *i) {
  if (strchr("bsuf", name[0]) == NULL || name[0] == '\0') return false;
  const char *digits = name + 1;
  i->bytes = strcmp(digits, "8") == 0    ? 1
             : strcmp(digits, "16") == 0 ? 2
             : strcmp(digits, "32") == 0 ? 4
             : strcmp(digits, "64") == 0 ? 8
                                         : 0;
  i->to = name[0];
  return i->bytes != 0 && (i->to != 'f' || i->bytes > 2);
}

/* The register may be wider than the type: PTX ISA, "Operand Size Exceeding Instruction-Type Size". */
static width value_width(const statement *s, const item *value, uint32_t bytes) {
  const width least = bytes <= 2 ? BITS16 : bytes == 4 ? BITS32 : BITS64;
  if (value->kind != REGISTER) return least;
  const width own = ptx_width_of(s, value);
  const uint32_t own_bytes = own == BITS16 ? 2 : own == BITS32 ? 4 : own == BITS64 ? 8 : 0;
  if (own_bytes < bytes) ptx_refuse(s, "a register is narrower than what it holds");
  return own;
}

/* All parts of a vector have one width, which the action takes from the first. */
static void add_values(const statement *s, const operand *values, bool out) {
  instruction *i = s->to;
  width first = BITS64;
  bool is_known = false;
  for (uint32_t n = 0; n < values->parts; ++n) {
    if (values->part[n].kind == NOTHING) continue;
    const width own = value_width(s, &values->part[n], i->bytes);
    if (is_known && own != first && out) ptx_refuse(s, "the registers of a vector differ in width");
    if (!is_known || own > first) first = own;
    is_known = true;
  }
  if (!is_known) first = value_width(s, &(item){.kind = NUMBER}, i->bytes);
  for (uint32_t n = 0; n < values->parts; ++n) {
    const item *part = &values->part[n];
    ptx_add(s, part, out ? first : value_width(s, part, i->bytes), out);
  }
}

bool ptx_bind_memory(const statement *s) {
  word words[12];
  const uint32_t count = ptx_words(s, words);
  const bool is_load = strcmp(words[0], "ld") == 0;
  instruction *i = s->to;
  if (count < 2 || (!is_load && strcmp(words[0], "st") != 0)) return false;
  i->count = 1;
  i->space = GENERIC;
  for (uint32_t n = 1; n + 1 < count; ++n) {
    if (is_without_effect(words[n])) continue;
    if (i->space == GENERIC && i->count == 1 && take_space(words[n], &i->space)) continue;
    if (i->count != 1 || words[n][0] != 'v' || (strcmp(words[n], "v2") != 0 && strcmp(words[n], "v4") != 0))
      return false;
    i->count = (uint32_t)(words[n][1] - '0');
  }
  if (!set_type(words[count - 1], i) || i->bytes * i->count > 16) return false;
  if (!is_load && (i->space == CONSTANT || i->space == PARAMETER)) return false;
  ptx_expect(s, 2);
  const operand *values = &s->given[is_load ? 0 : 1];
  if ((values->kind != VECTOR && values->kind != ITEM) || values->negated || values->has_second ||
      values->parts != i->count || (values->kind == VECTOR) != (i->count > 1))
    ptx_refuse(s, "the values are not as many as the type says");
  if (is_load) add_values(s, values, true);
  ptx_add_address(s, is_load ? 1 : 0);
  if (i->address_width == BITS32 && i->space != SHARED) ptx_refuse(s, "an address of 64 bits is wanted");
  if (!is_load) add_values(s, values, false);
  i->run = is_load ? load : store;
  return true;
}
