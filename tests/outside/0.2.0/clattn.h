/* clattn: attention on any OpenCL device, checked against a reference on the CPU.
 *
 *     X, Wq, Wk, Wv -> project -> Q, K, V -> scores -> softmax -> context -> output
 *                      (X.W)                 Q.K^T     rows       weights.V  (.Wo)
 *
 * Describe, plan, run: a clattn_problem says what, a clattn_device where, a clattn_plan how. Planning is slow and done
 * once; running is fast, allocates nothing (CLBlast may) and can be repeated. clattn_inspect.h has kernels, costs,
 * tuning and every tensor's shape, clattn_check.h the reference, clattn_cl.h buffers of your own.
 *
 * Tensors are row-major and dense unless strides say otherwise. Sizes count elements unless a name says bytes; times
 * are seconds.
 *
 * Errors: a call that can fail returns a clattn_status and fills the clattn_error, which may be NULL; after CLATTN_OK
 * the error is empty. After a failure the results are undefined and nothing needs to be freed. A NULL that these calls
 * do not allow is CLATTN_INVALID_ARGUMENT; other calls take NULL only where they say so. The library never prints,
 * never exits and reads no environment variable.
 *
 * Threads: a device with its plans, caches and weights belongs to one thread at a time; different devices share no
 * state. The library makes the drivers' calls that list, open and close devices one at a time; a program that makes its
 * own first OpenCL calls in another thread has to do the same, and so has one that calls a CLBlast before 1.6.1.
 *
 * fork(): OpenCL does not survive it. In a child of a process that has used a device, calls return CLATTN_UNSUPPORTED,
 * and closing and destroying do nothing. Fork before the first OpenCL call, or exec.
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

/* ---- inputs and outputs ------------------------------------------------------------------------------------------ */

typedef struct clattn_cache clattn_cache;
typedef struct clattn_weights clattn_weights;

/* Host pointers, owned by the caller, read only during the call. Required are the tensors that the problem has; others
 * are ignored, so that one struct can serve several problems. Elements have the problem's type, or that which is
 * declared. "tokens" is (batch, query_len) or (batch, key_len), of packed sequences (packed_queries) or (packed_keys).
 */
typedef struct clattn_inputs {
  size_t size;                     /* sizeof(clattn_inputs) */
  const void *x;                   /* (tokens, model_dim) */
  const void *xkv;                 /* (tokens, kv_model_dim) */
  const void *wq, *wk, *wv;        /* (model_dim, heads.head_dim), (kv_model_dim, kv_heads.head_dim), (kv_model_dim,
                                      kv_heads.value_dim); with CLATTN_LAYOUT_XWT transposed */
  const void *wqkv;                /* the columns of wq, wk and wv, one after the other */
  const void *bq, *bk, *bv, *bqkv; /* one element for each column of the matrix */
  const void *wo, *bo;             /* (heads.value_dim, output_dim), with CLATTN_LAYOUT_XWT transposed; (output_dim) */
  const void *q, *k, *v; /* with CLATTN_SOURCE_QKV, in clattn_problem.order: (heads, head_dim), (kv_heads, head_dim),
                            (kv_heads, value_dim) for each token */
  const void *mask;      /* mask_shape, of float; with CLATTN_MASK_BOOL of bytes */
  const float *slopes, *sinks;        /* (heads) */
  clattn_weights *projection_weights; /* NULL, or clattn_weights_create's: then wq ... bo are ignored */
  clattn_cache *cache;                /* of a problem that has one; the run appends to it */
  const int32_t *key_lengths;         /* (batch), each 0 ... key_len */
  const int32_t *query_offsets; /* (batch + 1): sequence b has tokens query_offsets[b] ... query_offsets[b + 1] - 1. The
                                   first is 0, the last packed_queries, no sequence longer than query_len */
  const int32_t *key_offsets;   /* as query_offsets, for keys; ignored with CLATTN_SOURCE_X */
} clattn_inputs;

CLATTN_SIZED(clattn_inputs)
#define CLATTN_INPUTS_INIT CLATTN_INIT(clattn_inputs, .size = sizeof(clattn_inputs))

/* Some rows of scores, weights and similar tensors: (b * heads + h) * query_len + i, strictly ascending. */
typedef struct clattn_rows {
  const size_t *row;
  size_t count;
} clattn_rows;

/* Host pointers, owned by the caller, written by the call; NULL: not wanted. Tensors that the problem does not have are
 * not written. "rows" is (batch, heads, query_len, key_len), or (rows->count, key_len); with a cache key_len is that of
 * clattn_cache_problem. Those marked "traced" need a plan with trace. */
typedef struct clattn_outputs {
  size_t size;         /* sizeof(clattn_outputs) */
  float *q, *k, *v;    /* as scores and context read them, (tokens, heads, dim), whatever was given */
  float *x_positioned; /* traced, (tokens, model_dim): x with its positions */
  float *products;     /* traced, rows: Q.K^T */
  float *scaled;       /* rows: Q.K^T * scale */
  float *softcapped;   /* rows: after the softcap */
  float *scores;       /* rows: after bias and mask; masked keys hold -inf */
  float *exps;         /* traced, rows: exp(score - row_max) */
  float *weights;      /* rows: softmax of each row */
  float *row_max;      /* traced, (batch, heads, query_len): the largest score or sink */
  float *row_sum;      /* traced, (batch, heads, query_len): of exps and exp(sink - row_max) */
  float *lse;          /* (batch, heads, query_len): log of the sum of exp(scores) and exp(sink) */
  float *context;      /* (tokens, heads.value_dim), or with CLATTN_ORDER_HEADS (batch, heads, query_len, value_dim) */
  float *cached_k;     /* (batch, keys, kv_heads.head_dim) after the run; not written past a sequence's last key */
  float *cached_v;     /* (batch, keys, kv_heads.value_dim) */
  void *output;        /* (tokens, output_dim) in the problem's type; without wo the context, if that is not float */
  const clattn_rows *rows; /* NULL: all rows; else only these */
} clattn_outputs;

CLATTN_SIZED(clattn_outputs)
#define CLATTN_OUTPUTS_INIT CLATTN_INIT(clattn_outputs, .size = sizeof(clattn_outputs))

/* ---- plans ------------------------------------------------------------------------------------------------------- */

typedef enum clattn_pipeline {
  CLATTN_PIPELINE_AUTO,   /* fused; or staged, if the options ask for scores or similar tensors (tensors, trace), name a
                             kernel of scores, softmax or context, or no fused kernel runs. clattn_plan_info says why */
  CLATTN_PIPELINE_STAGED, /* this library's kernels; every intermediate tensor can be returned */
  CLATTN_PIPELINE_BLAS,   /* CLBlast's products for project, scores and context, this library's softmax */
  CLATTN_PIPELINE_FUSED,  /* online softmax: fastest, in O(query_len + key_len) memory, without scores and weights */
  CLATTN_PIPELINE_COUNT
} clattn_pipeline;

/* The bits of the outputs that are not NULL. */
CLATTN_API uint64_t clattn_outputs_tensors(const clattn_outputs *outputs);

/* How a plan is going to be run. */
typedef enum clattn_io {
  CLATTN_IO_HOST,  /* by clattn_plan_run: the plan owns device buffers for inputs and outputs */
  CLATTN_IO_DEVICE /* by clattn_plan_enqueue (clattn_cl.h): it owns only intermediate tensors */
} clattn_io;

/* Some drivers miscompile valid kernels. So a kernel that a plan selects by itself first solves a small problem, which
 * is compared with the reference; one that fails is passed over (CLATTN_REASON_WRONG). It takes milliseconds, once for
 * each program in a process; program_dir keeps the results. Kernels named by the caller and CLBlast are not tested. */
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
  const char *kernels;    /* NULL, or kernels by hand: "scores=2,softmax=naive:LOCAL_X=64" (rung or name, tile sizes);
                             stages that the plan does not have are ignored */
  const char *kernel_dir; /* NULL: the library's kernels; else a folder with project/, scores/, ... The library supplies
                             files that it lacks. CLATTN_KERNEL_SOURCE if it has none at all */
  uint64_t memory_bytes;  /* most device memory to use; 0: what the device reports */
  uint64_t block_bytes;   /* most memory for a block of scores; 0: the library chooses */
  const char
      *tuning_file; /* NULL, or a record of clattn_tuning_store. One that does not fit is ignored, with a reason */
  const char *program_dir; /* NULL or "", or a folder that keeps compiled programs for later processes. Programs in it
                              run with the user's rights, so it must belong to the user and nobody else may write to it
                              (POSIX). Problems with it never fail the plan; see clattn_plan_get_reason. Not used with
                              kernel_dir, nor if the driver keeps programs itself */
  clattn_self_test self_test; /* which kernels are tested first */
  double
      launch_seconds; /* longer launches are split, so that a GPU can update a screen; results do not change. 0: 1 s
                         on GPUs, no limit on others; INFINITY: none. CLBlast and kernel_dir's kernels are not split */
  bool trace;         /* the plan also has the traced outputs; nothing else changes. Not with fused */
  bool weights_kept;  /* every run brings projection_weights: the plan has no buffers for matrices and biases */
  uint64_t tensors;   /* outputs that runs will ask for, as clattn_outputs_tensors gives them; decides
                         CLATTN_PIPELINE_AUTO, and traced ones set trace. A run that asks for a tensor which the plan
                         does not have is CLATTN_UNSUPPORTED */
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
 * waits after every launch. The plan must have CLATTN_IO_HOST. CLATTN_UNSUPPORTED for an output that it does not have.
 */
CLATTN_API clattn_status clattn_plan_run(clattn_plan *plan, const clattn_inputs *inputs, const clattn_outputs *outputs,
                                         clattn_timings *timings, clattn_error *error);

/* ---- without a plan ---------------------------------------------------------------------------------------------- */

/* The smallest call: plans with default options and runs as clattn_plan_run does, staged if outputs asks for scores,
 * weights or similar tensors. The device keeps the plan, so that a loop of such calls plans once: at most 8 plans, and
 * more than one only while they hold at most a quarter of its memory; the least recently used goes first. Closing the
 * device destroys them, and so does a call that creates a plan, cache or weights and finds no memory. */
CLATTN_API clattn_status clattn_attend(clattn_device *device, const clattn_problem *problem,
                                       const clattn_inputs *inputs, const clattn_outputs *outputs, clattn_error *error);

/* ---- weights that stay ------------------------------------------------------------------------------------------- */

/* Uploads the projection matrices and biases, wq ... bo of `inputs`, once for many runs, and converts f16 and bf16 to
 * float. Runs take them with projection_weights. They fit every plan of the device whose problem has the same type,
 * layout, fused_qkv, biases and shapes of matrices; a run refuses others with CLATTN_INVALID_ARGUMENT. The device must
 * outlive the weights, the weights the runs that use them. */
CLATTN_API clattn_status clattn_weights_create(clattn_device *device, const clattn_problem *problem,
                                               const clattn_inputs *inputs, clattn_weights **weights,
                                               clattn_error *error);
CLATTN_API void clattn_weights_destroy(clattn_weights *weights); /* NULL is fine; waits for enqueued runs */

/* Bytes on the device. */
CLATTN_API uint64_t clattn_weights_bytes(const clattn_weights *weights);

/* ---- the cache --------------------------------------------------------------------------------------------------- */

/* Makes an empty cache for problems with this batch, kv_heads, head_dim, value_dim and cache; everything else may
 * differ, so that one plan can fill it and another decode from it. k_scale and v_scale (kv_heads): the value of one
 * step of each head's bytes, with CLATTN_CACHE_I8_HEAD; else NULL. The device must outlive the cache, the cache its
 * runs. */
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

/* The problem as the next run on this cache sees it: key_len is that of the longest sequence, with its new keys, and
 * may be smaller or larger than the problem's. It gives the shapes of the outputs in "rows" and of cached_k and
 * cached_v (clattn_sizing_problem); all others have those of `problem`. *seen has the size in problem->size. */
CLATTN_API clattn_status clattn_cache_problem(const clattn_cache *cache, const clattn_problem *problem,
                                              const clattn_inputs *inputs, clattn_problem *seen, clattn_error *error);

#ifdef __cplusplus
}
#endif

#endif
