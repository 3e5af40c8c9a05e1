/* Instructions that all lanes of a warp carry out together: PTX ISA, "Warp Level Matrix Multiply-Accumulate
 * Instructions" (mma, ldmatrix, movmatrix), "Data Movement and Conversion Instructions: shfl.sync" and "Parallel
 * Synchronization and Communication Instructions: vote.sync". */
#include <stdio.h>
#include <string.h>

#include "ptx.h"

/* ---- mma --------------------------------------------------------------------------------------------------------- */

static float element_of(const instruction *i, const uint32_t *registers, uint32_t lane, bool upper) {
  const uint16_t bits = (uint16_t)(upper ? registers[lane] >> 16 : registers[lane]);
  return i->from == 'b' ? ptx_float_of_bfloat(bits) : ptx_float_of_half(bits);
}

/* A is 16 x depth, B depth x 8, C and D 16 x 8; ISA's tables say which element each lane holds where. The products are
 * exact, summed in double, and then rounded to float: a GPU rounds more, in an order that PTX ISA leaves open. */
static void mma(warp *w, const instruction *i) {
  enum { ROWS = 16, COLUMNS = 8, DEPTH = 16 };
  const uint32_t depth = i->count, a_registers = depth / 4, b_registers = depth / 8;
  float a[ROWS][DEPTH], b[DEPTH][COLUMNS];
  double sums[ROWS][COLUMNS];
  for (uint32_t l = 0; l < LANES; ++l) {
    const uint32_t row = l / 4, pair = l % 4 * 2;
    for (uint32_t half = 0; half < 2; ++half) {
      for (uint32_t r = 0; r < a_registers;
           ++r) /* the second register has the rows below, the next two the columns right */
        a[row + r % 2 * 8][pair + half + r / 2 * 8] = element_of(i, IN(uint32_t, r), l, half != 0);
      for (uint32_t r = 0; r < b_registers; ++r)
        b[pair + half + r * 8][row] = element_of(i, IN(uint32_t, a_registers + r), l, half != 0);
      for (uint32_t r = 0; r < 2; ++r)
        sums[row + r * 8][pair + half] = IN(float, a_registers + b_registers + 2 * r + half)[l];
    }
  }
  for (uint32_t row = 0; row < ROWS; ++row)
    for (uint32_t column = 0; column < COLUMNS; ++column)
      for (uint32_t k = 0; k < depth; ++k) sums[row][column] += (double)a[row][k] * (double)b[k][column];
  for (uint32_t l = 0; l < LANES; ++l)
    for (uint32_t r = 0; r < 4; ++r) OUT(float, r)[l] = (float)sums[l / 4 + r / 2 * 8][l % 4 * 2 + r % 2];
}

/* ---- ldmatrix and movmatrix -------------------------------------------------------------------------------------- */

enum { SIDE = 8 };

/* Lane l has elements 2 (l % 4) and the next of row l / 4. */
static void spread(uint32_t *to, uint16_t from[SIDE][SIDE], bool transposed) {
  for (uint32_t l = 0; l < LANES; ++l) {
    const uint32_t row = l / 4, first = l % 4 * 2;
    const uint16_t low = transposed ? from[first][row] : from[row][first];
    const uint16_t high = transposed ? from[first + 1][row] : from[row][first + 1];
    to[l] = low | (uint32_t)high << 16;
  }
}

/* Lanes 8 n to 8 n + 7 have the addresses of the rows of matrix n. */
static void load_matrices(warp *w, const instruction *i) {
  for (uint32_t n = 0; n < i->count; ++n) {
    uint16_t matrix[SIDE][SIDE];
    for (uint32_t row = 0; row < SIDE; ++row) {
      const uint32_t lane = n * SIDE + row;
      const uint64_t address = ptx_address(w, i, 0, lane);
      if (address % sizeof matrix[0] != 0)
        ptx_fault(w, lane, "address %llu is no multiple of 16", (unsigned long long)address);
      memcpy(matrix[row], ptx_shared_read(w, lane, address, sizeof matrix[0]), sizeof matrix[0]);
    }
    spread(OUT(uint32_t, n), matrix, i->second);
  }
}

static void move_matrix(warp *w, const instruction *i) {
  uint16_t matrix[SIDE][SIDE];
  for (uint32_t l = 0; l < LANES; ++l) {
    const uint32_t bits = IN(uint32_t, 0)[l];
    matrix[l / 4][l % 4 * 2] = (uint16_t)bits;
    matrix[l / 4][l % 4 * 2 + 1] = (uint16_t)(bits >> 16);
  }
  spread(OUT(uint32_t, 0), matrix, true);
}

/* ---- shfl.sync, and the barrier of a warp ------------------------------------------------------------------------ */

/* PTX ISA, "shfl.sync": c holds the last lane of a segment, and in its upper bits which bits of a lane's number name
 * the segment. A lane whose source is outside of
 * its segment keeps its own value. */
static void shuffle(warp *w, const instruction *i) {
  uint32_t result[LANES], within = 0;
  const uint32_t *values = IN(uint32_t, 0), *places = IN(uint32_t, 1), *limits = IN(uint32_t, 2);
  for (uint32_t l = 0; l < LANES; ++l) {
    if ((w->mask >> l & 1) == 0) continue;
    const uint32_t b = places[l] & 31, clamp = limits[l] & 31, segment = limits[l] >> 8 & 31;
    const uint32_t last = (l & segment) | (clamp & ~segment), first = l & segment;
    uint32_t from = l;
    bool is_within = true;
    switch (i->mode[0]) {
    case 'u':
      is_within = l >= b && l - b >= last; /* of "up", the limit is the first lane */
      from = l - b;
      break;
    case 'd':
      from = l + b;
      is_within = from <= last;
      break;
    case 'b':
      from = l ^ b;
      is_within = from <= last;
      break;
    default:
      from = first | (b & ~segment);
      is_within = from <= last;
    }
    if (!is_within) from = l;
    if ((w->mask >> from & 1) == 0) ptx_fault(w, l, "lane %u, from which it takes the value, has ended", from);
    result[l] = values[from];
    within |= (uint32_t)is_within << l;
  }
  for (uint32_t l = 0; l < LANES; ++l)
    if ((w->mask >> l & 1) != 0) OUT(uint32_t, 0)[l] = result[l];
  if (i->outs == 2) {
    uint32_t *to = OUT(uint32_t, 1);
    *to = (*to & ~w->mask) | (within & w->mask);
  }
}

/* Inactive lanes do not vote. */
static void vote(warp *w, const instruction *i) {
  const uint32_t votes = *IN(uint32_t, 0) & w->mask;
  uint32_t *to = OUT(uint32_t, 0);
  *to = (*to & ~w->mask) | (votes != 0 ? w->mask : 0);
}

static void warp_barrier(warp *w, const instruction *i) {
  (void)i;
  w->since = ++w->group->clock;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static void add_vector(const statement *s, uint32_t number, uint32_t parts, bool out) {
  const operand *o = &s->given[number];
  const bool is_one = parts == 1 && o->kind == ITEM && !o->negated && !o->has_second; /* braces may be left out */
  if ((o->kind != VECTOR && !is_one) || o->parts != parts)
    ptx_refuse(s, "a vector has not the parts that it should have");
  for (uint32_t n = 0; n < parts; ++n) ptx_add(s, &o->part[n], BITS32, out);
}

static bool bind_mma(const statement *s) {
  static const struct {
    const char *name;
    uint32_t depth;
  } known[] = {{"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", 8},
               {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 16},
               {"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", 8},
               {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 16}};
  for (size_t n = 0; n < sizeof known / sizeof known[0]; ++n) {
    if (strcmp(s->name, known[n].name) != 0) continue;
    const uint32_t depth = known[n].depth;
    ptx_expect(s, 4);
    add_vector(s, 0, 4, true);
    add_vector(s, 1, depth / 4, false);
    add_vector(s, 2, depth / 8, false);
    add_vector(s, 3, 4, false);
    s->to->count = depth;
    s->to->from = strstr(s->name, ".bf16.") != NULL ? 'b' : 'f';
    s->to->run = mma;
    return true;
  }
  return false;
}

static bool bind_load_matrices(const statement *s) {
  static const char *const ends[] = {".shared.b16", ".trans.shared.b16"};
  for (uint32_t count = 1; count <= 4; count *= 2)
    for (uint32_t transposed = 0; transposed < 2; ++transposed) {
      char name[64];
      snprintf(name, sizeof name, "ldmatrix.sync.aligned.m8n8.x%u%s", count, ends[transposed]);
      if (strcmp(s->name, name) != 0) continue;
      ptx_expect(s, 2);
      add_vector(s, 0, count, true);
      ptx_add_address(s, 1);
      s->to->count = count;
      s->to->second = transposed != 0;
      s->to->run = load_matrices;
      return true;
    }
  return false;
}

static bool bind_shuffle(const statement *s) {
  static const char *const known[] = {"shfl.sync.up.b32", "shfl.sync.down.b32", "shfl.sync.bfly.b32",
                                      "shfl.sync.idx.b32"};
  for (size_t n = 0; n < sizeof known / sizeof known[0]; ++n) {
    if (strcmp(s->name, known[n]) != 0) continue;
    ptx_expect(s, 5);
    const operand *to = &s->given[0];
    if (to->kind != ITEM || to->negated) ptx_refuse(s, "the result is not a register");
    ptx_add(s, &to->part[0], BITS32, true);
    if (to->has_second) ptx_add(s, &to->second, PREDICATE, true);
    for (uint32_t at = 1; at < 5; ++at) ptx_add_item(s, at, BITS32, false);
    s->to->mode[0] = known[n][10];
    s->to->run = shuffle;
    return true;
  }
  return false;
}

static bool bind_other(const statement *s) {
  if (strcmp(s->name, "movmatrix.sync.aligned.m8n8.trans.b16") == 0) {
    ptx_expect(s, 2);
    ptx_add_item(s, 0, BITS32, true);
    ptx_add_item(s, 1, BITS32, false);
    s->to->run = move_matrix;
    return true;
  }
  if (strcmp(s->name, "vote.sync.any.pred") == 0) {
    ptx_expect(s, 3);
    ptx_add_item(s, 0, PREDICATE, true);
    ptx_add_item(s, 1, PREDICATE, false);
    ptx_add_item(s, 2, BITS32, false);
    s->to->run = vote;
    return true;
  }
  if (strcmp(s->name, "bar.warp.sync") == 0) {
    ptx_expect(s, 1);
    ptx_add_item(s, 0, BITS32, false);
    s->to->run = warp_barrier;
    return true;
  }
  return false;
}

bool ptx_bind_matrix(const statement *s) {
  instruction *i = s->to;
  if (!bind_mma(s) && !bind_load_matrices(s) && !bind_shuffle(s) && !bind_other(s)) return false;
  i->flow = TOGETHER;
  /* "aligned": of all lanes. The others name their lanes in the last operand. */
  i->whole_warp = strstr(s->name, ".aligned.") != NULL;
  return true;
}
