/* clattn: attention on any OpenCL device, checked against a scalar path on the CPU.
 *
 *     X, Wq, Wk, Wv -> project -> Q, K, V -> scores -> softmax -> context -> output
 *                      (X.W)                 Q.K^T     rows       weights.V  (.Wo)
 *
 * Describe, plan, run: a clattn_problem says what is computed, a clattn_device says where, a clattn_plan says how.
 * Planning is slow and done once; running is fast, allocates nothing (CLBlast may) and can be repeated.
 *
 * All tensors are row-major and without padding unless strides say otherwise. Sizes count elements unless a name says
 * bytes; times are seconds.
 *
 * Threads: devices share no state. Different devices may be used from different threads at the same time; one device
 * with its plans belongs to one thread at a time. Devices may be listed, opened and closed from several threads at the
 * same time: the library makes these calls to the drivers one after the other. A program that makes its own first
 * OpenCL calls meanwhile has to do the same. (CLBlast keeps caches of its own for the process, with a reference to
 * the context; before its version 1.6.1 it is not thread-safe, and clattn makes its calls one at a time. A program that
 * calls such a CLBlast itself, from another thread, has to do the same.)
 *
 * fork(): OpenCL does not survive it. In a child of a process that has listed, opened or adopted a device, these calls
 * and all that use a parent's device, plan, cache or weights return CLATTN_UNSUPPORTED, and closing and destroying do
 * nothing. A child that is to use OpenCL must be forked before its parent does, or exec.
 *
 * Every call that can fail returns a clattn_status and fills the clattn_error, which may be NULL: after CLATTN_OK it
 * holds CLATTN_OK, code 0 and an empty message. After a failure the outputs of the call are not to be used and nothing
 * needs to be freed. Pointers that these calls must not be given as
 * NULL are CLATTN_INVALID_ARGUMENT; the calls that return nothing, a number or a pointer take none but where it says
 * so. The library never prints, never exits and reads no environment variable.
 */
#ifndef CLATTN_H
#define CLATTN_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __GNUC__
#define CLATTN_API __attribute__((visibility("default")))
#else
#define CLATTN_API
#endif

#define CLATTN_VERSION "0.2.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, as CLATTN_VERSION is that of this header. */
CLATTN_API const char *clattn_version(void);

/* ---- structs that may grow --------------------------------------------------------------------------------------- */

/* A struct that begins with `size` may get new fields at its end in later versions; every other struct keeps its
 * fields. Start from its initialiser, CLATTN_INPUTS_INIT for a clattn_inputs, in C++ clattn_inputs_init(). Except where
 * a field says otherwise, its initial value is 0, so {.size = sizeof(clattn_inputs), .x = x} will do in C. The size
 * tells the library where the caller's struct ends: of a struct that the caller fills, fields past that have their
 * initial values; of a struct that the library fills, nothing past that is written. A size that the library does not
 * know, 0 for example, is CLATTN_INVALID_ARGUMENT. */
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

/* The same where some initial values are not 0: type_fill writes them into the first `size` bytes, for programs that
 * cannot call the inline function. `size` is that of the caller's header, which may be of another version. */
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
  int code;                          /* the OpenCL or CLBlast code behind it, 0 if there is none */
  char message[CLATTN_MESSAGE_SIZE]; /* what failed, with which value, and what is allowed */
} clattn_error;

/* The name of a status, "CLATTN_NO_DEVICE"; never NULL. */
CLATTN_API const char *clattn_status_name(clattn_status status);

/* ---- devices ----------------------------------------------------------------------------------------------------- */

/* Which device: NULL fields mean any. A string of digits is an index, anything else a part of the name, in any case;
 * of a device it may also be a kind: "gpu", "cpu", "accelerator", "discrete" or "integrated" (a GPU of which that is
 * known). The device index counts within the platforms that `platform` leaves, in the order of
 * clattn_device_list_create. */
typedef struct clattn_device_choice {
  const char *platform;
  const char *device;
} clattn_device_choice;

typedef struct clattn_device clattn_device;

/* Opens the best device that `choice` (NULL: any) leaves: clattn_device_list_best without rates. Close with
 * clattn_device_close, after its plans, caches and weights are destroyed. */
CLATTN_API clattn_status clattn_device_open(const clattn_device_choice *choice, clattn_device **device,
                                            clattn_error *error);
CLATTN_API void clattn_device_close(clattn_device *device); /* NULL is fine */

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

/* Which projections have a bias, as bits. */
enum { CLATTN_BIAS_Q = 1, CLATTN_BIAS_K = 2, CLATTN_BIAS_V = 4, CLATTN_BIAS_O = 8 };

/* How given q, k and v, and the context, lie in memory. q, k and v that the library makes are in the order of tokens.
 */
typedef enum clattn_order {
  CLATTN_ORDER_TOKENS, /* (batch, tokens, heads, dim), as a projection leaves it */
  CLATTN_ORDER_HEADS,  /* (batch, heads, tokens, dim) */
  CLATTN_ORDER_STRIDES /* as clattn_problem.q_strides, k_strides and v_strides say; not for the context */
} clattn_order;

/* Elements from one batch, head or token to the next; the elements of one head's vector are neighbours. Vectors may
 * overlap, for they are only read. A batch or head stride of 0 repeats the same vectors, so that a batch can share its
 * keys. A row stride of 0 is refused where there is more than one token, and so is a tensor of more than one vector
 * whose three strides are 0: they were not set. */
typedef struct clattn_strides {
  size_t batch, head, row;
} clattn_strides;

/* How inputs and the output are stored. Arithmetic is float throughout. */
typedef enum clattn_type {
  CLATTN_F32, /* float */
  CLATTN_F16, /* IEEE half, 2 bytes */
  CLATTN_BF16 /* the upper half of a float, 2 bytes */
} clattn_type;

typedef enum clattn_scale {
  CLATTN_SCALE_DEFAULT, /* 1 / sqrt(head_dim) */
  CLATTN_SCALE_GIVEN    /* clattn_problem.scale */
} clattn_scale;

/* A query's position among the keys is its number plus an offset: */
typedef enum clattn_alignment {
  CLATTN_ALIGN_TOP_LEFT,     /* 0, or with a cache the keys it held before: the first query stands at the first key of
                                this run */
  CLATTN_ALIGN_BOTTOM_RIGHT, /* key_len - query_len of its sequence: the last query stands at the last key */
  CLATTN_ALIGN_OFFSET        /* clattn_problem.offset */
} clattn_alignment;

typedef enum clattn_mask {
  CLATTN_MASK_NONE,
  CLATTN_MASK_FLOAT, /* added to the scores; -inf masks */
  CLATTN_MASK_BOOL   /* one byte for each place: 0 masks, any other value does not */
} clattn_mask;

typedef enum clattn_lengths {
  CLATTN_LENGTHS_FULL,  /* every sequence of the batch has query_len queries and key_len keys */
  CLATTN_LENGTHS_KEYS,  /* sequence b has clattn_inputs.key_lengths[b] keys; those behind are padding */
  CLATTN_LENGTHS_PACKED /* sequences lie one behind the other, without padding, as the offsets in clattn_inputs say */
} clattn_lengths;

enum { CLATTN_UNBOUNDED = -1 }; /* a window without end */

typedef enum clattn_positions {
  CLATTN_POSITIONS_NONE,
  CLATTN_POSITIONS_SINUSOIDAL /* x + sin, cos (Vaswani et al. 2017, 3.5): column 2i is sin(position / 10000^(2i /
                                 model_dim)), column 2i + 1 its cos */
} clattn_positions;

/* Rotary embedding (Su et al. 2021, eq. 34) of q and k: pair i of a vector is turned by position * base^(-2i / dim).
 * The i-th pair are elements ... */
typedef enum clattn_rotary {
  CLATTN_ROTARY_NONE,
  CLATTN_ROTARY_HALVES,     /* i and i + dim / 2, as Llama's and GPT-NeoX's checkpoints want it */
  CLATTN_ROTARY_INTERLEAVED /* 2i and 2i + 1, as in the paper and in GPT-J */
} clattn_rotary;

typedef enum clattn_cache_type {
  CLATTN_CACHE_F32,
  CLATTN_CACHE_F16,
  CLATTN_CACHE_BF16,
  CLATTN_CACHE_I8_TOKEN, /* a byte for each element; a scale for each token and head, its largest element / 127 */
  CLATTN_CACHE_I8_HEAD   /* likewise, with scales for each head that the caller gives; what is larger saturates */
} clattn_cache_type;

/* A cache of keys and values, on the device: each run appends its own and attends to all of them. */
typedef struct clattn_cache_layout {
  size_t capacity; /* keys that a sequence can have; 0: the problem has no cache */
  clattn_cache_type type;
  size_t page_len; /* tokens of a page; 0: each sequence has its capacity to itself */
  size_t pages;    /* of all sequences together; 0: enough for all to reach the capacity */
} clattn_cache_layout;

/* Start from CLATTN_PROBLEM_INIT or clattn_problem_init() and set what differs. A struct of zeros is refused (its
 * rotary_base is 0): its windows would let each query see one key only. A field that has no effect because the field
 * that turns it on is not set is refused, too, unless it has its initial value. The order in which scores come into
 * being is that of ONNX's Attention: scale, softcap, bias and mask, softmax. A masked score is -inf; a row in which
 * every key is masked has weights and context 0. A masked key's value is left out, whatever it holds; that of any other
 * key is multiplied by its weight, also where that has underflowed to 0, so that a NaN or an infinity in it shows. */
typedef struct clattn_problem {
  size_t size; /* sizeof(clattn_problem) */

  /* sizes */
  size_t batch;     /* 1 */
  size_t query_len; /* of a sequence; packed: of the longest */
  size_t key_len;   /* likewise; with CLATTN_SOURCE_X it equals query_len; with a cache, new keys of one run */
  size_t model_dim; /* columns of x; 0 with CLATTN_SOURCE_QKV */
  size_t heads;     /* 1 */
  size_t kv_heads; /* of keys and values; divides heads: query head h reads key head h / (heads / kv_heads). 0: heads */
  size_t head_dim; /* of a query and a key */
  size_t value_dim; /* of a value and of a head's context vector */

  /* where Q, K and V come from */
  clattn_source source;
  size_t kv_model_dim; /* columns of xkv; 0: model_dim */
  clattn_weight_layout layout;
  bool fused_qkv; /* wqkv (and bqkv) instead of wq, wk, wv: their columns one behind the other; CLATTN_SOURCE_X alone */
  unsigned biases;
  size_t output_dim; /* columns of wo: output = context.wo + bo; 0: there is no wo, the output is the context */
  clattn_order order;
  clattn_strides q_strides, k_strides, v_strides; /* with CLATTN_ORDER_STRIDES */
  clattn_type type;

  /* what scores mean */
  clattn_scale scale_mode;
  float scale;   /* NAN, not set; with CLATTN_SCALE_GIVEN what Q.K^T is multiplied with: any finite number */
  float softcap; /* c, at least 2^-126: scores become c * tanh(scores / c); 0: they do not */
  bool causal;   /* a query at position p sees keys 0 ... p */
  clattn_alignment alignment;
  int64_t offset;       /* with CLATTN_ALIGN_OFFSET; may be negative; the last query stands at 2^31 - 1 at most */
  int64_t window_left;  /* a query at position p sees keys from p - window_left on; CLATTN_UNBOUNDED */
  int64_t window_right; /* ... up to p + window_right; CLATTN_UNBOUNDED */
  clattn_mask mask;
  size_t mask_shape[4]; /* (batch, heads, query_len, key_len), each 1 where the mask is the same along it; the last may
                           also be shorter than key_len: keys behind it are masked */
  bool alibi;           /* adds -slopes[head] * |position - key| */
  bool sinks;           /* exp(sinks[head]) is added to what each row of weights is divided by */

  /* positions */
  clattn_positions positions;
  clattn_rotary rotary;
  size_t rotary_dim;  /* leading elements of each vector that are turned, an even number; 0: head_dim */
  double rotary_base; /* 10000; above 0, also without rotary */

  /* batches of sequences that differ in length */
  clattn_lengths lengths;
  size_t packed_queries, packed_keys; /* with CLATTN_LENGTHS_PACKED: tokens of all sequences together */

  clattn_cache_layout cache;

  clattn_order context_order; /* of the context, and of an output that is the context. CLATTN_ORDER_HEADS with
                                 output_dim is CLATTN_UNSUPPORTED: wo reads rows of tokens */
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

/* The tensors of a problem. "tokens" below means (batch, query_len) or (batch, key_len), or, when the sequences are
 * packed, (packed_queries) or (packed_keys). Elements are of the problem's type where it says "stored", else float. */
typedef enum clattn_tensor {
  /* inputs */
  CLATTN_X,      /* stored, (tokens, model_dim) */
  CLATTN_XKV,    /* stored, (tokens, kv_model_dim) */
  CLATTN_WQ,     /* stored; layout XW: (model_dim, heads.head_dim);  XWT: (heads.head_dim, model_dim) */
  CLATTN_WK,     /* stored, likewise, with kv_heads and kv_model_dim */
  CLATTN_WV,     /* stored, likewise, with kv_heads.value_dim */
  CLATTN_WQKV,   /* stored, likewise, with the columns of wq, wk and wv one behind the other */
  CLATTN_BQ,     /* stored, (heads.head_dim) */
  CLATTN_BK,     /* stored, (kv_heads.head_dim) */
  CLATTN_BV,     /* stored, (kv_heads.value_dim) */
  CLATTN_BQKV,   /* stored, all three one behind the other */
  CLATTN_WO,     /* stored; layout XW: (heads.value_dim, output_dim); XWT: (output_dim, heads.value_dim) */
  CLATTN_BO,     /* stored, (output_dim) */
  CLATTN_MASK,   /* float, or bytes with CLATTN_MASK_BOOL, mask_shape */
  CLATTN_SLOPES, /* float, (heads) */
  CLATTN_SINKS,  /* float, (heads) */
  /* made from x, or given: then stored, and in the order that the problem says */
  CLATTN_Q, /* (tokens, heads.head_dim) */
  CLATTN_K, /* (tokens, kv_heads.head_dim) */
  CLATTN_V, /* (tokens, kv_heads.value_dim) */
  /* results; those that say "traced" are of plans with clattn_plan_options.trace alone */
  CLATTN_X_POSITIONED, /* traced, (tokens, model_dim): x as it is projected, in float and with its positions added */
  /* ONNX calls scaled, softcapped, scores and weights the qk_matmul_output of modes 0 to 3. Keys and queries that a
   * sequence does not have hold -inf in the first four, 0 in exps and weights. */
  CLATTN_PRODUCTS,   /* traced, (batch, heads, query_len, key_len): Q.K^T, nothing scaled, nothing masked */
  CLATTN_SCALED,     /* likewise: Q.K^T * scale */
  CLATTN_SOFTCAPPED, /* likewise, after the softcap */
  CLATTN_SCORES,     /* likewise, after bias and mask: masked keys hold -inf */
  CLATTN_EXPS,       /* traced, likewise: exp(score - row_max); masked keys hold 0 */
  CLATTN_WEIGHTS,    /* likewise: softmax of each row */
  CLATTN_ROW_MAX,    /* traced, (batch, heads, query_len): the largest score of each row, or the sink; -inf if all is
                        masked */
  CLATTN_ROW_SUM,    /* traced, likewise: the sum of exps, and exp(sink - row_max) */
  CLATTN_LSE, /* (batch, heads, query_len): log of the sum of exp(scores), the sink with it; -inf if all is masked */
  CLATTN_CONTEXT,  /* (tokens, heads.value_dim); with context_order CLATTN_ORDER_HEADS (batch, heads, query_len,
                      value_dim) */
  CLATTN_CACHED_K, /* (batch, keys, kv_heads.head_dim): what scores read of the cache, in float */
  CLATTN_CACHED_V, /* likewise, with value_dim */
  CLATTN_OUTPUT, /* stored, (tokens, output_dim); without wo the context, in its order and in the problem's type, unless
                    that is float */
  CLATTN_TENSOR_COUNT
} clattn_tensor;

/* "x", "wq", ...; never NULL. */
CLATTN_API const char *clattn_tensor_name(clattn_tensor tensor);

/* Fills shape with the tensor's dimensions and returns their number, 1 to 4, or 0 if the problem has no such tensor.
 * Given q, k and v have the dimensions of those that are made. The problem must be valid. */
CLATTN_API int clattn_problem_shape(const clattn_problem *problem, clattn_tensor tensor, size_t shape[4]);

/* The product of that shape, 0 without one. */
CLATTN_API size_t clattn_tensor_elements(const clattn_problem *problem, clattn_tensor tensor);

/* What the tensor takes in memory, in the caller's and on the device, as an input or an output of this problem. For
 * given q, k and v that is what their strides reach over. */
CLATTN_API size_t clattn_input_bytes(const clattn_problem *problem, clattn_tensor tensor);
CLATTN_API size_t clattn_output_bytes(const clattn_problem *problem, clattn_tensor tensor);

/* ---- inputs and outputs ------------------------------------------------------------------------------------------ */

typedef struct clattn_cache clattn_cache;
typedef struct clattn_weights clattn_weights;

/* Host pointers, owned by the caller, read only during the call. Those of tensors that the problem has must not be
 * NULL. The others are not looked at, so that one struct can serve several problems: a mask, sinks or key_lengths count
 * only where the problem has them. Shapes and elements as in clattn_tensor. */
typedef struct clattn_inputs {
  size_t size; /* sizeof(clattn_inputs) */
  const void *x, *xkv;
  const void *wq, *wk, *wv, *wqkv;
  const void *bq, *bk, *bv, *bqkv;
  const void *wo, *bo;
  const void *q, *k, *v; /* with CLATTN_SOURCE_QKV */
  const void *mask;
  const float *slopes, *sinks;
  clattn_weights *projection_weights; /* NULL, or clattn_weights_create's: the run then ignores wq ... bo, and uploads
                                         and converts nothing of them */
  clattn_cache *cache;                /* of a problem that has one; the run appends to it */
  const int32_t *key_lengths;         /* (batch), each 0 ... key_len */
  const int32_t *query_offsets; /* (batch + 1): sequence b has tokens query_offsets[b] ... query_offsets[b + 1] - 1; the
                                   first is 0, the last packed_queries, no sequence longer than query_len */
  const int32_t *key_offsets;   /* likewise; with CLATTN_SOURCE_X, where they are the same, not looked at */
} clattn_inputs;

CLATTN_SIZED(clattn_inputs)
#define CLATTN_INPUTS_INIT CLATTN_INIT(clattn_inputs, .size = sizeof(clattn_inputs))

/* Some rows of scores, weights and their like. A row number counts (batch, head, query) row-major:
 * (b * heads + h) * query_len + i. `row` is strictly ascending and owned by the caller. */
typedef struct clattn_rows {
  const size_t *row;
  size_t count;
} clattn_rows;

/* Host pointers, owned by the caller, written by the call. Each may be NULL: not wanted. One that the problem does not
 * have (clattn_problem_shape gives 0) is not written. */
typedef struct clattn_outputs {
  size_t size;         /* sizeof(clattn_outputs) */
  float *q, *k, *v;    /* as scores and context read them, (tokens, heads, dim), whatever was given */
  float *x_positioned; /* traced, (tokens, model_dim) */
  float *products;     /* traced, (batch, heads, query_len, key_len), or (rows->count, key_len); a product of its own */
  float *scaled;       /* likewise, not traced */
  float *softcapped;   /* likewise */
  float *scores;       /* likewise, at no cost */
  float *exps;         /* traced, likewise; costs the scores once more */
  float *weights;      /* likewise, not traced */
  float *row_max;      /* traced, (batch, heads, query_len), whatever `rows` says */
  float *row_sum;      /* traced, likewise */
  float *lse;          /* likewise, not traced */
  float *context;      /* (tokens, heads.value_dim), or in context_order, as CLATTN_CONTEXT */
  float *cached_k;     /* what the cache holds after the run, (batch, keys, kv_heads.head_dim); not written behind a
                        sequence's last key */
  float *cached_v;     /* likewise, with value_dim */
  void *output;        /* stored, (tokens, output_dim), or the context, as CLATTN_OUTPUT */
  const clattn_rows *rows; /* NULL: all rows of scores and the like are written; else only these */
} clattn_outputs;

CLATTN_SIZED(clattn_outputs)
#define CLATTN_OUTPUTS_INIT CLATTN_INIT(clattn_outputs, .size = sizeof(clattn_outputs))

/* ---- plans ------------------------------------------------------------------------------------------------------- */

typedef enum clattn_pipeline {
  CLATTN_PIPELINE_AUTO,   /* fused, unless clattn_plan_options asks for a tensor that only staged has (tensors, trace),
                             or names a kernel of scores, softmax or context (kernels), or no fused kernel runs on the
                             device: then staged. clattn_plan_info says which it is, and why */
  CLATTN_PIPELINE_STAGED, /* this library's kernels; every intermediate can be seen */
  CLATTN_PIPELINE_BLAS,   /* CLBlast's products for project, scores and context, this library's softmax */
  CLATTN_PIPELINE_FUSED,  /* online softmax: the fastest, in memory that grows with query_len + key_len. There are no
                             scores and weights to be had */
  CLATTN_PIPELINE_COUNT
} clattn_pipeline;

#define CLATTN_TENSOR_BIT(tensor) (UINT64_C(1) << (tensor))

/* The bits of the outputs that are not NULL. */
CLATTN_API uint64_t clattn_outputs_tensors(const clattn_outputs *outputs);

/* How a plan is going to be run. */
typedef enum clattn_io {
  CLATTN_IO_HOST,  /* by clattn_plan_run: the plan owns device buffers for inputs and outputs */
  CLATTN_IO_DEVICE /* by clattn_plan_enqueue (clattn_cl.h) alone: it owns only what lies between */
} clattn_io;

/* Some drivers miscompile valid kernels, and some launches fail although every limit is kept. So each kernel that a
 * plan selects by itself, or takes from a record, first solves a small problem, which is compared with the reference. A
 * kernel that fails is passed over (CLATTN_REASON_WRONG). It takes milliseconds, memory for some 70 tokens, and the
 * device's queue, once for each built program in a process; program_dir keeps the results. Kernels that the caller
 * names, CLBlast, and copies into a cache are not tested. */
typedef enum clattn_self_test {
  CLATTN_SELF_TEST_LIBRARY, /* the library's kernels; not those of kernel_dir, which are being worked on */
  CLATTN_SELF_TEST_ALL,     /* those, too */
  CLATTN_SELF_TEST_NONE
} clattn_self_test;

/* Start from CLATTN_PLAN_OPTIONS_INIT. Strings are read only during clattn_plan_create. */
typedef struct clattn_plan_options {
  size_t size; /* sizeof(clattn_plan_options) */
  clattn_pipeline pipeline;
  clattn_io io;
  const char *kernels;     /* NULL, or choices by hand: "scores=2,softmax=naive:LOCAL_X=64" (rung or name, tile sizes);
                              those of stages that the problem does not have are not looked at */
  const char *kernel_dir;  /* NULL: the kernels inside the library; else a folder that holds project/, scores/, ..., or
                              some of their files: those that it lacks are the library's. CLATTN_KERNEL_SOURCE where it
                              holds none at all */
  uint64_t memory_bytes;   /* most device memory to use; 0: what the device reports */
  uint64_t block_bytes;    /* scores are worked off in blocks of at most this size; 0: the library chooses. The
                              pipeline fused has no scores to limit */
  const char *tuning_file; /* NULL, or a record of clattn_tuning_store; one that does not fit device, driver and
                              kernels, or is not there, is not used, and clattn_plan_get_reason says so */
  const char *program_dir; /* NULL or "", or a folder in which compiled programs are kept for later plans, also of
                              other processes; made where it is missing. Not used with kernel_dir, nor where the driver
                              keeps programs itself. What is in it runs with the user's rights: on POSIX systems it is
                              used only where it is the user's and nobody else may write to it. No trouble with it is
                              an error: clattn_plan_get_reason tells */
  clattn_self_test self_test; /* which kernels are tested first */
  double launch_seconds; /* a launch that would take longer is cut into several with the same bits (but for CLBlast's),
                            so that a GPU can show a screen in between. clattn_plan_run measures the pieces,
                            clattn_plan_enqueue goes by a rough guess; none is shorter than a few work-groups. 0: 1 s on
                            GPUs, no limit on others; INFINITY: none. Kernels of kernel_dir and those that only move
                            data are launched whole */
  bool trace; /* the plan also has what CLATTN_X_POSITIONED, _PRODUCTS, _EXPS, _ROW_MAX and _ROW_SUM are, to look at;
                 nothing else changes. CLATTN_UNSUPPORTED with CLATTN_PIPELINE_FUSED, which has no scores */
  bool weights_kept; /* every run brings projection_weights, so the plan has no device buffers for projection matrices
                        and biases. CLATTN_INVALID_ARGUMENT for a run without */
  uint64_t tensors; /* which outputs runs will ask for: CLATTN_TENSOR_BIT of each, or clattn_outputs_tensors. Only those
                      count that not every plan has: CLATTN_PRODUCTS to CLATTN_WEIGHTS; traced ones stand for trace. A
                      run that asks a plan for a tensor that it does not have is CLATTN_UNSUPPORTED */
} clattn_plan_options;

CLATTN_SIZED(clattn_plan_options)
#define CLATTN_PLAN_OPTIONS_INIT CLATTN_INIT(clattn_plan_options, .size = sizeof(clattn_plan_options))

typedef struct clattn_plan clattn_plan;

/* Chooses and builds kernels, checks that the memory suffices, allocates. options may be NULL. The device must outlive
 * the plan. Destroy with clattn_plan_destroy. */
CLATTN_API clattn_status clattn_plan_create(clattn_device *device, const clattn_problem *problem,
                                            const clattn_plan_options *options, clattn_plan **plan,
                                            clattn_error *error);
CLATTN_API void clattn_plan_destroy(clattn_plan *plan); /* NULL is fine */

/* How long the parts of a run took: clattn_inspect.h. */
typedef struct clattn_timings clattn_timings;

/* Uploads the inputs, runs all stages, downloads the outputs and waits for them. With timings (may be NULL) it also
 * waits after every launch. The plan must have CLATTN_IO_HOST. CLATTN_UNSUPPORTED where scores or their like are wanted
 * from a fused plan. */
CLATTN_API clattn_status clattn_plan_run(clattn_plan *plan, const clattn_inputs *inputs, const clattn_outputs *outputs,
                                         clattn_timings *timings, clattn_error *error);

/* ---- without a plan ---------------------------------------------------------------------------------------------- */

/* The smallest call there is. It plans with default options and runs as clattn_plan_run does. The
 * pipeline is fused, or staged where outputs asks for scores, weights or their like.
 *
 * The device keeps the plan, so that a loop of such calls plans once. It keeps at most 8 plans, and
 * more than one only while all of them hold at most a quarter of its memory; the plan that was not
 * used for the longest time goes first. Closing the device destroys them. So does a call that
 * creates a plan, a cache or a clattn_weights and finds no memory: it then tries again.
 *
 * For other pipelines, kernels and options, and for times, use clattn_plan_create. */
CLATTN_API clattn_status clattn_attend(clattn_device *device, const clattn_problem *problem,
                                       const clattn_inputs *inputs, const clattn_outputs *outputs, clattn_error *error);

/* ---- weights that stay ------------------------------------------------------------------------------------------- */

/* Uploads the problem's projection matrices and biases, wq ... bo of `inputs`, once for many runs,
 * and keeps them as the projection kernels read them: f16 and bf16 become float. Host memory is not
 * needed afterwards. A run takes them with clattn_inputs.projection_weights or
 * clattn_buffers.projection_weights. One plan can serve many of them (the layers of a model), and
 * one of them every plan on its device whose problem has the same matrices: type, layout,
 * fused_qkv, biases and the shapes of the matrices must be the same, lengths, heads and everything
 * else may differ. A run refuses others with CLATTN_INVALID_ARGUMENT, which names what differs. The
 * device must outlive the weights, the weights the runs that use them. */
CLATTN_API clattn_status clattn_weights_create(clattn_device *device, const clattn_problem *problem,
                                               const clattn_inputs *inputs, clattn_weights **weights,
                                               clattn_error *error);
CLATTN_API void clattn_weights_destroy(clattn_weights *weights); /* NULL is fine; waits for enqueued runs */

/* Bytes on the device. */
CLATTN_API uint64_t clattn_weights_bytes(const clattn_weights *weights);

/* ---- the cache --------------------------------------------------------------------------------------------------- */

/* Makes an empty cache for problems with this batch, kv_heads, head_dim, value_dim and cache; other sizes and meanings
 * may differ, so that one plan can fill it and another decode from it. With CLATTN_CACHE_I8_HEAD k_scale and v_scale
 * (kv_heads) say what a step of each head's bytes stands for, else they are NULL. The device must outlive the cache,
 * the cache the runs that use it. */
CLATTN_API clattn_status clattn_cache_create(clattn_device *device, const clattn_problem *problem, const float *k_scale,
                                             const float *v_scale, clattn_cache **cache, clattn_error *error);
CLATTN_API void clattn_cache_destroy(clattn_cache *cache); /* NULL is fine; waits for enqueued runs */

/* Keys that a sequence of the batch has; 0 for one that there is not. */
CLATTN_API size_t clattn_cache_length(const clattn_cache *cache, size_t sequence);

/* Forgets the keys of a sequence from `length` on; its pages go back to the pool. Waits for enqueued runs.
 * CLATTN_INVALID_ARGUMENT if it has fewer. */
CLATTN_API clattn_status clattn_cache_truncate(clattn_cache *cache, size_t sequence, size_t length,
                                               clattn_error *error);

/* Bytes on the device. */
CLATTN_API uint64_t clattn_cache_bytes(const clattn_cache *cache);

/* The problem as the next run on this cache will see it: key_len is the longest sequence, with its new keys. It gives
 * the shapes of some of the run's outputs (clattn_sizing_problem), and may have fewer keys than the problem, or more.
 * *seen gets the size that problem->size says. */
CLATTN_API clattn_status clattn_cache_problem(const clattn_cache *cache, const clattn_problem *problem,
                                              const clattn_inputs *inputs, clattn_problem *seen, clattn_error *error);

/* Which of the two gives the shape and bytes of an output of such a run: `seen` for scores, weights, their like,
 * cached_k and cached_v, `problem` for every other tensor (k and v hold only the run's new keys). Without a cache the
 * two are the same. */
CLATTN_API const clattn_problem *clattn_sizing_problem(const clattn_problem *problem, const clattn_problem *seen,
                                                       clattn_tensor tensor);

#ifdef __cplusplus
}
#endif

#endif
