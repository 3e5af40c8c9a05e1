/* A product of floats in a GPU's matrix unit. One work-group computes a tile of BLOCK_ROWS x BLOCK_COLS elements of
 * A*B, each of its sub-groups GROUP_ROWS x GROUP_COLS of them:
 *
 *              depth          GROUP_COLS
 *            +---+---+       +-----+-----+
 *            | # |   | depth |  #  |     |     Tiles of A and B are fetched together, TILE_DEPTH terms of each, as in
 *            +---+---+       +-----+-----+     product_wide.cl. Sub-group 0 has the marked parts of both; here there
 *            |   |   |       |     |     |     are GROUPS_DOWN x GROUPS_ACROSS = 2 x 2 sub-groups. Their sums stay in
 *            +---+---+       +-----+-----+     registers (common/matrix_unit.cl).
 *
 * The unit multiplies halves or bfloat16s, and adds floats. A float is a sum of three bfloat16s, exactly:
 *
 *     1.7182819 = 1.71875 - 0.0004673 - 0.0000008345      each is the nearest bfloat16 of what is left
 *
 * So a = a1 + a2 + a3, b = b1 + b2 + b3, and of the nine products of their parts six are computed: a1 b1, a1 b2, a2 b1,
 * a1 b3, a2 b2, a3 b1. The other three are at most 1.001 * 2^-24 |a b| together, the rounding of one float. The unit
 * multiplies two numbers of 8 bits exactly. A_PARTS and B_PARTS are 3, or fewer where fewer are exact: 1 for what was
 * stored in the unit's type, 2 for halves as bfloat16s. Then there are fewer products: 5, 3 or 1.
 *
 * How a unit adds up is not documented, and it may truncate. So the products of TILE_DEPTH terms are added up from 0,
 * the small ones first, and a lane adds their sum to the total, rounded as always.
 *
 * REGULAR numbers have parts and products of parts that neither overflow nor underflow: units may take what is below
 * 2^-126 for 0, and a1 may be infinity where a is not. A number that is not regular, such as a NaN, counts as 0 in the
 * tile. The terms that have one are added in float, one by one, after the tile's.
 *
 * B_ALONG_DEPTH has the meaning it has in product_tiled.cl.
 */
#ifndef MATRIX_UNIT
#define MATRIX_UNIT MATRIX_MMA_16 /* MATRIX_..., 1 to 7, of common/matrix_units.h */
#endif
#ifndef GROUPS_DOWN
#define GROUPS_DOWN 2 /* 1, 2, 4 */
#endif
#ifndef GROUPS_ACROSS
#define GROUPS_ACROSS 2 /* 1, 2, 4 */
#endif
#ifndef GROUP_ROWS
#define GROUP_ROWS 32 /* 16, 32, 64 */
#endif
#ifndef GROUP_COLS
#define GROUP_COLS 64 /* 16, 32, 64 */
#endif
#ifndef TILE_DEPTH
#define TILE_DEPTH 16 /* 16, 32, 64 */
#endif
#ifndef A_PARTS
#define A_PARTS 3 /* 1, 2, 3 */
#endif
#ifndef B_PARTS
#define B_PARTS 3 /* 1, 2, 3 */
#endif
#ifndef BFLOAT16
#define BFLOAT16 1 /* 0 only if both have one part */
#endif
#ifndef B_ALONG_DEPTH
#define B_ALONG_DEPTH 0
#endif
#include "common/fours.cl"
#include "common/matrix.cl"
#include "common/matrix_unit.cl"

#define BLOCK_ROWS (GROUPS_DOWN * GROUP_ROWS)
#define BLOCK_COLS (GROUPS_ACROSS * GROUP_COLS)
#define ITEMS (GROUPS_DOWN * GROUPS_ACROSS * UNIT_LANES)

/* Numbers of sums of a sub-group, and of steps through a tile. */
#define ROW_SUMS (GROUP_ROWS / UNIT_ROWS)
#define COLUMN_SUMS (GROUP_COLS / UNIT_COLUMNS)
#define STEPS (TILE_DEPTH / UNIT_DEPTH)

/* A tile's rows run along the depth, except where B's do not and the unit can load right fragments from them as they
 * are. Rows are 16 bytes longer than what they hold, so that the lanes that read eight of them at a time read different
 * banks. The tile of a part follows that of the part before. */
#define B_ACROSS (!B_ALONG_DEPTH && MATRIX_IS_MMA(MATRIX_UNIT))
#define DEPTH_ROW (TILE_DEPTH + 8)
#define A_PART (BLOCK_ROWS * DEPTH_ROW)
#if B_ACROSS
#define B_ROW (BLOCK_COLS + 8)
#define B_PART (TILE_DEPTH * B_ROW)
#define LOAD_B(unit, tile, column, k) load_right_across(unit, (tile) + (k)*B_ROW + (column), B_ROW)
#else
#define B_ROW DEPTH_ROW
#define B_PART (BLOCK_COLS * B_ROW)
#define LOAD_B(unit, tile, column, k) load_right(unit, (tile) + (column)*B_ROW + (k), B_ROW)
#endif

/* The last of the products a_i b_j, counted from 0: those with a larger i + j are left out. */
#define LAST_PRODUCT 2

/* With more than one part, a float's smallest is at least 2^-23 of it, so a product of two parts is at least 2^-126;
 * and the sums of a tile stay below 2^127. One part is the number itself: all halves are regular. */
#if A_PARTS > 1 || B_PARTS > 1
#define REGULAR_LEAST 0x1p-40f
#define REGULAR_END 0x1p60f
#else
#define REGULAR_LEAST 0x1p-126f
#define REGULAR_END INFINITY
#endif

/* Each work-item copies ROUNDS of so many fours. In an unrolled loop of that length they are under way together. */
#define ROUNDS(fours) (((fours) + ITEMS - 1) / ITEMS)

/* Local memory that a work-group shares. */
typedef struct product_tiles {
  local ushort *a;   /* [A_PARTS * A_PART] */
  local ushort *b;   /* [B_PARTS * B_PART] */
  local int *others; /* [2]: whether a number of the tiles is not regular, for tiles by turns */
} product_tiles;

/* Where this sub-group's results begin in the work-group's. */
int group_row(void) {
  return get_local_id(0) / UNIT_LANES / GROUPS_ACROSS * GROUP_ROWS;
}

int group_column(void) {
  return get_local_id(0) / UNIT_LANES % GROUPS_ACROSS * GROUP_COLS;
}

/* ---- into local memory ------------------------------------------------------------------------------------------- */

int is_regular(float value) {
  const float size = fabs(value);
  return size == 0.0f || (size >= REGULAR_LEAST && size < REGULAR_END);
}

/* Replaces what is not regular by 0; true if there is one. */
int replace_others(float4 *four) {
  const float4 size = fabs(*four);
  const int4 kept = (size == 0.0f) | ((size >= REGULAR_LEAST) & (size < REGULAR_END));
  *four = as_float4(as_int4(*four) & kept);
  return !all(kept);
}

/* The next part of four floats, which become what is left. bfloat16s are rounded to nearest, ties away from 0. */
ushort4 take_part(float4 *rest) {
#if BFLOAT16
  const uint4 bits = (as_uint4(*rest) + 0x8000u) & 0xffff0000u;
  *rest -= as_float4(bits);
  return convert_ushort4(bits >> 16);
#else
  return (ushort4)(to_operand(rest->x), to_operand(rest->y), to_operand(rest->z), to_operand(rest->w));
#endif
}

/* Loads terms k0 ... of `lines` rows of a matrix whose rows run along the depth. Terms from `depth` on are 0. True if a
 * number is not regular. */
int load_along(const matrix m, const int lines, const int parts, int k0, int depth, local ushort *tile) {
  const int fours = lines * (TILE_DEPTH / 4);
  int found = 0;
  UNROLL
  for (int n = 0; n < ROUNDS(fours); ++n) {
    const int i = n * ITEMS + (int)get_local_id(0), line = i / (TILE_DEPTH / 4), k = i % (TILE_DEPTH / 4) * 4;
    if (fours % ITEMS != 0 && i >= fours) break;
    float4 four = load4(m.at + line * m.row + k0 + k, line < m.count ? depth - k0 - k : 0);
    found |= replace_others(&four);
    UNROLL
    for (int part = 0; part < parts; ++part)
      *(local ushort4 *)(tile + (part * lines + line) * DEPTH_ROW + k) = take_part(&four);
  }
  return found;
}

/* The same for a B whose rows run along its columns. Where the tile's do not, eight neighbouring work-items have the
 * same columns of eight rows: they store to neighbouring places, and still read global memory 64 bytes at a time. */
int load_across(const matrix b, int k0, int depth, local ushort *tile) {
  const int across = BLOCK_COLS / 4, fours = TILE_DEPTH * across;
  int found = 0;
  UNROLL
  for (int n = 0; n < ROUNDS(fours); ++n) {
    const int i = n * ITEMS + (int)get_local_id(0);
    if (fours % ITEMS != 0 && i >= fours) break;
#if B_ACROSS
    const int k = i / across, column = i % across * 4;
#else
    const int k = i % 8 + i / (8 * across) * 8, column = i / 8 % across * 4;
#endif
    float4 four = load4(b.at + (k0 + k) * b.row + column, k0 + k < depth ? b.count - column : 0);
    found |= replace_others(&four);
    UNROLL
    for (int part = 0; part < B_PARTS; ++part) {
      const ushort4 values = take_part(&four);
#if B_ACROSS
      *(local ushort4 *)(tile + part * B_PART + k * B_ROW + column) = values;
#else
      local ushort *to = tile + part * B_PART + column * B_ROW + k;
      to[0] = values.x;
      to[B_ROW] = values.y;
      to[2 * B_ROW] = values.z;
      to[3 * B_ROW] = values.w;
#endif
    }
  }
  return found;
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* Adds the products of one column of sums, for all of a tile's terms, to the totals. */
void multiply_column(const matrix_unit unit, const left_fragment left[STEPS][ROW_SUMS][A_PARTS],
                     const right_fragment right[STEPS][B_PARTS], int c, sum_fragment total[ROW_SUMS][COLUMN_SUMS]) {
  sum_fragment sum[ROW_SUMS];
  UNROLL
  for (int r = 0; r < ROW_SUMS; ++r) UNROLL
  for (int i = 0; i < SUM_VALUES; ++i) sum[r].value[i] = 0.0f;
  UNROLL
  for (int product = LAST_PRODUCT; product >= 0; --product) UNROLL
  for (int step = 0; step < STEPS; ++step) UNROLL
  for (int a = 0; a < A_PARTS; ++a) {
    const int b = product - a;
    if (b < 0 || b >= B_PARTS) continue;
    UNROLL
    for (int r = 0; r < ROW_SUMS; ++r) multiply_add(unit, left[step][r][a], right[step][b], &sum[r]);
  }
  UNROLL
  for (int r = 0; r < ROW_SUMS; ++r) UNROLL
  for (int i = 0; i < SUM_VALUES; ++i) total[r][c].value[i] += sum[r].value[i];
}

void multiply_tiles(const matrix_unit unit, const product_tiles tiles, sum_fragment total[ROW_SUMS][COLUMN_SUMS]) {
  local const ushort *const a_tile = tiles.a + group_row() * DEPTH_ROW;
  left_fragment left[STEPS][ROW_SUMS][A_PARTS];
  UNROLL
  for (int step = 0; step < STEPS; ++step) UNROLL
  for (int r = 0; r < ROW_SUMS; ++r) UNROLL
  for (int part = 0; part < A_PARTS; ++part)
    left[step][r][part] =
        load_left(unit, a_tile + part * A_PART + r * UNIT_ROWS * DEPTH_ROW + step * UNIT_DEPTH, DEPTH_ROW);
  UNROLL
  for (int c = 0; c < COLUMN_SUMS; ++c) {
    right_fragment right[STEPS][B_PARTS];
    UNROLL
    for (int step = 0; step < STEPS; ++step) UNROLL
    for (int part = 0; part < B_PARTS; ++part)
      right[step][part] = LOAD_B(unit, tiles.b + part * B_PART, group_column() + c * UNIT_COLUMNS, step * UNIT_DEPTH);
    multiply_column(unit, left, right, c, total);
  }
}

/* Adds the terms of a tile that have a number which is not regular. */
void add_others(const matrix a, const matrix b, int lane, int k0, int depth,
                sum_fragment total[ROW_SUMS][COLUMN_SUMS]) {
  for (int k = k0; k < min(k0 + TILE_DEPTH, depth); ++k) {
    UNROLL
    for (int r = 0; r < ROW_SUMS; ++r) UNROLL
    for (int c = 0; c < COLUMN_SUMS; ++c) UNROLL
    for (int i = 0; i < SUM_VALUES; ++i) {
      const int row = group_row() + r * UNIT_ROWS + sum_row(MATRIX_UNIT, lane, i);
      const int column = group_column() + c * UNIT_COLUMNS + sum_column(MATRIX_UNIT, lane, i);
      if (row >= a.count || column >= b.count) continue;
      const float of_a = a.at[row * a.row + k];
      const float of_b = b.at[B_ALONG_DEPTH ? column * b.row + k : k * b.row + column];
      if (!is_regular(of_a) || !is_regular(of_b)) total[r][c].value[i] = fma(of_a, of_b, total[r][c].value[i]);
    }
  }
}

/* Computes the sums over `depth` terms of this lane's elements of the output tile. a and b start at the tile's first
 * row and column. depth is the same in the whole work-group. */
void product_matrix(const matrix_unit unit, const matrix a, const matrix b, int depth, const product_tiles tiles,
                    sum_fragment total[ROW_SUMS][COLUMN_SUMS]) {
  UNROLL
  for (int r = 0; r < ROW_SUMS; ++r) UNROLL
  for (int c = 0; c < COLUMN_SUMS; ++c) UNROLL
  for (int i = 0; i < SUM_VALUES; ++i) total[r][c].value[i] = 0.0f;
  if (get_local_id(0) == 0) tiles.others[0] = 0;
  barrier(CLK_LOCAL_MEM_FENCE); /* it is 0 before anyone may set it */
  for (int k0 = 0, turn = 0; k0 < depth; k0 += TILE_DEPTH, turn = 1 - turn) {
    int found = load_along(a, BLOCK_ROWS, A_PARTS, k0, depth, tiles.a);
#if B_ALONG_DEPTH
    found |= load_along(b, BLOCK_COLS, B_PARTS, k0, depth, tiles.b);
#else
    found |= load_across(b, k0, depth, tiles.b);
#endif
    if (found) tiles.others[turn] = 1; /* all writers write the same value */
    barrier(CLK_LOCAL_MEM_FENCE);      /* the tiles are complete before anyone reads them */
    if (get_local_id(0) == 0) tiles.others[1 - turn] = 0;
    multiply_tiles(unit, tiles, total);
    if (tiles.others[turn]) add_others(a, b, unit.lane, k0, depth, total);
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
}
