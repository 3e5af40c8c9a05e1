/* Fused attention for a block of rows, for GPUs. One work-group processes BLOCK_ROWS = LOCAL_Y*ITEM_ROWS rows and goes
 * through their keys, BLOCK_KEYS = LOCAL_X*ITEM_KEYS at a time. For each such tile of keys, work-item (x, y) computes
 * ITEM_ROWS x ITEM_KEYS scores. It keeps ITEM_ROWS x VALUE_VECTORS float4 of context in registers all the way:
 *
 *             keys                     value_dim
 *        . x . x . x . x        . . x x x x . . . . x x x x
 *        . . . . . . . .        . . . . . . . . . . . . . .    rows y, y + LOCAL_Y ...; keys x, x + LOCAL_X ...;
 *        . x . x . x . x        . . x x x x . . . . x x x x    float4s x, x + LOCAL_X ... of the values
 *
 * Both products read vectors of 4 from local memory: ITEM_ROWS + ITEM_KEYS of them serve 4*ITEM_ROWS*ITEM_KEYS
 * multiply-adds of the scores, ITEM_ROWS + 4*VALUE_VECTORS serve 16*ITEM_ROWS*VALUE_VECTORS of the context. Rows of Q,
 * K and weights in local memory are an odd number of vectors long, so that work-items on neighbouring rows read
 * different banks.
 *
 * Q and K pass through local memory TILE_DEPTH columns at a time, so any head_dim fits. If head_dim is at most
 * TILE_DEPTH, Q stays there. V then overwrites what the scores no longer need.
 *
 * The LOCAL_X work-items of a row join their maxima for each tile, but their sums only at the end. Until then each
 * work-item holds the sum over its own keys. common/exchange.cl says how they join them.
 *
 * A masked key's value needs care only if it is not finite, since its weight is 0. If a work-item has found a NaN or an
 * infinity in a tile of V, a slower loop skips masked keys one by one.
 *
 * The two products are in common/products_float.cl and, with HALF_PRODUCTS, in common/products_half.cl. There, numbers
 * that are too large for products in half need care, too: a slower loop computes that product of the tile in float.
 *
 * HEADS_TOGETHER 1: the rows come from all query heads that share a KV head, head after head; 0: from one head.
 */
#ifndef HEADS_TOGETHER
#define HEADS_TOGETHER 0
#endif
#ifndef WIDE_ROWS
#define WIDE_ROWS 0 /* 1: rows of q, k and v begin and end at multiples of four elements */
#endif

#ifndef HALF_PRODUCTS
#define HALF_PRODUCTS 0 /* 1: q, k and v are halves, and so are the tiles in local memory */
#endif
#if HALF_PRODUCTS
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
typedef half tile_element;
typedef half4 tile_vector;
#define FLAGS 2
#else
typedef float tile_element;
typedef float4 tile_vector;
#define FLAGS 1
#endif

#ifndef SUB_GROUPS_OF_16
#define SUB_GROUPS_OF_16 0 /* 1: for Intel's compiler, which may take 32 work-items and so halve their registers */
#endif
#if SUB_GROUPS_OF_16
#define SUB_GROUP __attribute__((intel_reqd_sub_group_size(16)))
#else
#define SUB_GROUP
#endif

/* Elements that a work-item fetches at a time, and how many such fetches are in flight. With single elements, several
 * fetches would need more registers for addresses than they gain. */
#if WIDE_ROWS
#define CHUNK 4
#define FETCHES 4
#else
#define CHUNK 1
#define FETCHES 1
#endif

#define BLOCK_ROWS (LOCAL_Y * ITEM_ROWS)
#define BLOCK_KEYS (LOCAL_X * ITEM_KEYS) /* a multiple of 4 */
#define ITEMS (LOCAL_X * LOCAL_Y)
#include "common/exchange.cl"

/* Lengths of rows in local memory, in vectors of 4. */
#if TILE_DEPTH < HEAD_DIM
#define DEPTH_VECTORS (TILE_DEPTH / 4)
#define VALUES_AT 0 /* where V's tile begins */
#else
#define DEPTH_VECTORS ((HEAD_DIM + 3) / 4)
#define VALUES_AT KEYS_AT
#endif
#define DEPTH (4 * DEPTH_VECTORS)
#define DEPTH_ROW (DEPTH_VECTORS | 1)
#define VALUE_VECTORS ((VALUE_DIM + 4 * LOCAL_X - 1) / (4 * LOCAL_X))
#define VALUE_ROW (VALUE_VECTORS * LOCAL_X)
#define WEIGHT_ROW (BLOCK_KEYS / 4 | 1)

#define KEYS_AT (BLOCK_ROWS * DEPTH_ROW) /* after Q */
#define KEYS_END (KEYS_AT + BLOCK_KEYS * DEPTH_ROW)
#define VALUES_END (VALUES_AT + BLOCK_KEYS * VALUE_ROW)
#define TILE_VECTORS (KEYS_END > VALUES_END ? KEYS_END : VALUES_END)

typedef struct fused_inputs {
  global const void *q, *k, *v; /* stored as Q_TYPE, K_TYPE and V_TYPE */
  global const void *mask;
  global const float *slopes;
  global const void *k_scales, *v_scales; /* of a cache whose type has some */
  global const int *table;                /* with pages: the numbers of those of the sequence */
} fused_inputs;

/* Rows of keys or values in global memory. */
typedef struct key_rows {
  global const void *from, *scales;
  size_t at,
      stride;    /* where the head's first row, or with pages row 0 of the cache, begins; from one row to the next */
  int dim, head; /* elements of a vector; KV head */
} key_rows;

/* The rows and keys of a work-group. */
typedef struct fused_block {
  sequence s;             /* its head is the first of the block's heads */
  int first_line, lines;  /* the block's first, and the number in all heads. A line is a row, numbered through heads */
  int first_row, row_end; /* of each head; all rows of the block are among them */
  int first_key, key_end; /* whole tiles, or up to the last key that a row sees */
} fused_block;

/* Local memory that a work-group shares. */
typedef struct block_memory {
  local tile_vector *tile;    /* [TILE_VECTORS] */
  local tile_vector *weights; /* [BLOCK_ROWS * WEIGHT_ROW] */
  local float4 *part;         /* [BLOCK_ROWS * PART_ROW], of common/exchange.cl */
  local int *flags;           /* [FLAGS]: [0] a value needs care; [FLAGS - 1] with HALF_PRODUCTS: so does an operand */
  local ulong *places;        /* with pages, [BLOCK_KEYS]: the rows of a tile of keys in the cache */
  int in_step;                /* of common/exchange.cl */
} block_memory;

/* The running results of a work-item. */
typedef struct block_sums {
  float largest[ITEM_ROWS], sum[ITEM_ROWS]; /* sum: over its own keys */
  float4 context[ITEM_ROWS][VALUE_VECTORS]; /* its own columns */
} block_sums;

/* This work-item's r-th row, counted within the block. */
int row_in_block(int r) {
  return get_local_id(1) + r * LOCAL_Y;
}

#if HALF_PRODUCTS
#include "common/products_half.cl"
#else
#include "common/products_float.cl"
#endif

/* ---- which row --------------------------------------------------------------------------------------------------- */

/* Returns the row's number in its head and sets *s to that head. There may be no such row. */
int place_row(const attention a, const fused_block b, int row_in_block, sequence *s) {
  const int line = b.first_line + row_in_block;
  *s = b.s;
#if HEADS_TOGETHER
  if (line >= b.lines) return -1;
  const int head = line / a.query_len;
  s->head += head;
  return line - head * a.query_len;
#else
  return line;
#endif
}

int is_row(const sequence s, int row) {
  return row >= 0 && row < s.query_len;
}

/* The row or, if it does not exist, the nearest that does: computed twice, stored once. A block with keys has rows. */
int nearest_row(const sequence s, int row) {
  return clamp(row, 0, s.query_len - 1);
}

/* ---- into local memory ------------------------------------------------------------------------------------------- */

int item_number(void) {
  return get_local_id(1) * LOCAL_X + get_local_id(0);
}

/* ACROSS work-items share a row of a tile, which has `width` elements: each takes every ACROSS-th chunk of it, the same
 * chunks in each of its rows. All work-items together load DOWN rows at a time. */
#define ACROSS(width) (ITEMS % ((width) / CHUNK) == 0 ? (width) / CHUNK : LOCAL_X)
#define DOWN(width) (ITEMS / ACROSS(width))
#define FETCHES_OF(rows, width) (((rows) + DOWN(width) - 1) / DOWN(width))

/* Copies a work-item's columns of a vector of `dim` elements stored as `type`, from column `first` on, to a row of a
 * tile; those behind its end become 0. True if one needs care: it is not finite or, with HALF_PRODUCTS, larger than
 * `most`. */
int load_row(int type, const stored_vector from, int first, const int dim, const int width, float most,
             local tile_vector *to) {
  int care = 0;
#pragma unroll
  for (int c = item_number() % ACROSS(width) * CHUNK; c < width; c += ACROSS(width) * CHUNK) {
#if WIDE_ROWS
    const float4 values = dim % width == 0 || first + c < dim ? load_elements4(type, from, first + c) : 0.0f;
    to[c / 4] = in_tile(values);
#else
    const float values = dim % width == 0 || first + c < dim ? load_element(type, from, first + c) : 0.0f;
    ((local tile_element *)to)[c] = (tile_element)values;
#endif
    care |= need_care(values, most);
  }
  return care;
}

/* Loads DEPTH columns of the block's queries, from column depth0 on; a row that does not exist gets those of another.
 * True as above. */
int load_queries(const attention a, const fused_block b, global const void *q, int depth0, local tile_vector *tile) {
  int care = 0;
#pragma unroll FETCHES
  for (int i = 0; i < FETCHES_OF(BLOCK_ROWS, DEPTH); ++i) {
    const int r = item_number() / ACROSS(DEPTH) + i * DOWN(DEPTH);
    if (BLOCK_ROWS % DOWN(DEPTH) != 0 && r >= BLOCK_ROWS) break;
    sequence s;
    stored_vector query;
    const int row = place_row(a, b, r, &s);
    s.first_query += nearest_row(s, row);
    find_vector(q, query_offset(a, a.q, s), &query);
    care |= load_row(Q_TYPE, query, depth0, HEAD_DIM, DEPTH, LARGEST_OPERAND, tile + r * DEPTH_ROW);
  }
  return care;
}

#if PAGES
/* Finds the rows of a tile of keys in the pages of a cache. */
void find_places(const attention a, const fused_block b, const fused_inputs in, int key0, local ulong *places) {
  for (int i = item_number(); i < BLOCK_KEYS; i += ITEMS)
    places[i] = place_in_pages(in.table, a.page_len, clamp(key0 + i, 0, max(b.key_end - 1, 0)));
}
#endif

/* Loads columns of a tile of K or V, from column `first` on. Each row of the tile gets `width` elements;
 * rows behind the last key repeat it, and their scores are masked. True as above. */
int load_keys(int type, const key_rows rows, int key0, int key_end, int first, const int width, float most,
              const block_memory memory, local tile_vector *tile, int tile_row) {
  int care = 0;
#pragma unroll FETCHES
  for (int i = 0; i < FETCHES_OF(BLOCK_KEYS, width); ++i) {
    const int r = item_number() / ACROSS(width) + i * DOWN(width);
    if (BLOCK_KEYS % DOWN(width) != 0 && r >= BLOCK_KEYS) break;
    const size_t place = PAGES ? memory.places[r] : (uint)min(key0 + r, key_end - 1);
    stored_vector vector;
    find_cached(type, rows.from, rows.scales, rows.at + place * rows.stride, rows.dim, rows.head, &vector);
    care |= load_row(type, vector, first, rows.dim, width, most, tile + r * tile_row);
  }
  return care;
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

/* Computes the products for a tile of keys, from key0 on. */
void multiply_keys(const attention a, const fused_block b, const fused_inputs in, int key0, const block_memory memory,
                   float score[ITEM_ROWS][ITEM_KEYS]) {
  product_sum product[ITEM_ROWS][ITEM_KEYS];
  const key_rows rows = {in.k, in.k_scales, rows_offset(a, a.k, b.s), a.k.row, HEAD_DIM, b.s.head / a.group};
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r)
#pragma unroll
    for (int c = 0; c < ITEM_KEYS; ++c) product[r][c] = 0.0f;
  for (int depth0 = 0; depth0 < HEAD_DIM; depth0 += DEPTH) {
    int care = DEPTH < HEAD_DIM && load_queries(a, b, in.q, depth0, memory.tile);
    care |= load_keys(K_TYPE, rows, key0, b.key_end, depth0, DEPTH, LARGEST_OPERAND, memory, memory.tile + KEYS_AT,
                      DEPTH_ROW);
    if (HALF_PRODUCTS && care) memory.flags[FLAGS - 1] = 1; /* all writers write the same value */
    barrier(CLK_LOCAL_MEM_FENCE);                           /* the tiles are complete before anyone reads them */
    add_products(memory, a.scale, product);
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r)
#pragma unroll
    for (int c = 0; c < ITEM_KEYS; ++c) score[r][c] = TOTAL(product[r][c]);
}

/* From products to scores. Where all rows see all keys and nothing else changes a score, only the scale is applied. */
void finish_scores(const attention a, const fused_block b, const fused_inputs in, int key0,
                   float score[ITEM_ROWS][ITEM_KEYS]) {
  /* The same for all rows. Each row's own first and end would stay in registers while other tiles are processed. */
  key_span span;
  find_span(a, b.s, &span);
  /* If the last row sees the first key, and the first row the last key, all rows see all keys. */
  if (is_plain(a, in.slopes) && key0 + BLOCK_KEYS <= b.key_end && is_seen(span, b.row_end - 1, key0) &&
      is_seen(span, b.first_row, key0 + BLOCK_KEYS - 1)) {
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r)
#pragma unroll
      for (int c = 0; c < ITEM_KEYS; ++c) score[r][c] = scale_product(score[r][c], a.scale);
    return;
  }
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
    sequence s;
    row_view view;
    const int row = place_row(a, b, row_in_block(r), &s);
    view_row(a, s, nearest_row(s, row), in.mask, in.slopes, &view);
#pragma unroll
    for (int c = 0; c < ITEM_KEYS; ++c) {
      const int key = key0 + get_local_id(0) + c * LOCAL_X;
      const float scaled = scale_product(score[r][c], a.scale);
      const int seen = (key < b.key_end) & is_seen(span, row, key);
      score[r][c] = seen ? mask_score(a, view, key, softcap_score(a, scaled)) : -INFINITY;
    }
  }
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* Finds the largest of this work-item's scores in each row, for the row's other work-items. */
void find_maxima(const block_memory memory, float score[ITEM_ROWS][ITEM_KEYS], float largest[ITEM_ROWS]) {
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
    largest[r] = score[r][0];
#pragma unroll
    for (int c = 1; c < ITEM_KEYS; ++c) largest[r] = fmax(largest[r], score[r][c]);
    offer_value(memory.part, memory.in_step, row_in_block(r), largest[r]);
  }
}

/* Turns scores into weights in local memory. Where a maximum has grown, the row's sums so far shrink. */
void store_weights(const block_memory memory, int headroom, float score[ITEM_ROWS][ITEM_KEYS], float mine[ITEM_ROWS],
                   block_sums *sums) {
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
    local tile_element *weights =
        (local tile_element *)(memory.weights + row_in_block(r) * WEIGHT_ROW) + get_local_id(0);
    const float larger = join_max(memory.part, memory.in_step, row_in_block(r), mine[r], sums->largest[r]);
    const float factor = larger > sums->largest[r] ? shrink(sums->largest[r], larger) : 1.0f;
    sums->largest[r] = larger;
    sums->sum[r] *= factor;
#pragma unroll
    for (int i = 0; i < VALUE_VECTORS; ++i) sums->context[r][i] *= factor;
#pragma unroll
    for (int c = 0; c < ITEM_KEYS; ++c) {
      const float live = live_weight(score[r][c], larger, headroom);
      const float weight = score[r][c] == -INFINITY ? MASKED_WEIGHT : live;
      sums->sum[r] += summed_weight(weight, headroom);
      weights[c * LOCAL_X] = (tile_element)weight;
    }
  }
}

/* Loads what stays in local memory. With HALF_PRODUCTS true if a query there needs care. */
int begin_products(const attention a, const fused_block b, const fused_inputs in, const block_memory memory) {
  int care = 0;
#if HALF_PRODUCTS
  if (item_number() == 0) memory.flags[FLAGS - 1] = 0;
  barrier(CLK_LOCAL_MEM_FENCE); /* it is 0 before any work-item sets it */
#endif
  if (DEPTH >= HEAD_DIM) care = load_queries(a, b, in.q, 0, memory.tile);
#if HALF_PRODUCTS
  if (care) memory.flags[FLAGS - 1] = 1; /* all writers write the same value */
  barrier(CLK_LOCAL_MEM_FENCE);          /* it is known */
  care = memory.flags[FLAGS - 1];
  barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read it before a key sets it */
#endif
  return care;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* Processes all keys of the block. `sink` is the first maximum (-infinity: no sink), and its term starts the sum. */
void sum_block(const attention a, const fused_block b, const fused_inputs in, float sink, int headroom,
               const block_memory memory, block_sums *sums) {
  const key_rows values = {in.v, in.v_scales, rows_offset(a, a.v, b.s), a.v.row, VALUE_DIM, b.s.head / a.group};
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
    sums->largest[r] = sink;
    sums->sum[r] = get_local_id(0) == 0 ? sink_part(sink, headroom) : 0.0f;
#pragma unroll
    for (int i = 0; i < VALUE_VECTORS; ++i) sums->context[r][i] = 0.0f;
  }
  const int large_queries = b.first_key < b.key_end && begin_products(a, b, in, memory); /* else there may be no row */
#if PAGES
  find_places(a, b, in, b.first_key, memory.places);
  barrier(CLK_LOCAL_MEM_FENCE); /* the places are stored */
#endif
  for (int key0 = b.first_key; key0 < b.key_end; key0 += BLOCK_KEYS) {
    float score[ITEM_ROWS][ITEM_KEYS], largest[ITEM_ROWS];
    if (item_number() == 0) memory.flags[0] = 0; /* reset before the product's barriers, set after them */
    multiply_keys(a, b, in, key0, memory, score);
    finish_scores(a, b, in, key0, score);
    find_maxima(memory, score, largest);
    if (load_keys(V_TYPE, values, key0, b.key_end, 0, 4 * VALUE_ROW, LARGEST_VALUE, memory, memory.tile + VALUES_AT,
                  VALUE_ROW))
      memory.flags[0] = 1;        /* all writers write the same value */
    barrier(CLK_LOCAL_MEM_FENCE); /* V is stored, and what was offered */
    const int careful = memory.flags[0];
    if (HALF_PRODUCTS && item_number() == 0) memory.flags[FLAGS - 1] = large_queries; /* everyone has read it */
    store_weights(memory, headroom, score, largest, sums);
#if PAGES
    find_places(a, b, in, key0 + BLOCK_KEYS, memory.places); /* of the next tile; this one's keys and values are read */
#endif
    row_barrier(memory.in_step); /* the row's weights are stored */
    if (careful)
      add_live_values(memory, headroom, sums);
    else
      add_values(memory, headroom, sums);
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read V and the weights before they are overwritten */
  }
}

/* Joins the sums of a row's work-items; each gets the total. */
void join_sums(const block_memory memory, block_sums *sums) {
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) offer_value(memory.part, memory.in_step, row_in_block(r), sums->sum[r]);
  row_barrier(memory.in_step); /* all partial sums are offered */
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r)
    sums->sum[r] = join_sum(memory.part, memory.in_step, row_in_block(r), sums->sum[r]);
}

/* Stores this work-item's columns of a row that begins at an element of `to`. */
void store_context(const float4 context[VALUE_VECTORS], int type, global void *to, size_t at) {
#pragma unroll
  for (int i = 0; i < VALUE_VECTORS; ++i) {
    const int c = 4 * (get_local_id(0) + i * LOCAL_X);
    if (c + 4 <= VALUE_DIM) {
      store_stored4(type, context[i], to, at + c);
    } else {
      if (c < VALUE_DIM) store_stored(type, context[i].x, to, at + c);
      if (c + 1 < VALUE_DIM) store_stored(type, context[i].y, to, at + c + 1);
      if (c + 2 < VALUE_DIM) store_stored(type, context[i].z, to, at + c + 2);
    }
  }
}
