/* clattn for programs that look inside: which devices there are, what they can do at most, which kernel a plan selected
 * and why, what a run costs, and tuning. clattn.h has the rest. */
#ifndef CLATTN_INSPECT_H
#define CLATTN_INSPECT_H

#include "clattn.h"

#ifdef __cplusplus
extern "C" {
#endif

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

/* Only the library makes these. Later versions may add fields at the end: pass on the pointer, not a copy. */
typedef struct clattn_device_info {
  uint32_t platform_index; /* as in clattn_device_choice.platform; 0 for an adopted device */
  uint32_t index;          /* as in clattn_device_choice.device, within the requested platforms */
  char platform[128];
  char name[128];
  char vendor[128];
  char version[128];        /* as CL_DEVICE_VERSION: "OpenCL 3.0 ..." */
  char driver_version[128]; /* as CL_DRIVER_VERSION */
  char c_version[64];       /* as CL_DEVICE_OPENCL_C_VERSION */
  clattn_device_type type;
  uint32_t compute_units;
  uint32_t clock_mhz;
  uint32_t native_float_width;  /* lanes of the hardware's preferred float vector, 0 if not known */
  uint64_t global_memory_bytes; /* what the driver reports */
  uint64_t max_allocation_bytes;
  uint64_t local_memory_bytes;
  uint64_t max_work_group;         /* work-items */
  uint64_t max_work_item_sizes[3]; /* work-items along each dimension of a work-group */
  bool little_endian;
  char extensions[256]; /* those that matter to attention kernels, separated by spaces */
  clattn_integration integration;
  uint32_t unit_lanes; /* float multiply-adds of a compute unit in each clock, by vendor; 0 if not known */
  /* The fewest work-items of a sub-group whose width a kernel may choose; 0: it may not, or the driver does not say. */
  uint32_t least_sub_group;
  bool exact_halves; /* half arithmetic rounds to nearest, and keeps infinities and numbers below 2^-14 */
  /* Matrix units for these types, as numbers of the library; 0: none, or no plan has looked for one yet. */
  uint32_t matrix_f16, matrix_bf16;
} clattn_device_info;

typedef struct clattn_device_list clattn_device_list;

/* Lists the devices that match `choice` (NULL: all); an empty list is CLATTN_NO_DEVICE. Free with
 * clattn_device_list_destroy. */
CLATTN_API clattn_status clattn_device_list_create(const clattn_device_choice *choice, clattn_device_list **list,
                                                   clattn_error *error);
CLATTN_API size_t clattn_device_list_count(const clattn_device_list *list);
/* Valid until the list is destroyed; NULL when index >= count. */
CLATTN_API const clattn_device_info *clattn_device_list_info(const clattn_device_list *list, size_t index);
CLATTN_API void clattn_device_list_destroy(clattn_device_list *list); /* NULL is fine */

/* The index of the list's best device. A GPU goes before an accelerator, which goes before a CPU; of GPUs, discrete
 * ones go before unknown before integrated ones. Among equals, the highest rate wins if all of them have one; else the
 * most compute units x clock x unit_lanes. rates (one per device; NULL: none) are measured, in any unit, 0 if a device
 * was not measured: see clattn_tuning_rate. */
CLATTN_API clattn_status clattn_device_list_best(const clattn_device_list *list, const double *rates, size_t *index,
                                                 clattn_error *error);
/* Opens a device of the list; the list may be destroyed afterwards. Close with clattn_device_close. */
CLATTN_API clattn_status clattn_device_list_open(const clattn_device_list *list, size_t index, clattn_device **device,
                                                 clattn_error *error);

CLATTN_API const clattn_device_info *clattn_device_get_info(const clattn_device *device);

/* ---- matrix unit ------------------------------------------------------------------------------------------------- */

/* The device's unit for products of matrices of this type, CLATTN_F16 or CLATTN_BF16, summed in float: *name is, for
 * instance, "NVIDIA mma.sync m16n8k16", valid for ever, or NULL if the device has none that the library knows. Builds a
 * small kernel for each unit that GPUs of its vendor may have, until one is built, runs it and checks its results;
 * CLATTN_BUILD_FAILED if they are wrong. The kernel fused=matrix multiplies in it (CLATTN_MATH_STORED). */
CLATTN_API clattn_status clattn_device_matrix_unit(clattn_device *device, clattn_type type, const char **name,
                                                   clattn_error *error);

/* ---- probe ------------------------------------------------------------------------------------------------------- */

/* Start from CLATTN_PROBE_OPTIONS_INIT or clattn_probe_options_init(). */
typedef struct clattn_probe_options {
  size_t size;            /* sizeof(clattn_probe_options) */
  uint64_t working_set;   /* bytes that are read repeatedly, 65536 or more; 0: probe no memory */
  unsigned repeats;       /* 5; runs of each probe, 1 or more */
  const char *kernel_dir; /* as in clattn_plan_options */
} clattn_probe_options;

CLATTN_FILLED(clattn_probe_options)
#define CLATTN_PROBE_OPTIONS_INIT CLATTN_INIT(clattn_probe_options, .size = sizeof(clattn_probe_options), .repeats = 5)

/* Per second, of the fastest and the slowest run. A large difference means that the device was not idle. */
typedef struct clattn_rate {
  double best, worst;
} clattn_rate;

/* Limits of the device, measured. Rates of memory are in bytes; 0 if not probed. */
typedef struct clattn_peaks {
  size_t size;              /* sizeof(clattn_peaks) */
  clattn_rate multiply_add; /* operations in float, 2 for each multiply-add */
  clattn_rate read;         /* of the working set */
  clattn_rate copy;         /* of one half of it into the other; reads and writes both count */
  clattn_rate strided;      /* of the working set, neighbouring work-items reading 128 bytes apart */
  clattn_rate local;        /* of local memory, by all work-items together */
  clattn_rate matrix_f16;   /* operations of the matrix unit on halves, 2 for each multiply-add; 0: it has none */
  clattn_rate matrix_bf16;  /* the same on bfloat16 numbers */
} clattn_peaks;

CLATTN_SIZED(clattn_peaks)
#define CLATTN_PEAKS_INIT CLATTN_INIT(clattn_peaks, .size = sizeof(clattn_peaks))

/* Measures the limits that attention can be compared with, with kernels that do nothing else. Takes about 0.1 s per run
 * and limit, and the time to build the kernels. A kernel whose result is wrong is CLATTN_BUILD_FAILED. options may be
 * NULL. */
CLATTN_API clattn_status clattn_device_probe(clattn_device *device, const clattn_probe_options *options,
                                             clattn_peaks *peaks, clattn_error *error);

/* ---- storage types ----------------------------------------------------------------------------------------------- */

/* "f32", "f16", "bf16"; never NULL. */
CLATTN_API const char *clattn_type_name(clattn_type type);

/* Converts `count` elements from a storage type to float, exactly, and back, rounding to nearest even. */
CLATTN_API void clattn_widen(clattn_type type, const void *from, size_t count, float *to);
CLATTN_API void clattn_narrow(clattn_type type, const float *from, size_t count, void *to);

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

/* The tensors of a problem. "tokens" below means (batch, query_len) or (batch, key_len), or, for packed
 * sequences, (packed_queries) or (packed_keys). "stored" elements have the problem's type, all others are float. */
typedef enum clattn_tensor {
  /* inputs */
  CLATTN_X,      /* stored, (tokens, model_dim) */
  CLATTN_XKV,    /* stored, (tokens, kv_model_dim) */
  CLATTN_WQ,     /* stored; layout XW: (model_dim, heads.head_dim);  XWT: (heads.head_dim, model_dim) */
  CLATTN_WK,     /* stored, as before, with kv_heads and kv_model_dim */
  CLATTN_WV,     /* stored, as before, with kv_heads.value_dim */
  CLATTN_WQKV,   /* stored, as before, with the columns of wq, wk and wv in the fused_order */
  CLATTN_BQ,     /* stored, (heads.head_dim) */
  CLATTN_BK,     /* stored, (kv_heads.head_dim) */
  CLATTN_BV,     /* stored, (kv_heads.value_dim) */
  CLATTN_BQKV,   /* stored, all three in the fused_order */
  CLATTN_WO,     /* stored; layout XW: (heads.value_dim, output_dim); XWT: (output_dim, heads.value_dim) */
  CLATTN_BO,     /* stored, (output_dim) */
  CLATTN_MASK,   /* float, or bytes with CLATTN_MASK_BOOL, mask_shape */
  CLATTN_SLOPES, /* float, (heads) */
  CLATTN_SINKS,  /* float, (heads) */
  /* computed from x, or given: then stored, in the problem's order */
  CLATTN_Q, /* (tokens, heads.head_dim) */
  CLATTN_K, /* (tokens, kv_heads.head_dim) */
  CLATTN_V, /* (tokens, kv_heads.value_dim) */
  /* results; those that say "traced" exist only with clattn_plan_options.trace */
  CLATTN_X_POSITIONED, /* traced, (tokens, model_dim): x as projections read it, in float, with positions */
  /* ONNX calls scaled, softcapped, scores and weights the qk_matmul_output of modes 0 to 3. Rows and columns past
   * the end of a sequence are -inf in the first four, 0 in exps and weights. */
  CLATTN_PRODUCTS,   /* traced, (batch, heads, query_len, key_len): Q.K^T, nothing scaled, nothing masked */
  CLATTN_SCALED,     /* as before: Q.K^T * scale */
  CLATTN_SOFTCAPPED, /* as before, after the softcap */
  CLATTN_SCORES,     /* as before, after bias and mask: masked keys hold -inf */
  CLATTN_EXPS,       /* traced, as before: exp(score - row_max); masked keys hold 0 */
  CLATTN_WEIGHTS,    /* as before: softmax of each row */
  CLATTN_ROW_MAX,    /* traced, (batch, heads, query_len): the largest score of each row, or the sink; -inf if all is
                        masked */
  CLATTN_ROW_SUM,    /* traced, as before: the sum of exps, plus exp(sink - row_max) */
  CLATTN_LSE,        /* (batch, heads, query_len): log of the sum of exp(scores) and exp(sink); -inf if all is masked */
  CLATTN_CONTEXT,    /* (tokens, heads.value_dim); with context_order CLATTN_ORDER_HEADS (batch, heads, query_len,
                        value_dim) */
  CLATTN_CACHED_K,   /* (batch, keys, kv_heads.head_dim): the cached keys that scores read, in float */
  CLATTN_CACHED_V,   /* as before, with value_dim */
  CLATTN_OUTPUT, /* stored, (tokens, output_dim); without wo the context, in its order and in the problem's type, unless
                    that is float */
  CLATTN_TENSOR_COUNT
} clattn_tensor;

/* "x", "wq", ...; never NULL. */
CLATTN_API const char *clattn_tensor_name(clattn_tensor tensor);

/* Fills shape with the tensor's dimensions and returns their number, 1 to 4, or 0 if the problem has no such tensor.
 * Given q, k and v have the dimensions of computed ones. The problem must be valid. */
CLATTN_API int clattn_problem_shape(const clattn_problem *problem, clattn_tensor tensor, size_t shape[4]);

/* The product of that shape, 0 without one. */
CLATTN_API size_t clattn_tensor_elements(const clattn_problem *problem, clattn_tensor tensor);

/* Bytes of the tensor as an input or an output of this problem, in host memory and on the device. For given q, k and v,
 * from the first to the last element that their strides reach. */
CLATTN_API size_t clattn_input_bytes(const clattn_problem *problem, clattn_tensor tensor);
CLATTN_API size_t clattn_output_bytes(const clattn_problem *problem, clattn_tensor tensor);

/* The problem that gives the shape and bytes of an output of a run with a cache (clattn_cache_problem): `seen` for
 * scores, weights and similar tensors, cached_k and cached_v; `problem` for all others (k and v hold only the run's new
 * keys). Without a cache both are the same. */
CLATTN_API const clattn_problem *clattn_sizing_problem(const clattn_problem *problem, const clattn_problem *seen,
                                                       clattn_tensor tensor);

/* For clattn_plan_options.tensors. */
#define CLATTN_TENSOR_BIT(tensor) (UINT64_C(1) << (tensor))

/* Sets or reads the field of a tensor, for programs that loop over tensors. If the struct has no such field, reading
 * returns NULL and setting does nothing. */
CLATTN_API void clattn_inputs_set(clattn_inputs *inputs, clattn_tensor tensor, const void *data);
CLATTN_API const void *clattn_inputs_get(const clattn_inputs *inputs, clattn_tensor tensor);
CLATTN_API void clattn_outputs_set(clattn_outputs *outputs, clattn_tensor tensor, void *data);
CLATTN_API void *clattn_outputs_get(const clattn_outputs *outputs, clattn_tensor tensor);

/* Whether the tensor is (batch, heads, query_len, key_len): scores, weights and the like, of which clattn_outputs.rows
 * selects rows. */
CLATTN_API bool clattn_tensor_has_rows(clattn_tensor tensor);

/* ---- stages and pipelines ---------------------------------------------------------------------------------------- */

typedef enum clattn_stage {
  CLATTN_STAGE_CONVERT, /* stored types to float, and the output back; positions */
  CLATTN_STAGE_PROJECT,
  CLATTN_STAGE_ROTARY,
  CLATTN_STAGE_CACHE, /* appends new keys and values, and gathers cached ones that are paged or not float */
  CLATTN_STAGE_SCORES,
  CLATTN_STAGE_SOFTMAX,
  CLATTN_STAGE_CONTEXT,
  CLATTN_STAGE_FUSED,    /* scores, softmax and context in one, without a matrix of scores in memory */
  CLATTN_STAGE_OUTPUT,   /* context.Wo; its kernels are those of project */
  CLATTN_STAGE_PRODUCTS, /* of a traced plan: Q.K^T */
  CLATTN_STAGE_EXPS,     /* of a traced plan: maximum, exps and sum of each row, computed apart from softmax */
  CLATTN_STAGE_MERGE,    /* of no plan: clattn_merge */
  CLATTN_STAGE_COUNT
} clattn_stage;

enum { CLATTN_STAGES_MOST = 32 }; /* length of arrays with an entry per stage: leaves room for later versions */

/* "project", "scores", ...; never NULL. */
CLATTN_API const char *clattn_stage_name(clattn_stage stage);

/* The stage whose kernels this one launches: project for output, every other stage its own. */
CLATTN_API clattn_stage clattn_stage_kernels(clattn_stage stage);

/* Whether tuning records have entries for the stage; output shares those of project. */
CLATTN_API bool clattn_stage_is_tuned(clattn_stage stage);

/* Whether only plans with clattn_plan_options.trace have the stage. */
CLATTN_API bool clattn_stage_is_traced(clattn_stage stage);

/* "auto", "staged", "blas", "fused"; never NULL. */
CLATTN_API const char *clattn_pipeline_name(clattn_pipeline pipeline);

/* Whether plans of this pipeline have the stage, if the problem needs it. */
CLATTN_API bool clattn_pipeline_has_stage(clattn_pipeline pipeline, clattn_stage stage);

/* ---- plans ------------------------------------------------------------------------------------------------------- */

/* What a kernel's text asks for in one run: operations, and bytes that work-items read and write. A second read counts
 * again, even if a cache would serve it; a value that one loop iteration uses twice counts once (an unrolled loop is
 * one iteration). Work that depends on the data, such as rescaling when a row's maximum grows, counts once per row.
 * Operations include those that only fill up a tile: 2 for a multiply-add, 1 for a sum, product, quotient or exp.
 * Comparisons and work done once per result do not count. */
typedef struct clattn_traffic {
  double flops;
  double global_read, global_written;
  double global_strided; /* part of global_read: neighbouring work-items read addresses that are not adjacent, so a GPU
                            cannot combine them into one access */
  double global_scattered; /* part of global_written: the same for writes */
  double local_read, local_written;
} clattn_traffic;

/* The kernel that a plan selected for a stage, and the stage's costs. Strings live as long as the plan. */
typedef struct clattn_stage_info {
  const char *kernel;       /* name in the catalogue: "naive", ..., "clblast"; NULL: the problem has no such stage */
  int rung;                 /* its number in the course; 0: not in the course */
  double flops;             /* operations of one run: 2 per unmasked multiply-add, 4 per weight */
  double bytes;             /* of one run, if each tensor of the stage is read or written once */
  size_t longest_addition;  /* longest chain of additions into one accumulator, for the error bound */
  clattn_traffic traffic;   /* for plain problems (float, full length, no cache, all keys visible, nothing added to
                               scores)  and kernels of the course that compute; else all 0 */
  uint64_t half_addition;   /* most products that are added up in half (CLATTN_MATH_STORED); 0: all sums are float */
  uint64_t rounded_weights; /* clattn_type to which weights are rounded before they are multiplied; CLATTN_F32: not */
  uint64_t reserved[2];     /* 0, for later versions */
} clattn_stage_info;

typedef struct clattn_plan_info {
  size_t size;              /* sizeof(clattn_plan_info) */
  size_t blocks;            /* blocks of scores, one after the other; fused: 0, as the next three */
  size_t block_heads;       /* (batch, head) pairs in one block */
  size_t block_rows;        /* query rows of each pair in one block */
  uint64_t block_bytes;     /* of the scores buffer */
  uint64_t workspace_bytes; /* of a fused kernel's partial results */
  double launch_flops;      /* most operations of a launch, by a first estimate; 0: no limit */
  uint64_t total_bytes;     /* of all device buffers of the plan, without CLBlast's own */
  clattn_stage_info stages[CLATTN_STAGES_MOST];
  clattn_pipeline pipeline;    /* never CLATTN_PIPELINE_AUTO */
  const char *pipeline_reason; /* why: "scores is asked for, which fused does not have"; lives as long as the plan */
} clattn_plan_info;

CLATTN_SIZED(clattn_plan_info)
#define CLATTN_PLAN_INFO_INIT CLATTN_INIT(clattn_plan_info, .size = sizeof(clattn_plan_info))

/* With a cache, the costs are those of a run on a full cache. Returns false, as do the functions below, if the struct's
 * size is not known. */
CLATTN_API bool clattn_plan_get_info(const clattn_plan *plan, clattn_plan_info *info);

/* Whether runs of this plan can return the tensor: the problem has it, and the pipeline keeps it. */
CLATTN_API bool clattn_plan_has(const clattn_plan *plan, clattn_tensor tensor);

/* Why a plan selected a kernel, or did not. */
typedef enum clattn_reason_kind {
  CLATTN_REASON_CHOSEN,         /* the highest priority of the kernels that suit */
  CLATTN_REASON_BY_HAND,        /* named in clattn_plan_options.kernels, or asked for by the pipeline */
  CLATTN_REASON_RECORD,         /* found best when the device was tuned */
  CLATTN_REASON_PASSED_OVER,    /* not selected: the text says why */
  CLATTN_REASON_RECORD_REFUSED, /* the tuning record was not used */
  CLATTN_REASON_WRONG,          /* passed over: it failed its self-test on this device */
  CLATTN_REASON_KIND_COUNT
} clattn_reason_kind;

/* "chosen", "by hand", ...; never NULL. */
CLATTN_API const char *clattn_reason_kind_name(clattn_reason_kind kind);

/* Strings live as long as the plan. */
typedef struct clattn_reason {
  size_t size; /* sizeof(clattn_reason) */
  clattn_reason_kind kind;
  clattn_stage stage; /* CLATTN_STAGE_COUNT: a record that was not used for any stage */
  const char *kernel; /* NULL: the reason is about a tuning record */
  int rung;
  const char *choice;  /* the kernel with its tile sizes, as in clattn_plan_options.kernels; NULL for a record */
  const char *text;    /* one line */
  const char *program; /* one line: where the compiled program came from; NULL if there is none */
} clattn_reason;

CLATTN_SIZED(clattn_reason)
#define CLATTN_REASON_INIT CLATTN_INIT(clattn_reason, .size = sizeof(clattn_reason))

/* For each stage the kernels that were passed over, then the one that was selected. */
CLATTN_API size_t clattn_plan_reason_count(const clattn_plan *plan);
/* false when index >= clattn_plan_reason_count(plan). */
CLATTN_API bool clattn_plan_get_reason(const clattn_plan *plan, size_t index, clattn_reason *reason);

/* Makes the costs in `info` those of a run that sees this problem (clattn_cache_problem). */
CLATTN_API void clattn_plan_costs(const clattn_plan *plan, const clattn_problem *seen, clattn_plan_info *info);

struct clattn_timings {
  size_t size;                           /* sizeof(clattn_timings) */
  double stage[CLATTN_STAGES_MOST];      /* on the device, from events, or the wall clock if there are none */
  double stage_wall[CLATTN_STAGES_MOST]; /* around enqueue ... finish */
  double upload;                         /* wall clock */
  double download;                       /* wall clock */
  double total;                          /* wall clock of the whole call */
  bool events_used;                      /* whether `stage` comes from events (except CLBlast's calls) */
  size_t launches[CLATTN_STAGES_MOST];   /* of kernels and library calls */
};

CLATTN_SIZED(clattn_timings)
#define CLATTN_TIMINGS_INIT CLATTN_INIT(clattn_timings, .size = sizeof(clattn_timings))

/* ---- the catalogue ----------------------------------------------------------------------------------------------- */

typedef struct clattn_kernel_info {
  size_t size; /* sizeof(clattn_kernel_info) */
  clattn_stage stage;
  int rung;
  const char *name;
  const char *target; /* "any", "cpu" or "gpu": the kind of device it was written for */
  int priority;       /* plans try the kernels that suit from the highest priority down */
  bool library;       /* CLBlast's: plans take it by name or in the pipeline blas */
  const char *idea;   /* one line */
  bool stored_math;   /* computes only problems with CLATTN_MATH_STORED whose q, k and v are all f16 or all bf16 */
  bool matrix_unit;   /* multiplies in a GPU's matrix unit */
} clattn_kernel_info;

CLATTN_SIZED(clattn_kernel_info)
#define CLATTN_KERNEL_INFO_INIT CLATTN_INIT(clattn_kernel_info, .size = sizeof(clattn_kernel_info))

CLATTN_API size_t clattn_kernel_count(void);
/* false when index >= clattn_kernel_count(). */
CLATTN_API bool clattn_kernel_get_info(size_t index, clattn_kernel_info *info);
/* Whether the device meets the kernel's needs, as far as that can be told before it is built: CLATTN_OK or
 * CLATTN_UNSUPPORTED with the reason. */
CLATTN_API clattn_status clattn_kernel_supported(size_t index, const clattn_device_info *device, clattn_error *error);

/* A size that a kernel is compiled with. */
typedef struct clattn_tile_info {
  size_t size; /* sizeof(clattn_tile_info) */
  const char *name;
  int standard;     /* CPUs with short vectors have another */
  const int *valid; /* all values that it may have */
  size_t valid_count;
  bool of_device; /* not a size: the device decides, and only who names another value gets it */
} clattn_tile_info;

CLATTN_SIZED(clattn_tile_info)
#define CLATTN_TILE_INFO_INIT CLATTN_INIT(clattn_tile_info, .size = sizeof(clattn_tile_info))

/* false when the catalogue has no such kernel, or the kernel no such tile. */
CLATTN_API bool clattn_kernel_get_tile(size_t index, size_t tile, clattn_tile_info *info);
/* The text of a kernel file inside the library, "scores/2_tiled.cl": `bytes` bytes without a final 0. NULL if there is
 * no such file. Lives as long as the library. */
CLATTN_API const char *clattn_kernel_source(const char *file, size_t *bytes);
/* Whether the kernel was written for such devices and problems; plans select only from these by themselves. */
CLATTN_API bool clattn_kernel_suits(size_t index, const clattn_device_info *device, const clattn_problem *problem);

/* How a kernel did in its self-test. */
typedef enum clattn_outcome {
  CLATTN_OUTCOME_PASSED,
  CLATTN_OUTCOME_FAILED,    /* a result is wrong, or the kernel failed while it ran */
  CLATTN_OUTCOME_CANNOT_RUN /* the device lacks what it needs, or does not build it */
} clattn_outcome;

typedef struct clattn_self_test_result {
  size_t size; /* sizeof(clattn_self_test_result) */
  clattn_outcome outcome;
  char text[256]; /* one line: what was compared, or why not */
} clattn_self_test_result;

CLATTN_SIZED(clattn_self_test_result)
#define CLATTN_SELF_TEST_RESULT_INIT CLATTN_INIT(clattn_self_test_result, .size = sizeof(clattn_self_test_result))

/* Tests one kernel of the catalogue, with its standard tile sizes and heads of 64 elements, whatever is known of it.
 * Of the options (may be NULL) only kernel_dir, program_dir and try_program count. An error means that the device or
 * memory failed; what the kernel does wrong is an outcome. */
CLATTN_API clattn_status clattn_kernel_self_test(clattn_device *device, size_t index,
                                                 const clattn_plan_options *options, clattn_self_test_result *result,
                                                 clattn_error *error);

/* ---- tuning ------------------------------------------------------------------------------------------------------ */

/* The best kernel that tuning found for a stage. */
typedef struct clattn_tuned {
  size_t size;            /* sizeof(clattn_tuned) */
  clattn_stage stage;     /* project (then for output, too), scores, softmax, context or fused */
  const char *choice;     /* as in clattn_reason: "vector:STRIP=128" */
  const char *standard;   /* the same for what a plan selects without a record */
  double gflops;          /* 1e9 operations per second, of `choice` ... */
  double standard_gflops; /* ... and of `standard` */
  unsigned repeats;       /* runs of each, 1 or more */
} clattn_tuned;

CLATTN_SIZED(clattn_tuned)
#define CLATTN_TUNED_INIT CLATTN_INIT(clattn_tuned, .size = sizeof(clattn_tuned))

/* Adds a result to the record `file`, for problems with this type, head_dim and value_dim, and with between half and
 * twice these lengths. A record of another driver or of other kernels is replaced; a file that is no record, or is of
 * another device, stays as it is: CLATTN_INVALID_ARGUMENT. Readers never see a partial file. With tuned NULL nothing is
 * added and `problem` is ignored: the call tells whether the file can be written. */
CLATTN_API clattn_status clattn_tuning_store(const char *file, const clattn_device *device,
                                             const clattn_problem *problem, const clattn_tuned *tuned,
                                             clattn_error *error);

/* The highest rate of a stage in the record, in 1e9 operations per second, to compare devices with. 0 if there is no
 * record of this device, driver and kernels, or no entry for the stage. */
CLATTN_API double clattn_tuning_rate(const char *file, const clattn_device_info *device, clattn_stage stage);

#ifdef __cplusplus
}
#endif

#endif
