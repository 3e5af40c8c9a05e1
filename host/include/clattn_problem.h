/* What is computed: the problem. Also what all headers of clattn share: structs that may grow, and errors. clattn.h
 * includes this header and has the calls that compute. */
#ifndef CLATTN_PROBLEM_H
#define CLATTN_PROBLEM_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(CLATTN_BUILDS_LIBRARY)
#define CLATTN_API __declspec(dllexport)
#elif defined(__GNUC__) && !defined(_WIN32)
#define CLATTN_API __attribute__((visibility("default")))
#else
#define CLATTN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- structs that may grow --------------------------------------------------------------------------------------- */

/* A struct that begins with `size` may get new fields at its end in later versions; all others keep their fields. Start
 * from its initialiser, CLATTN_INPUTS_INIT for clattn_inputs, in C++ clattn_inputs_init(). Initial values are 0 except
 * where a field says otherwise, so in C {.size = sizeof(clattn_inputs), .x = x} will do. The library reads and writes
 * only what lies within `size`; fields past it have their initial values. A size that it does not know, such as 0, is
 * CLATTN_INVALID_ARGUMENT. */
#ifdef __cplusplus
#define CLATTN_SIZED(type)                                                                                             \
  static inline type type##_init(void) {                                                                               \
    type made = type();                                                                                                \
    made.size = sizeof made;                                                                                           \
    return made;                                                                                                       \
  }
#define CLATTN_INIT(type, ...) type##_init()
#else
#define CLATTN_SIZED(type)                                                                                             \
  static inline type type##_init(void) {                                                                               \
    return (type){.size = sizeof(type)};                                                                               \
  }
#define CLATTN_INIT(type, ...)                                                                                         \
  { __VA_ARGS__ }
#endif

/* If some initial values are not 0, type_fill writes them into the first `size` bytes: for other languages. */
#define CLATTN_FILLED(type)                                                                                            \
  CLATTN_API void type##_fill(type *to, size_t size);                                                                  \
  static inline type type##_init(void) {                                                                               \
    type made;                                                                                                         \
    type##_fill(&made, sizeof made);                                                                                   \
    return made;                                                                                                       \
  }

/* ---- errors ------------------------------------------------------------------------------------------------------ */

typedef enum clattn_status {
  CLATTN_OK = 0,
  CLATTN_INVALID_ARGUMENT,     /* a NULL that must not be NULL, a struct of unknown size, an option out of range */
  CLATTN_INVALID_PROBLEM,      /* the problem contradicts itself: a zero size, a product that overflows, ... */
  CLATTN_UNSUPPORTED,          /* a meaningful request that this version, build or device cannot serve */
  CLATTN_NO_DEVICE,            /* no OpenCL platform, or no device that matches the choice */
  CLATTN_OUT_OF_HOST_MEMORY,   /* malloc failed */
  CLATTN_CACHE_FULL,           /* a run would append more keys than the cache has room for; nothing was appended */
  CLATTN_OUT_OF_DEVICE_MEMORY, /* the problem does not fit, found before or while allocating */
  CLATTN_KERNEL_SOURCE,        /* a kernel file cannot be read */
  CLATTN_BUILD_FAILED,         /* the device's compiler refused a kernel; the message holds its log */
  CLATTN_OPENCL_FAILED,        /* another OpenCL call failed; clattn_error.code holds its code */
  CLATTN_CLBLAST_FAILED,       /* a CLBlast call failed; clattn_error.code holds its code */
  CLATTN_STATUS_COUNT
} clattn_status;

#define CLATTN_MESSAGE_SIZE 8192

typedef struct clattn_error {
  clattn_status status;
  int code;                          /* the OpenCL or CLBlast code that caused it, 0 if there is none */
  char message[CLATTN_MESSAGE_SIZE]; /* what failed, with which value, and what is allowed */
} clattn_error;

/* The name of a status, "CLATTN_NO_DEVICE"; never NULL. */
CLATTN_API const char *clattn_status_name(clattn_status status);

/* ---- the problem ------------------------------------------------------------------------------------------------- */

/* The largest size of any kind: kernels count in 32 bits and round up to tiles of at most 1024. */
#define CLATTN_LARGEST_SIZE 2147482623

typedef enum clattn_source {
  CLATTN_SOURCE_X,   /* Q, K and V are projected from x: self-attention */
  CLATTN_SOURCE_XKV, /* Q is projected from x, K and V from xkv: cross attention */
  CLATTN_SOURCE_QKV  /* q, k and v are given; nothing is projected */
} clattn_source;

typedef enum clattn_weight_layout {
  CLATTN_LAYOUT_XW, /* Q = X.W, W is (model_dim, columns) */
  CLATTN_LAYOUT_XWT /* Q = X.W^T, W is (columns, model_dim), as torch.nn.Linear stores it */
} clattn_weight_layout;

/* The order of the columns of wqkv, and of the elements of bqkv. */
typedef enum clattn_fused_order {
  CLATTN_FUSED_SIDE_BY_SIDE, /* all of wq, then all of wk, then all of wv */
  CLATTN_FUSED_GROUPS        /* for each KV head: its query heads, its key, its value. With as many KV heads as heads
                                (heads, 3, head_dim), as in GPT-NeoX and Bloom; with fewer as in Falcon's new decoder
                                architecture (transformers: modeling_gpt_neox.py, _bloom.py, _falcon.py) */
} clattn_fused_order;

/* Which projections have a bias, as bits. */
enum { CLATTN_BIAS_Q = 1, CLATTN_BIAS_K = 2, CLATTN_BIAS_V = 4, CLATTN_BIAS_O = 8 };

/* The memory layout of given q, k and v, and of the context. The library makes q, k and v in the order of tokens. */
typedef enum clattn_order {
  CLATTN_ORDER_TOKENS, /* (batch, tokens, heads, dim), as a projection leaves it */
  CLATTN_ORDER_HEADS,  /* (batch, heads, tokens, dim) */
  CLATTN_ORDER_STRIDES /* as clattn_problem.q_strides, k_strides and v_strides say; not for the context */
} clattn_order;

/* Elements from one batch, head or token to the next; the elements of one head's vector are contiguous. Vectors may
 * overlap, because they are only read. A batch or head stride of 0 repeats the same vectors, so that a batch can share
 * its keys. Refused are a row stride of 0 with more than one token, and three strides of 0 with more than one vector:
 * they were not set. */
typedef struct clattn_strides {
  size_t batch, head, row;
} clattn_strides;

/* How inputs and the output are stored. */
typedef enum clattn_type {
  CLATTN_F32, /* float */
  CLATTN_F16, /* IEEE half, 2 bytes */
  CLATTN_BF16 /* the upper half of a float, 2 bytes */
} clattn_type;

/* The arithmetic of Q.K^T and weights.V. The maximum, the softmax and its sums are float always. docs/correctness.md
 * has the bounds. */
typedef enum clattn_math {
  CLATTN_MATH_FLOAT, /* products and sums in float */
  CLATTN_MATH_STORED /* with CLATTN_F16: kernels may multiply in half, round the weights to half for that, and add at
                        most 8 products in half before a float takes over. It needs given q, k and v and no cache or
                        one of CLATTN_CACHE_F16, or projected ones and no cache; no rotary, and cl_khr_fp16 with
                        rounding to nearest, infinities and subnormal numbers; and a kernel that can
                        (clattn_stage_info.half_addition). A kernel may also multiply in a matrix unit, of f16 and of
                        bf16 (then with a cache of CLATTN_CACHE_BF16): it rounds the weights to that type
                        (clattn_stage_info.rounded_weights) and adds up in float. For these kernels projections round
                        q, k and v to CLATTN_F16 or CLATTN_BF16. Elsewhere it is CLATTN_MATH_FLOAT */
} clattn_math;

typedef enum clattn_scale {
  CLATTN_SCALE_DEFAULT, /* 1 / sqrt(head_dim) */
  CLATTN_SCALE_GIVEN    /* clattn_problem.scale */
} clattn_scale;

/* A query's position among the keys is its index plus an offset: */
typedef enum clattn_alignment {
  CLATTN_ALIGN_TOP_LEFT,     /* 0, or with a cache its earlier keys: the first query is at this run's first key */
  CLATTN_ALIGN_BOTTOM_RIGHT, /* key_len - query_len of its sequence: the last query is at the last key */
  CLATTN_ALIGN_OFFSET        /* clattn_problem.offset */
} clattn_alignment;

typedef enum clattn_mask {
  CLATTN_MASK_NONE,
  CLATTN_MASK_FLOAT, /* added to the scores; -inf masks */
  CLATTN_MASK_BOOL   /* one byte for each score: 0 masks, any other value does not */
} clattn_mask;

typedef enum clattn_lengths {
  CLATTN_LENGTHS_FULL,  /* every sequence of the batch has query_len queries and key_len keys */
  CLATTN_LENGTHS_KEYS,  /* sequence b has clattn_inputs.key_lengths[b] keys; later ones are padding */
  CLATTN_LENGTHS_PACKED /* sequences follow each other without padding, at the offsets in clattn_inputs */
} clattn_lengths;

enum { CLATTN_UNBOUNDED = -1 }; /* a window without end */

typedef enum clattn_positions {
  CLATTN_POSITIONS_NONE,
  CLATTN_POSITIONS_SINUSOIDAL /* x + sin, cos (Vaswani et al. 2017, 3.5): column 2i is sin(position / 10000^(2i /
                                 model_dim)), column 2i + 1 its cos */
} clattn_positions;

/* Rotary embedding (Su et al. 2021, eq. 34) of q and k: pair i of a vector is rotated by the angle
 * position * base^(-2i / dim). Pair i consists of elements ... */
typedef enum clattn_rotary {
  CLATTN_ROTARY_NONE,
  CLATTN_ROTARY_HALVES,     /* i and i + dim / 2, as in Llama's and GPT-NeoX's checkpoints */
  CLATTN_ROTARY_INTERLEAVED /* 2i and 2i + 1, as in the paper and in GPT-J */
} clattn_rotary;

/* Frequencies for sequences that are longer than those which a model was trained on, with the formulas and names of
 * transformers 5.24 (ROPE_INIT_FUNCTIONS in modeling_rope_utils.py). f is pair i's frequency without scaling,
 * base^(-2i / dim), with rotary_dim as dim; n is original_max_position_embeddings. Lists of factors, as longrope has
 * them, are not among these: give cosines and sines instead (rotary_rows). */
typedef enum clattn_scaling {
  CLATTN_SCALING_NONE,
  CLATTN_SCALING_LINEAR,  /* f / factor (Chen et al. 2023, arXiv:2306.15595) */
  CLATTN_SCALING_DYNAMIC, /* dynamic NTK: the base becomes base * (factor * r - (factor - 1))^(dim / (dim - 2)), where r
                             is the larger of len / n and 1, and len the largest position + 1 of all tokens of the run,
                             of padding too. Cached keys keep the angles of their own runs. Each run has its own len;
                             transformers keeps the longest so far until a len is below n */
  CLATTN_SCALING_YARN,    /* (Peng et al. 2023, arXiv:2309.00071) r * f / factor + (1 - r) * f, where r is (i - low) /
                             (high - low), between 0 and 1: low = floor(d(beta_fast)), 0 at least; high =
                             ceil(d(beta_slow)), dim - 1 at most; d(b) = dim * ln(n / (2 pi b)) / (2 ln(base)). Cosines
                             and sines are multiplied by attention_factor */
  CLATTN_SCALING_LLAMA3   /* (Llama 3.1) s * f + (1 - s) * f / factor, where s is (n * f / (2 pi) - low_freq_factor) /
                             (high_freq_factor - low_freq_factor), between 0 and 1 */
} clattn_scaling;

/* Fields that the kind does not have are 0. */
typedef struct clattn_rotary_scaling {
  clattn_scaling kind;
  bool keep_fractions;                     /* YARN: low and high are not rounded; transformers' truncate = false */
  double factor;                           /* above 0 */
  size_t original_max_position_embeddings; /* not LINEAR; DYNAMIC: max_position_embeddings of the model */
  double low_freq_factor;                  /* LLAMA3: above 0 */
  double high_freq_factor;                 /* LLAMA3: above low_freq_factor */
  double beta_fast, beta_slow;             /* YARN; 0: 32 and 1 */
  double attention_factor;       /* YARN; 0: m(mscale) / m(mscale_all_dim), or without these m(1), where m(x) is
                                    0.1 * x * ln(factor) + 1, and 1 with a factor up to 1 */
  double mscale, mscale_all_dim; /* YARN: both or neither, and not with attention_factor */
} clattn_rotary_scaling;

typedef enum clattn_cache_type {
  CLATTN_CACHE_F32,
  CLATTN_CACHE_F16,
  CLATTN_CACHE_BF16,
  CLATTN_CACHE_I8_TOKEN, /* one byte per element; one scale per token and head: its largest element / 127 */
  CLATTN_CACHE_I8_HEAD,  /* one byte per element; one scale per head, given by the caller; larger values saturate */
  CLATTN_CACHE_Q4        /* four bits per element, and one half as scale for each group of 32 elements; see below */
} clattn_cache_type;

/* CLATTN_CACHE_Q4 keeps the numbers of Q4_0 in ggml (llama.cpp: quantize_row_q4_0_ref in ggml-quants.c). The scale of a
 * group is its first element of the largest magnitude / -8; element / scale is rounded to -8 ... 7 and stored as
 * 0 ... 15. A group takes 16 bytes: byte j holds element j in its low four bits and element j + 16 in its high ones.
 * Unlike ggml's, a cache keeps the scales, in f16, in an array of their own. head_dim and value_dim must be multiples
 * of 32. A group that has a NaN or an infinity is read back as NaN. */

/* A cache of keys and values, on the device: each run appends its own and attends to all of them. */
typedef struct clattn_cache_layout {
  size_t capacity; /* the most keys that a sequence can hold; 0: the problem has no cache */
  clattn_cache_type type;
  size_t page_len; /* tokens of a page; 0: no pages, each sequence has its own memory for `capacity` keys */
  size_t pages;    /* shared by all sequences; 0: enough for all to reach the capacity */
} clattn_cache_layout;

/* Start from CLATTN_PROBLEM_INIT or clattn_problem_init() and set what differs. A struct of zeros is refused (its
 * rotary_base is 0), because with its windows each query would see one key only. A field that has no effect, because
 * the field that turns it on is not set, is refused unless it has its initial value.
 *
 * Scores are computed in the order of ONNX's Attention: scale, softcap, bias and mask, softmax. A masked score is -inf;
 * a row in which every key is masked has weights and context 0. A masked key's value has no effect, even if it is NaN.
 * Any other key's value is multiplied by its weight, even if that has underflowed to 0, so a NaN or infinity in it
 * shows in the result. */
typedef struct clattn_problem {
  size_t size; /* sizeof(clattn_problem) */

  /* sizes */
  size_t batch;     /* 1 */
  size_t query_len; /* of a sequence; packed: of the longest */
  size_t key_len;   /* of a sequence; equals query_len with CLATTN_SOURCE_X; with a cache: new keys of one run */
  size_t model_dim; /* columns of x; 0 with CLATTN_SOURCE_QKV */
  size_t heads;     /* 1 */
  size_t kv_heads;  /* of keys and values; divides heads: query head h reads KV head h / (heads / kv_heads). 0: heads */
  size_t head_dim;  /* of a query and a key */
  size_t value_dim; /* of a value and of a head's context vector */

  /* where Q, K and V come from */
  clattn_source source;
  size_t kv_model_dim; /* columns of xkv; 0: model_dim */
  clattn_weight_layout layout;
  bool fused_qkv; /* wqkv (and bqkv) instead of wq, wk, wv, in the fused_order; only CLATTN_SOURCE_X */
  unsigned biases;
  size_t output_dim; /* columns of wo: output = context.wo + bo; 0: there is no wo, the output is the context */
  clattn_order order;
  clattn_strides q_strides, k_strides, v_strides; /* with CLATTN_ORDER_STRIDES */
  clattn_type type;

  /* what scores mean */
  clattn_scale scale_mode;
  float scale;   /* NAN: not set; with CLATTN_SCALE_GIVEN the factor of Q.K^T: any finite number */
  float softcap; /* c, at least 2^-126: scores become c * tanh(scores / c); 0: no softcap */
  bool causal;   /* a query at position p sees keys 0 ... p */
  clattn_alignment alignment;
  int64_t offset;       /* with CLATTN_ALIGN_OFFSET; may be negative; the last query's position is 2^31 - 1 at most */
  int64_t window_left;  /* a query at position p sees keys from p - window_left on; CLATTN_UNBOUNDED */
  int64_t window_right; /* ... up to p + window_right; CLATTN_UNBOUNDED */
  clattn_mask mask;
  size_t mask_shape[4]; /* (batch, heads, query_len, key_len), each 1 to broadcast along it; the last may also be
                           shorter than key_len: the keys past it are masked */
  bool alibi;           /* adds -slopes[head] * |position - key| */
  bool sinks;           /* exp(sinks[head]) is added to each row's sum of exp(scores) */

  /* positions */
  clattn_positions positions;
  clattn_rotary rotary;
  size_t rotary_dim;  /* leading elements of each vector that are rotated, an even number; 0: head_dim */
  double rotary_base; /* 10000; above 0, also without rotary */

  /* batches of sequences that differ in length */
  clattn_lengths lengths;
  size_t packed_queries, packed_keys; /* with CLATTN_LENGTHS_PACKED: tokens of all sequences together */

  clattn_cache_layout cache;

  clattn_order context_order; /* of the context, and of an output that is the context. CLATTN_ORDER_HEADS with
                                 output_dim is CLATTN_UNSUPPORTED: wo reads rows of tokens */
  clattn_math math;           /* CLATTN_MATH_STORED only with CLATTN_F16 and CLATTN_BF16 */

  bool position_ids;  /* `positions` and `rotary` take positions from clattn_inputs.position_ids, not from places in the
                         sequence. causal, windows and ALiBi still count places, so mask padding on the left */
  size_t rotary_rows; /* 0, or the number of positions in clattn_inputs.rotary_cos and rotary_sin. They are used as in
                         ONNX's RotaryEmbedding; rotary_base stays 10000 */
  clattn_rotary_scaling rotary_scaling;
  clattn_fused_order fused_order; /* with fused_qkv. Each run copies a matrix in groups to one side by side; a
                                     clattn_weights copies it once */
  bool rolling; /* needs a cache with pages, a window_left and CLATTN_ALIGN_TOP_LEFT, and no mask: each run first drops
                   the pages whose keys neither its queries nor those of later runs see; if there are any, it waits for
                   earlier runs. They stay dropped if the run fails. The capacity counts the keys that are held;
                   positions go on */
} clattn_problem;

CLATTN_FILLED(clattn_problem)
#define CLATTN_PROBLEM_INIT                                                                                            \
  CLATTN_INIT(clattn_problem, .size = sizeof(clattn_problem), .batch = 1, .heads = 1, .scale = NAN,                    \
              .window_left = CLATTN_UNBOUNDED, .window_right = CLATTN_UNBOUNDED, .rotary_base = 10000.0)

/* Attention over given q, k and v of (batch, heads, len, head_dim), to a context of the same order;
 * set what differs. */
static inline clattn_problem clattn_problem_qkv(size_t batch, size_t heads, size_t query_len, size_t key_len,
                                                size_t head_dim) {
  clattn_problem problem = clattn_problem_init();
  problem.batch = batch;
  problem.heads = heads;
  problem.query_len = query_len;
  problem.key_len = key_len;
  problem.head_dim = problem.value_dim = head_dim;
  problem.source = CLATTN_SOURCE_QKV;
  problem.order = problem.context_order = CLATTN_ORDER_HEADS;
  return problem;
}

/* CLATTN_OK, or CLATTN_INVALID_PROBLEM / CLATTN_UNSUPPORTED with a message that says what is allowed. Called by
 * everything that takes a problem. */
CLATTN_API clattn_status clattn_problem_validate(const clattn_problem *problem, clattn_error *error);

/* The factor that scores = Q.K^T * scale will use. */
CLATTN_API float clattn_problem_scale(const clattn_problem *problem);

#ifdef __cplusplus
}
#endif

#endif
