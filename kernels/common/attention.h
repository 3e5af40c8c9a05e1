/* What kernels are told about a problem. One text for host and device: both see the same struct. Sizes that need 64
 * bits come first, and the structs are whole multiples of 8 bytes: no compiler has a reason to pad, and rusticl of
 * Mesa 22.3 refuses structs with padding at their end. */
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

/* Elements from one batch, head or row to the next; those of a row are neighbours. */
typedef struct kernel_strides {
  kernel_ulong batch, head, row;
} kernel_strides;

/* How far the scores are to be taken. */
enum { UNTIL_SCALED, UNTIL_SOFTCAPPED, UNTIL_MASKED };

enum { NO_MASK, FLOAT_MASK, BOOL_MASK };

/* Of scores and context. A "pair" is one (batch, head), numbered batch * heads + head. */
typedef struct attention {
  kernel_strides q, k, v, context;
  kernel_strides mask; /* 0 along a dimension in which the mask is the same everywhere */
  kernel_ulong mask_key;
  kernel_int heads, group; /* query heads; of them, those that share a key head */
  kernel_int query_len, key_len, head_dim, value_dim;
  kernel_int position;                    /* of query 0 among the keys */
  kernel_int left, right;                 /* a query sees the keys position - left ... position + right */
  kernel_int mask_kind, mask_len;         /* mask_len: keys that the mask covers; those behind are masked */
  kernel_int first_pair, first_row, rows; /* the block of scores: queries first_row ... of the pairs first_pair ... */
  kernel_int until;
  kernel_float scale, softcap; /* softcap 0: none */
  kernel_int all_pairs;        /* batch * heads */
} attention;

/* One sequence of a batch in which they differ. New keys are those of this run; with a cache, others come before them.
 */
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

/* Of softmax. */
typedef struct softmax_rows {
  kernel_ulong first; /* row number of the block's first row: (batch * heads + head) * query_len + query */
  kernel_int rows, key_len, query_len, heads;
} softmax_rows;

/* Of project: up to three results out (rows, columns) = x (rows, model_dim) . w + bias from the same x. w may be a part
 * of a larger matrix. */
typedef struct projection_part {
  kernel_ulong w_offset, w_row; /* elements: where it begins, and from one of its rows to the next */
  kernel_ulong bias_offset;
  kernel_int columns, pad;
} projection_part;

typedef struct projection {
  projection_part part[3];
  kernel_int rows, model_dim;
} projection;

/* Of convert. */
enum { STORED_F32, STORED_F16, STORED_BF16 };

typedef struct conversion {
  kernel_ulong count;
  kernel_ulong offset, add_offset; /* of the first element in from and to, and in what is added to it */
  kernel_int from_type, to_type;
} conversion;

/* Of rotary: vectors of q or of the new keys, from wherever they are to (tokens, heads, dim). */
typedef struct rotation {
  kernel_strides from, to;
  kernel_int heads, dim, rotary_dim, interleaved;
  kernel_int of_keys, from_type, packed;
  kernel_int rows;                /* of every sequence, where all are alike */
  kernel_int table_by_token, pad; /* whether the table has a row for each token, else for each row of any sequence */
} rotation;

enum { CACHE_F32, CACHE_F16, CACHE_BF16, CACHE_I8_TOKEN, CACHE_I8_HEAD };

/* Of cache: vectors of keys or values between float tensors and the cache. */
typedef struct cache_move {
  kernel_strides floats; /* of the new ones, or of those that are gathered */
  kernel_ulong capacity; /* rows of each sequence; pages do not care */
  kernel_int heads, dim;
  kernel_int type, append;          /* append 1: new ones into the cache; 0: all of it into floats */
  kernel_int page_len, table_width; /* page_len 0: no pages */
} cache_move;

#endif
