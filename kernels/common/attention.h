/* What kernels are told about a problem. Host and device include the same file, so both see the same structs. Members
 * that need 64 bits come first, and each struct is a whole multiple of 8 bytes: no compiler has a reason to pad, and
 * Mesa 22.3's rusticl refuses structs with padding at their end. */
#ifndef CLATTN_KERNEL_ATTENTION_H
#define CLATTN_KERNEL_ATTENTION_H

#ifdef __OPENCL_VERSION__
typedef ulong kernel_ulong;
typedef int kernel_int;
typedef float kernel_float;
#else
typedef cl_ulong kernel_ulong;
typedef cl_int kernel_int;
typedef cl_float kernel_float;
#endif

/* Elements from one batch, head or row to the next. The elements of a row are contiguous. */
typedef struct kernel_strides {
  kernel_ulong batch, head, row;
} kernel_strides;

/* How much of finish_score() a kernel applies. */
enum { UNTIL_SCALED, UNTIL_SOFTCAPPED, UNTIL_MASKED };

enum { NO_MASK, FLOAT_MASK, BOOL_MASK };

/* Arguments of scores, context and fused. A "pair" is one (batch, head), numbered batch * heads + head. */
typedef struct attention {
  kernel_strides q, k, v, context;
  kernel_strides mask; /* 0 along a dimension that the mask is broadcast over */
  kernel_ulong mask_key;
  kernel_int heads, group; /* query heads, and how many of them share a KV head */
  kernel_int query_len, key_len, head_dim, value_dim;
  kernel_int position;                    /* of query 0 among the keys */
  kernel_int left, right;                 /* keys position - left ... position + right are visible */
  kernel_int mask_kind, mask_len;         /* mask_len: keys that the mask covers; later keys are masked */
  kernel_int first_pair, first_row, rows; /* the block of scores: queries first_row ... of pairs first_pair ... */
  kernel_int until;
  kernel_float scale, softcap; /* softcap 0: none */
  kernel_int all_pairs;        /* batch * heads */
  kernel_int group_rows;       /* fused: rows of a work-group */
  /* Only of fused, rung 7: parts of the keys, and KV heads that a work-item processes. */
  kernel_int parts, kv_heads_together;
  kernel_int context_type; /* fused: STORED_...; rungs 1 and 2 write floats only */
  /* Only of a cache with pages that fused reads in place. */
  kernel_int page_len, table_width;
} attention;

/* One row of the sequences array, for batches whose sequences differ. "New" keys are those of this run; with a cache,
 * earlier keys come before them. */
enum {
  SEQUENCE_FIRST_QUERY,
  SEQUENCE_QUERY_LEN,
  SEQUENCE_FIRST_KEY,
  SEQUENCE_KEY_LEN,
  SEQUENCE_POSITION,
  SEQUENCE_FIRST_NEW,
  SEQUENCE_NEW_LEN,
  SEQUENCE_INTS
};

/* Arguments of softmax. */
typedef struct softmax_rows {
  kernel_ulong first; /* number of the block's first row: (batch * heads + head) * query_len + query */
  kernel_int rows, key_len, query_len, heads;
} softmax_rows;

/* Arguments of project: one launch computes up to three results out (rows, columns) = x (rows, model_dim) . w + bias
 * from the same x. w may be a part of a larger matrix.
 *
 * w lies as the caller gave it, or, where in_panels is 1, in panels of PANEL_COLUMNS columns: panel 0 with its columns
 * of term 0, of term 1 and so on, then panel 1. Behind the last column are zeros. The part begins with a panel. Only
 * the kernel panel is given such matrices. */
enum { PANEL_COLUMNS = 16 };

typedef struct projection_part {
  kernel_ulong w_offset, w_row; /* in elements: where w begins, and the distance between its rows */
  kernel_ulong bias_offset;
  kernel_int columns, in_panels;
} projection_part;

typedef struct projection {
  projection_part part[3];
  kernel_int rows, model_dim;
  kernel_int item_rows, pad; /* of the kernel panel: rows of a work-item, at most ITEM_ROWS in whole tiles */
} projection;

/* Types of given tensors and of caches; the last three only of caches. */
enum { STORED_F32, STORED_F16, STORED_BF16, STORED_I8_TOKEN, STORED_I8_HEAD, STORED_Q4 };

/* Elements of STORED_Q4 that share a scale. */
enum { Q4_GROUP = 32 };

/* Arguments of convert. */
typedef struct conversion {
  kernel_ulong count;
  kernel_ulong offset, add_offset; /* of the first element in from and to, and in add */
  kernel_int from_type, to_type;
} conversion;

/* Arguments of rotary, which rotates the vectors of q or of the new keys and writes them as (tokens, heads, dim). */
typedef struct rotation {
  kernel_strides from, to;
  kernel_int heads, dim, rotary_dim, interleaved;
  kernel_int of_keys, from_type, packed;
  kernel_int rows;                /* rows of each sequence, if all sequences have the same number */
  kernel_int table_by_token, pad; /* 1: the table has a row for each token; 0: for each row of a sequence */
} rotation;

/* Arguments of cache, which moves vectors of keys or values between float tensors and the cache. */
typedef struct cache_move {
  kernel_strides floats; /* of the float tensor: the new vectors, or the gathered ones */
  kernel_ulong capacity; /* rows reserved for each sequence; unused with pages */
  kernel_int heads, dim;
  kernel_int type, append;          /* append 1: new vectors into the cache; 0: all vectors out of it */
  kernel_int page_len, table_width; /* page_len 0: no pages */
} cache_move;

/* Arguments of merge, which makes one context of one or two. */
typedef struct merging {
  kernel_strides context; /* of all three; packed sequences begin at their offsets, and batch is 0 */
  kernel_int heads, query_len, value_dim;
  kernel_int pairs;                /* batch * heads */
  kernel_int a_type, b_type, type; /* STORED_... of the two contexts and of the merged one */
  kernel_int parts;                /* 1: there is no b */
} merging;

#endif
