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
 * and all that use a parent's device, plan or cache return CLATTN_UNSUPPORTED, and closing and destroying do nothing. A
 * child that is to use OpenCL must be forked before its parent does, or exec.
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

#define CLATTN_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, as CLATTN_VERSION is that of this header. */
CLATTN_API const char *clattn_version(void);

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

typedef enum clattn_device_type {
  CLATTN_DEVICE_GPU,
  CLATTN_DEVICE_ACCELERATOR,
  CLATTN_DEVICE_CPU,
  CLATTN_DEVICE_OTHER
} clattn_device_type;

/* Whether a GPU has memory of its own or shares the host's (CL_DEVICE_HOST_UNIFIED_MEMORY). */
typedef enum clattn_integration {
  CLATTN_INTEGRATION_UNKNOWN, /* the driver does not tell */
  CLATTN_DISCRETE,
  CLATTN_INTEGRATED /* also CPUs */
} clattn_integration;

typedef struct clattn_device_info {
  uint32_t platform_index; /* what clattn_device_choice.platform calls it; 0 for an adopted device */
  uint32_t index;          /* likewise for the device, within the platforms that were asked for */
  char platform[128];
  char name[128];
  char vendor[128];
  char version[128];        /* as CL_DEVICE_VERSION: "OpenCL 3.0 ..." */
  char driver_version[128]; /* as CL_DRIVER_VERSION */
  char c_version[64];       /* as CL_DEVICE_OPENCL_C_VERSION */
  clattn_device_type type;
  uint32_t compute_units;
  uint32_t clock_mhz;
  uint32_t native_float_width;  /* lanes of a float vector that the hardware likes, 0 if not known */
  uint64_t global_memory_bytes; /* what the driver reports */
  uint64_t max_allocation_bytes;
  uint64_t local_memory_bytes;
  uint64_t max_work_group;         /* work-items */
  uint64_t max_work_item_sizes[3]; /* work-items along each dimension of a work-group */
  bool little_endian;
  char extensions[256]; /* those that matter to attention kernels, separated by spaces */
  clattn_integration integration;
  uint32_t unit_lanes; /* float multiply-adds of a compute unit in each clock, by vendor; 0 if not known */
} clattn_device_info;

/* Which device: NULL fields mean any. A string of digits is an index, anything else a part of the name, in any case;
 * of a device it may also be a kind: "gpu", "cpu", "accelerator", "discrete" or "integrated" (a GPU of which that is
 * known). The device index counts within the platforms that `platform` leaves, in the order of
 * clattn_device_list_create. */
typedef struct clattn_device_choice {
  const char *platform;
  const char *device;
} clattn_device_choice;

typedef struct clattn_device_list clattn_device_list;
typedef struct clattn_device clattn_device;

/* Lists the devices that `choice` (NULL: all) leaves; an empty list is CLATTN_NO_DEVICE. Free with
 * clattn_device_list_destroy. */
CLATTN_API clattn_status clattn_device_list_create(const clattn_device_choice *choice, clattn_device_list **list,
                                                   clattn_error *error);
CLATTN_API size_t clattn_device_list_count(const clattn_device_list *list);
/* Valid until the list is destroyed; NULL when index >= count. */
CLATTN_API const clattn_device_info *clattn_device_list_info(const clattn_device_list *list, size_t index);
CLATTN_API void clattn_device_list_destroy(clattn_device_list *list); /* NULL is fine */

/* The index of the device that is taken of a list: a GPU before an accelerator before a CPU; of GPUs a discrete one
 * before one of which that is not known before an integrated one; then the one with the highest rate, where all that
 * are still equal have one; else the one with the most compute units x clock x unit_lanes. rates (count of the list;
 * NULL: none) are measured, in any unit, 0 for a device that was not measured: see clattn_tuning_rate. */
CLATTN_API clattn_status clattn_device_list_best(const clattn_device_list *list, const double *rates, size_t *index,
                                                 clattn_error *error);
/* Opens a device of the list, which may be destroyed then. Close as below. */
CLATTN_API clattn_status clattn_device_list_open(const clattn_device_list *list, size_t index, clattn_device **device,
                                                 clattn_error *error);

/* Opens the best device that `choice` (NULL: any) leaves: clattn_device_list_best without rates. Close with
 * clattn_device_close, after its plans are destroyed. */
CLATTN_API clattn_status clattn_device_open(const clattn_device_choice *choice, clattn_device **device,
                                            clattn_error *error);
CLATTN_API void clattn_device_close(clattn_device *device); /* NULL is fine */
CLATTN_API const clattn_device_info *clattn_device_get_info(const clattn_device *device);

/* Start from CLATTN_PROBE_OPTIONS_INIT or clattn_probe_options_init(). */
typedef struct clattn_probe_options {
  size_t size;            /* sizeof(clattn_probe_options) */
  uint64_t working_set;   /* bytes that are read again and again, 65536 or more; 0: multiply-adds alone are probed */
  unsigned repeats;       /* of each probe, 1 or more */
  const char *kernel_dir; /* as in clattn_plan_options */
} clattn_probe_options;

/* Writes the initial values into the first `size` bytes, sizeof(clattn_probe_options) of the caller's header: that may
 * be of another version than the library. For programs that cannot call the inline function. */
CLATTN_API void clattn_probe_options_fill(clattn_probe_options *options, size_t size);

static inline clattn_probe_options clattn_probe_options_init(void) {
  clattn_probe_options options;
  clattn_probe_options_fill(&options, sizeof options);
  return options;
}

#ifdef __cplusplus
#define CLATTN_PROBE_OPTIONS_INIT clattn_probe_options_init()
#else
#define CLATTN_PROBE_OPTIONS_INIT                                                                                      \
  { sizeof(clattn_probe_options), 0, 5, (const char *)0 }
#endif

/* A second, of the fastest and the slowest repeat. A large difference says that the device was not idle. */
typedef struct clattn_rate {
  double best, worst;
} clattn_rate;

/* What the device can do at most. Rates of memory are bytes; 0 where they are not probed. */
typedef struct clattn_peaks {
  clattn_rate multiply_add; /* operations in float, 2 for each multiply-add */
  clattn_rate read;         /* of the working set */
  clattn_rate copy;         /* of one half of it into the other: what is read and what is written */
  clattn_rate strided;      /* of the working set, neighbouring work-items reading 128 bytes apart */
  clattn_rate local;        /* of local memory, by all work-items together */
} clattn_peaks;

/* Measures, with kernels that do nothing else, what attention can be held against: for each peak about 0.1 s a repeat,
 * and as long as the kernels take to build. A kernel that turns out not to have done its work is CLATTN_BUILD_FAILED.
 * options may be NULL. */
CLATTN_API clattn_status clattn_device_probe(clattn_device *device, const clattn_probe_options *options,
                                             clattn_peaks *peaks, clattn_error *error);

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

/* "f32", "f16", "bf16"; never NULL. */
CLATTN_API const char *clattn_type_name(clattn_type type);

/* From a storage type to float, exactly, and back, rounded to the nearest, ties to even: `count` elements. */
CLATTN_API void clattn_widen(clattn_type type, const void *from, size_t count, float *to);
CLATTN_API void clattn_narrow(clattn_type type, const float *from, size_t count, void *to);

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
  size_t size; /* sizeof(clattn_problem); tells the library which version of this struct it is given */

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

  /* From here on the struct's first version had nothing; it is still accepted, by its size. */
  clattn_order context_order; /* of the context, and of an output that is the context. CLATTN_ORDER_HEADS with
                                 output_dim is CLATTN_UNSUPPORTED: wo reads rows of tokens */
} clattn_problem;

/* Writes the initial values into the first `size` bytes, as clattn_probe_options_fill does. */
CLATTN_API void clattn_problem_fill(clattn_problem *problem, size_t size);

static inline clattn_problem clattn_problem_init(void) {
  clattn_problem problem;
  clattn_problem_fill(&problem, sizeof problem);
  return problem;
}

#ifdef __cplusplus
#define CLATTN_PROBLEM_INIT clattn_problem_init()
#else
#define CLATTN_PROBLEM_INIT                                                                                            \
  {                                                                                                                    \
    .size = sizeof(clattn_problem), .batch = 1, .heads = 1, .scale = NAN, .window_left = CLATTN_UNBOUNDED,             \
    .window_right = CLATTN_UNBOUNDED, .rotary_base = 10000.0                                                           \
  }
#endif

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

/* Host pointers, owned by the caller, read only during the call. Those of tensors that the problem has must not be
 * NULL. The others are not looked at, so that one struct can serve several problems: a mask, sinks or key_lengths count
 * only where the problem has them. Shapes and elements as in clattn_tensor. Use designated initialisers. */
typedef struct clattn_inputs {
  const void *x, *xkv;
  const void *wq, *wk, *wv, *wqkv;
  const void *bq, *bk, *bv, *bqkv;
  const void *wo, *bo;
  const void *q, *k, *v; /* with CLATTN_SOURCE_QKV */
  const void *mask;
  const float *slopes, *sinks;
  clattn_cache *cache;          /* of a problem that has one; the run appends to it */
  const int32_t *key_lengths;   /* (batch), each 0 ... key_len */
  const int32_t *query_offsets; /* (batch + 1): sequence b has tokens query_offsets[b] ... query_offsets[b + 1] - 1; the
                                   first is 0, the last packed_queries, no sequence longer than query_len */
  const int32_t *key_offsets;   /* likewise; with CLATTN_SOURCE_X, where they are the same, not looked at */
} clattn_inputs;

/* Some rows of scores, weights and their like. A row number counts (batch, head, query) row-major:
 * (b * heads + h) * query_len + i. `row` is strictly ascending and owned by the caller. */
typedef struct clattn_rows {
  const size_t *row;
  size_t count;
} clattn_rows;

/* Host pointers, owned by the caller, written by the call. Each may be NULL: not wanted. One that the problem does not
 * have (clattn_problem_shape gives 0) is not written. */
typedef struct clattn_outputs {
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

/* For programs that go over tensors instead of naming them: sets or reads the field of that tensor. Reading gives NULL,
 * setting does nothing where the struct has no such field. */
CLATTN_API void clattn_inputs_set(clattn_inputs *inputs, clattn_tensor tensor, const void *data);
CLATTN_API const void *clattn_inputs_get(const clattn_inputs *inputs, clattn_tensor tensor);
CLATTN_API void clattn_outputs_set(clattn_outputs *outputs, clattn_tensor tensor, void *data);
CLATTN_API void *clattn_outputs_get(const clattn_outputs *outputs, clattn_tensor tensor);

/* ---- plans ------------------------------------------------------------------------------------------------------- */

typedef enum clattn_stage {
  CLATTN_STAGE_CONVERT, /* stored types to float, and the output back; positions */
  CLATTN_STAGE_PROJECT,
  CLATTN_STAGE_ROTARY,
  CLATTN_STAGE_CACHE, /* appending, and bringing what is not plain floats in a row into that form */
  CLATTN_STAGE_SCORES,
  CLATTN_STAGE_SOFTMAX,
  CLATTN_STAGE_CONTEXT,
  CLATTN_STAGE_FUSED,    /* scores, softmax and context in one, without a matrix of scores in memory */
  CLATTN_STAGE_OUTPUT,   /* context.Wo; its kernels are those of project */
  CLATTN_STAGE_PRODUCTS, /* of a traced plan: Q.K^T alone */
  CLATTN_STAGE_EXPS,     /* of a traced plan: maximum, exps and sum of each row, apart from the softmax that counts */
  CLATTN_STAGE_COUNT
} clattn_stage;

/* "project", "scores", ...; never NULL. */
CLATTN_API const char *clattn_stage_name(clattn_stage stage);

typedef enum clattn_pipeline {
  CLATTN_PIPELINE_STAGED, /* this library's kernels; every intermediate can be seen */
  CLATTN_PIPELINE_BLAS,   /* CLBlast's products for project, scores and context, this library's softmax */
  CLATTN_PIPELINE_FUSED,  /* online softmax: the fastest, in memory that grows with query_len + key_len. There are no
                             scores and weights to be had */
  CLATTN_PIPELINE_COUNT
} clattn_pipeline;

/* "staged", "blas", "fused"; never NULL. */
CLATTN_API const char *clattn_pipeline_name(clattn_pipeline pipeline);

/* How a plan is going to be run. */
typedef enum clattn_io {
  CLATTN_IO_HOST,  /* by clattn_plan_run: the plan owns device buffers for inputs and outputs */
  CLATTN_IO_DEVICE /* by clattn_plan_enqueue (clattn_cl.h) alone: it owns only what lies between */
} clattn_io;

/* Start from CLATTN_PLAN_OPTIONS_INIT or clattn_plan_options_init(). Strings are read during clattn_plan_create alone.
 */
/* Drivers' compilers make wrong kernels of right ones, and some launches fail that no limit had announced. So a kernel
 * that a plan chooses by itself, or takes from a record, does a small problem first, and its results are held against
 * the scalar path. One that is wrong is passed over (CLATTN_REASON_WRONG) and the next is taken. Each built program is
 * asked once a device and process; with program_dir what it answered is kept there, too, for that device, driver,
 * kernel text and tile sizes. Kernels that the caller names are not asked, nor is what CLBlast computes, nor the moving
 * of data into a cache. It takes milliseconds, device memory for a problem of some 70 tokens, and runs on the device's
 * queue. */
typedef enum clattn_known_answers {
  CLATTN_ANSWERS_OF_LIBRARY, /* but not those of kernel_dir, which are being worked on */
  CLATTN_ANSWERS_OF_ALL,     /* also those */
  CLATTN_ANSWERS_NONE
} clattn_known_answers;

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
  clattn_known_answers known_answers; /* whose kernels do a small problem with known results first */
  double launch_seconds; /* a launch that would take longer is cut into several with the same bits (but for CLBlast's),
                            so that a GPU can show a screen in between. clattn_plan_run measures the pieces,
                            clattn_plan_enqueue goes by a rough guess; none is shorter than a few work-groups. 0: 1 s on
                            GPUs, no limit on others; INFINITY: none. Kernels of kernel_dir and those that only move
                            data are launched whole */
  bool trace; /* the plan also has what CLATTN_X_POSITIONED, _PRODUCTS, _EXPS, _ROW_MAX and _ROW_SUM are, to look at;
                 nothing else changes. CLATTN_UNSUPPORTED with CLATTN_PIPELINE_FUSED, which has no scores */
} clattn_plan_options;

/* Writes the initial values into the first `size` bytes, as clattn_probe_options_fill does. */
CLATTN_API void clattn_plan_options_fill(clattn_plan_options *options, size_t size);

static inline clattn_plan_options clattn_plan_options_init(void) {
  clattn_plan_options options;
  clattn_plan_options_fill(&options, sizeof options);
  return options;
}

#ifdef __cplusplus
#define CLATTN_PLAN_OPTIONS_INIT clattn_plan_options_init()
#else
#define CLATTN_PLAN_OPTIONS_INIT                                                                                       \
  {                                                                                                                    \
    sizeof(clattn_plan_options), CLATTN_PIPELINE_STAGED, CLATTN_IO_HOST, (const char *)0, (const char *)0, 0, 0,       \
        (const char *)0, (const char *)0, CLATTN_ANSWERS_OF_LIBRARY, 0.0, false                                        \
  }
#endif

typedef struct clattn_plan clattn_plan;

/* Chooses and builds kernels, checks that the memory suffices, allocates. options may be NULL. The device must outlive
 * the plan. Destroy with clattn_plan_destroy. */
CLATTN_API clattn_status clattn_plan_create(clattn_device *device, const clattn_problem *problem,
                                            const clattn_plan_options *options, clattn_plan **plan,
                                            clattn_error *error);
CLATTN_API void clattn_plan_destroy(clattn_plan *plan); /* NULL is fine */

/* What a kernel, as it is written, asks for in one run: operations, and bytes of its work-items' reads and writes. What
 * is read twice counts twice, whatever caches spare; what one step of a loop names twice counts once, and a loop that
 * is unrolled is one step. What depends on the data, as what is done when a row's maximum grows, counts once a row.
 * Operations are those of sums and weights, also where they only fill up a tile: 2 for a multiply-add, 1 for a sum,
 * product, quotient or exp; comparisons are not counted, nor what is done once for each result. */
typedef struct clattn_traffic {
  double flops;
  double global_read, global_written;
  double global_strided; /* part of global_read: work-items that are neighbours in a work-group read addresses that are
                            no neighbours, so that a GPU cannot make one access of theirs */
  double global_scattered; /* part of global_written, likewise */
  double local_read, local_written;
} clattn_traffic;

/* What a plan chose for a stage, and what the stage costs. Strings live as long as the plan. */
typedef struct clattn_stage_info {
  const char *kernel;      /* name in the catalogue: "naive", ..., "clblast"; NULL: the problem has no such stage */
  int rung;                /* number in the catalogue; 0 for what is not on the ladder */
  double flops;            /* operations of one run: 2 for each multiply-add that the mask leaves, 4 for each weight */
  double bytes;            /* of one run when each tensor of the stage is read or written once */
  size_t longest_addition; /* longest chain of additions into one accumulator, for the error bound */
  clattn_traffic traffic;  /* of a plain problem (floats of full length, no cache, all keys in sight, nothing added to
                              scores) and a kernel that is on the ladder of a stage that computes; else all 0 */
} clattn_stage_info;

typedef struct clattn_plan_info {
  size_t blocks;        /* pieces in which scores, softmax and context are worked off; fused: 0, and the next three */
  size_t block_heads;   /* (batch, head) pairs in one piece */
  size_t block_rows;    /* query rows of each pair in one piece */
  uint64_t block_bytes; /* of the scores buffer */
  uint64_t workspace_bytes; /* what a fused kernel keeps in memory: partial results of parts */
  double launch_flops;      /* of a launch, by the first guess, at most; 0: no limit */
  uint64_t total_bytes;     /* of all device buffers of the plan; what CLBlast allocates by itself is not in it */
  clattn_stage_info stages[CLATTN_STAGE_COUNT];
} clattn_plan_info;

/* With a cache the costs are those of the longest run, which fills it. */
CLATTN_API void clattn_plan_get_info(const clattn_plan *plan, clattn_plan_info *info);

/* Whether a run of this plan has that tensor among its results: the problem has it, and the pipeline keeps it. */
CLATTN_API bool clattn_plan_has(const clattn_plan *plan, clattn_tensor tensor);

/* Why a plan is as it is. */
typedef enum clattn_reason_kind {
  CLATTN_REASON_CHOSEN,         /* the highest rung that suits device and problem */
  CLATTN_REASON_BY_HAND,        /* named in clattn_plan_options.kernels, or asked for by the pipeline */
  CLATTN_REASON_RECORD,         /* found best when the device was tuned */
  CLATTN_REASON_PASSED_OVER,    /* not chosen: the text says what stood against it */
  CLATTN_REASON_RECORD_REFUSED, /* the tuning record was not used */
  CLATTN_REASON_WRONG,          /* passed over, for its answer to a small problem is wrong on this device */
  CLATTN_REASON_KIND_COUNT
} clattn_reason_kind;

/* "chosen", "by hand", ...; never NULL. */
CLATTN_API const char *clattn_reason_kind_name(clattn_reason_kind kind);

/* Strings live as long as the plan. */
typedef struct clattn_reason {
  clattn_reason_kind kind;
  clattn_stage stage; /* CLATTN_STAGE_COUNT: of a record that was used for no stage */
  const char *kernel; /* NULL where a record is meant, not a row of the catalogue */
  int rung;
  const char *choice;  /* the row with all its tile sizes, as clattn_plan_options.kernels takes it; or NULL, likewise */
  const char *text;    /* one line */
  const char *program; /* one line: from where the row's compiled program came; NULL where there is none */
} clattn_reason;

/* What was chosen for each stage, and in front of it what was looked at before and passed over. */
CLATTN_API size_t clattn_plan_reason_count(const clattn_plan *plan);
/* false when index >= clattn_plan_reason_count(plan). */
CLATTN_API bool clattn_plan_get_reason(const clattn_plan *plan, size_t index, clattn_reason *reason);

/* Makes the costs in `info` those of a run that sees this problem (clattn_cache_problem). */
CLATTN_API void clattn_plan_costs(const clattn_plan *plan, const clattn_problem *seen, clattn_plan_info *info);

typedef struct clattn_timings {
  double stage[CLATTN_STAGE_COUNT];      /* on the device, from events, or the wall clock where events say nothing */
  double stage_wall[CLATTN_STAGE_COUNT]; /* around enqueue ... finish */
  double upload;                         /* wall clock */
  double download;                       /* wall clock */
  double total;                          /* wall clock of the whole call */
  bool events_used;                      /* whether `stage` comes from events (but for CLBlast's calls) */
  size_t launches[CLATTN_STAGE_COUNT];   /* of kernels and library calls */
} clattn_timings;

/* Uploads the inputs, runs all stages, downloads the outputs and waits for them. With timings (may be NULL) it also
 * waits after every launch. The plan must have CLATTN_IO_HOST. CLATTN_UNSUPPORTED where scores or their like are wanted
 * from a fused plan. */
CLATTN_API clattn_status clattn_plan_run(clattn_plan *plan, const clattn_inputs *inputs, const clattn_outputs *outputs,
                                         clattn_timings *timings, clattn_error *error);

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

/* ---- the catalogue ----------------------------------------------------------------------------------------------- */

typedef struct clattn_kernel_info {
  clattn_stage stage;
  int rung;
  const char *name;
  const char *form; /* "any", "gpu", "cpu" or "library": the kind of device it was written for */
  const char *idea; /* one line */
} clattn_kernel_info;

CLATTN_API size_t clattn_kernel_count(void);
/* false when index >= clattn_kernel_count(). */
CLATTN_API bool clattn_kernel_get_info(size_t index, clattn_kernel_info *info);
/* Whether the device meets the kernel's needs, as far as that can be told before it is built: CLATTN_OK or
 * CLATTN_UNSUPPORTED with the reason. */
CLATTN_API clattn_status clattn_kernel_supported(size_t index, const clattn_device_info *device, clattn_error *error);

/* A size that a kernel is compiled with. */
typedef struct clattn_tile_info {
  const char *name;
  int standard;     /* where vectors are 16 floats wide; CPU forms take others elsewhere */
  const int *valid; /* all values that it may have */
  size_t valid_count;
} clattn_tile_info;

/* false when the catalogue has no such kernel, or the kernel no such tile. */
CLATTN_API bool clattn_kernel_get_tile(size_t index, size_t tile, clattn_tile_info *info);
/* The text of a kernel file inside the library, "scores/2_tiled.cl", as it stands in its folder: `bytes` of them, with
 * no 0 at the end. NULL if there is none of that name. Lives as long as the library. */
CLATTN_API const char *clattn_kernel_source(const char *file, size_t *bytes);
/* Whether the kernel was written for such devices and problems: what a plan chooses from by itself. */
CLATTN_API bool clattn_kernel_suits(size_t index, const clattn_device_info *device, const clattn_problem *problem);

/* How a row of the catalogue did on a small problem with known results (clattn_plan_options.known_answers). */
typedef enum clattn_verdict {
  CLATTN_VERDICT_RIGHT,
  CLATTN_VERDICT_WRONG, /* the results are, or it failed while it ran */
  CLATTN_VERDICT_CANNOT /* the device has not what it needs, or does not build it */
} clattn_verdict;

typedef struct clattn_kernel_answer {
  clattn_verdict verdict;
  char text[256]; /* one line: what was compared, or what stood against it */
} clattn_kernel_answer;

/* Asks the row at index, with its standard tile sizes, whatever is known of it already, with kernels of 64 numbers a
 * head. Of the options (may be NULL) kernel_dir and program_dir are looked at. An error is one of the device or of
 * memory; what the kernel does wrong is a verdict. */
CLATTN_API clattn_status clattn_kernel_ask(clattn_device *device, size_t index, const clattn_plan_options *options,
                                           clattn_kernel_answer *answer, clattn_error *error);

/* ---- tuning ------------------------------------------------------------------------------------------------------ */

/* What was found best for a stage. */
typedef struct clattn_tuned {
  clattn_stage stage;     /* project (then for output, too), scores, softmax, context or fused */
  const char *choice;     /* as in clattn_reason: "vector:STRIP=128" */
  const char *standard;   /* likewise, what a plan chooses without a record */
  double gflops;          /* operations a second / 1e9, of the choice ... */
  double standard_gflops; /* ... and of the standard one */
  unsigned repeats;       /* runs of each, 1 or more */
} clattn_tuned;

/* Puts into the record `file` what was found for problems like this one: of its type, head_dim and value_dim, with up
 * to twice or half its lengths. A record of another driver or of other kernels is begun anew; a file that is no record,
 * or of another device, is left as it is: CLATTN_INVALID_ARGUMENT. The file is whole at any time. With tuned NULL
 * (problem is not looked at then) nothing is put in: this tells whether the file can be written. */
CLATTN_API clattn_status clattn_tuning_store(const char *file, const clattn_device *device,
                                             const clattn_problem *problem, const clattn_tuned *tuned,
                                             clattn_error *error);

/* The highest rate of a stage in the record, in 1e9 operations a second, to compare devices by: 0 where there is no
 * record of this device, driver and kernels, or it has no entry for the stage. */
CLATTN_API double clattn_tuning_rate(const char *file, const clattn_device_info *device, clattn_stage stage);

/* ---- the scalar path and the comparison -------------------------------------------------------------------------- */

/* The same computation in plain scalar C, in float, on one core of the CPU. Inputs and outputs as in clattn_plan_run.*/
CLATTN_API clattn_status clattn_reference_run(const clattn_problem *problem, const clattn_inputs *inputs,
                                              const clattn_outputs *outputs, clattn_error *error);

/* Who does the scalar path's work: `run` calls piece(of, i) once for each i < pieces, in any order, from any threads,
 * and returns when all of them are done. Pieces do not depend on each other; each takes memory for six rows of scores.
 */
typedef struct clattn_loop {
  size_t pieces; /* 1 or more */
  void (*run)(size_t pieces, void (*piece)(void *of, size_t i), void *of);
} clattn_loop;

/* The same in pieces, one loop a stage: by OpenMP, say. The results are the same, bit by bit. */
CLATTN_API clattn_status clattn_reference_run_in(const clattn_loop *loop, const clattn_problem *problem,
                                                 const clattn_inputs *inputs, const clattn_outputs *outputs,
                                                 clattn_error *error);

/* Chooses rows for a check: all when the scalar path would need no more than `most_flops` operations, else a sample
 * drawn with `seed` that always has the first and the last row. Free with clattn_rows_destroy. */
CLATTN_API clattn_status clattn_rows_choose(const clattn_problem *problem, double most_flops, uint64_t seed,
                                            clattn_rows **rows, clattn_error *error);
CLATTN_API void clattn_rows_destroy(clattn_rows *rows); /* of clattn_rows_choose; NULL is fine */

/* One tensor held against the scalar path in double. docs/correctness.md derives the bounds. */
typedef struct clattn_tensor_check {
  clattn_tensor tensor;
  bool end_to_end; /* false: computed from the device's own input of that stage; true: all the way from the inputs */
  size_t elements; /* that were compared */
  size_t failed;   /* elements outside their bound */
  size_t worst_index[4]; /* where |got - expected| / bound is largest; as many entries as the tensor has dimensions */
  double got;
  double expected;
  double bound;         /* gate 1, of the worst element */
  double ratio;         /* error / bound of the worst element; infinite where a NaN or Inf is out of place */
  double largest_error; /* gate 2: of the whole tensor ... */
  double allowed_error; /* ... and what the scalar path in float gives leave to */
  bool passed;          /* both gates */
} clattn_tensor_check;

#define CLATTN_CHECK_MOST 18 /* all outputs, and context all the way from the inputs */

typedef struct clattn_check_report {
  clattn_tensor_check check[CLATTN_CHECK_MOST];
  size_t count;
  bool passed;         /* all of them */
  size_t rows_checked; /* of scores, weights and context */
  size_t rows_total;   /* batch.heads.query_len */
  /* Of the scalar path in float for the whole problem, on one core; where not all rows were checked, extrapolated for
   * each stage from those that were. */
  double reference_seconds[CLATTN_STAGE_COUNT];
} clattn_check_report;

/* Compares the outputs with the scalar path. q, k, v, scores, weights and context must be set (fused: without scores
 * and weights, then context is compared as a whole, from q, k and v), and output where the problem has one, and
 * cached_k and cached_v (with a cache: right behind the run); scaled, softcapped, lse and what a traced plan has
 * besides are compared where they are set. `rows` limits the check to some rows (NULL: all that `outputs` holds); when
 * outputs->rows is set, that list is checked and `rows` must be NULL or the same. A tensor that has nothing in the
 * checked rows is not in the report. CLATTN_OK means that the comparison took place: report->passed says how it ended.
 */
CLATTN_API clattn_status clattn_check(const clattn_plan *plan, const clattn_inputs *inputs,
                                      const clattn_outputs *outputs, const clattn_rows *rows,
                                      clattn_check_report *report, clattn_error *error);

/* Likewise, of what no plan computed: other code for the same problem, which may add up in any order. q, k, v and
 * context must be set, as in clattn_outputs, and output where the problem has one; a problem with a cache is
 * CLATTN_UNSUPPORTED. Context is compared as with a fused plan. */
CLATTN_API clattn_status clattn_check_other(const clattn_problem *problem, const clattn_inputs *inputs,
                                            const clattn_outputs *outputs, const clattn_rows *rows,
                                            clattn_check_report *report, clattn_error *error);

#ifdef __cplusplus
}
#endif

#endif
