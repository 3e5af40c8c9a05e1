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

/* The library alone makes these. Later versions may add fields at the end: pass on the pointer, not a copy. */
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

typedef struct clattn_device_list clattn_device_list;

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

CLATTN_API const clattn_device_info *clattn_device_get_info(const clattn_device *device);

/* ---- probe ------------------------------------------------------------------------------------------------------- */

/* Start from CLATTN_PROBE_OPTIONS_INIT or clattn_probe_options_init(). */
typedef struct clattn_probe_options {
  size_t size;            /* sizeof(clattn_probe_options) */
  uint64_t working_set;   /* bytes that are read again and again, 65536 or more; 0: multiply-adds alone are probed */
  unsigned repeats;       /* 5; of each probe, 1 or more */
  const char *kernel_dir; /* as in clattn_plan_options */
} clattn_probe_options;

CLATTN_FILLED(clattn_probe_options)
#define CLATTN_PROBE_OPTIONS_INIT CLATTN_INIT(clattn_probe_options, .size = sizeof(clattn_probe_options), .repeats = 5)

/* A second, of the fastest and the slowest repeat. A large difference says that the device was not idle. */
typedef struct clattn_rate {
  double best, worst;
} clattn_rate;

/* What the device can do at most. Rates of memory are bytes; 0 where they are not probed. */
typedef struct clattn_peaks {
  size_t size;              /* sizeof(clattn_peaks) */
  clattn_rate multiply_add; /* operations in float, 2 for each multiply-add */
  clattn_rate read;         /* of the working set */
  clattn_rate copy;         /* of one half of it into the other: what is read and what is written */
  clattn_rate strided;      /* of the working set, neighbouring work-items reading 128 bytes apart */
  clattn_rate local;        /* of local memory, by all work-items together */
} clattn_peaks;

CLATTN_SIZED(clattn_peaks)
#define CLATTN_PEAKS_INIT CLATTN_INIT(clattn_peaks, .size = sizeof(clattn_peaks))

/* Measures, with kernels that do nothing else, what attention can be held against: for each peak about 0.1 s a repeat,
 * and as long as the kernels take to build. A kernel that turns out not to have done its work is CLATTN_BUILD_FAILED.
 * options may be NULL. */
CLATTN_API clattn_status clattn_device_probe(clattn_device *device, const clattn_probe_options *options,
                                             clattn_peaks *peaks, clattn_error *error);

/* ---- storage types ----------------------------------------------------------------------------------------------- */

/* "f32", "f16", "bf16"; never NULL. */
CLATTN_API const char *clattn_type_name(clattn_type type);

/* From a storage type to float, exactly, and back, rounded to the nearest, ties to even: `count` elements. */
CLATTN_API void clattn_widen(clattn_type type, const void *from, size_t count, float *to);
CLATTN_API void clattn_narrow(clattn_type type, const float *from, size_t count, void *to);

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

/* The tensors of a problem. "tokens" below means (batch, query_len) or (batch, key_len), or, when the sequences are
 * packed, (packed_queries) or (packed_keys). Elements are of the problem's type where it says "stored", else float. */
typedef enum clattn_tensor {
  /* inputs */
  CLATTN_X,      /* stored, (tokens, model_dim) */
  CLATTN_XKV,    /* stored, (tokens, kv_model_dim) */
  CLATTN_WQ,     /* stored; layout XW: (model_dim, heads.head_dim);  XWT: (heads.head_dim, model_dim) */
  CLATTN_WK,     /* stored, as before, with kv_heads and kv_model_dim */
  CLATTN_WV,     /* stored, as before, with kv_heads.value_dim */
  CLATTN_WQKV,   /* stored, as before, with the columns of wq, wk and wv one after the other */
  CLATTN_BQ,     /* stored, (heads.head_dim) */
  CLATTN_BK,     /* stored, (kv_heads.head_dim) */
  CLATTN_BV,     /* stored, (kv_heads.value_dim) */
  CLATTN_BQKV,   /* stored, all three one after the other */
  CLATTN_WO,     /* stored; layout XW: (heads.value_dim, output_dim); XWT: (output_dim, heads.value_dim) */
  CLATTN_BO,     /* stored, (output_dim) */
  CLATTN_MASK,   /* float, or bytes with CLATTN_MASK_BOOL, mask_shape */
  CLATTN_SLOPES, /* float, (heads) */
  CLATTN_SINKS,  /* float, (heads) */
  /* made from x, or given: then stored, and in the order that the problem says */
  CLATTN_Q, /* (tokens, heads.head_dim) */
  CLATTN_K, /* (tokens, kv_heads.head_dim) */
  CLATTN_V, /* (tokens, kv_heads.value_dim) */
  /* results; those that say "traced" exist only with clattn_plan_options.trace */
  CLATTN_X_POSITIONED, /* traced, (tokens, model_dim): x as it is projected, in float and with its positions added */
  /* ONNX calls scaled, softcapped, scores and weights the qk_matmul_output of modes 0 to 3. Keys and queries that a
   * sequence does not have hold -inf in the first four, 0 in exps and weights. */
  CLATTN_PRODUCTS,   /* traced, (batch, heads, query_len, key_len): Q.K^T, nothing scaled, nothing masked */
  CLATTN_SCALED,     /* as before: Q.K^T * scale */
  CLATTN_SOFTCAPPED, /* as before, after the softcap */
  CLATTN_SCORES,     /* as before, after bias and mask: masked keys hold -inf */
  CLATTN_EXPS,       /* traced, as before: exp(score - row_max); masked keys hold 0 */
  CLATTN_WEIGHTS,    /* as before: softmax of each row */
  CLATTN_ROW_MAX,    /* traced, (batch, heads, query_len): the largest score of each row, or the sink; -inf if all is
                        masked */
  CLATTN_ROW_SUM,    /* traced, as before: the sum of exps, and exp(sink - row_max) */
  CLATTN_LSE, /* (batch, heads, query_len): log of the sum of exp(scores), the sink with it; -inf if all is masked */
  CLATTN_CONTEXT,  /* (tokens, heads.value_dim); with context_order CLATTN_ORDER_HEADS (batch, heads, query_len,
                      value_dim) */
  CLATTN_CACHED_K, /* (batch, keys, kv_heads.head_dim): what scores read of the cache, in float */
  CLATTN_CACHED_V, /* as before, with value_dim */
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

/* Which of the two gives the shape and bytes of an output of such a run: `seen` for scores, weights, their like,
 * cached_k and cached_v, `problem` for every other tensor (k and v hold only the run's new keys). Without a cache the
 * two are the same. */
CLATTN_API const clattn_problem *clattn_sizing_problem(const clattn_problem *problem, const clattn_problem *seen,
                                                       clattn_tensor tensor);

/* For clattn_plan_options.tensors. */
#define CLATTN_TENSOR_BIT(tensor) (UINT64_C(1) << (tensor))

/* For programs that go over tensors instead of naming them: sets or reads the field of that tensor. Reading gives NULL,
 * setting does nothing where the struct has no such field. */
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

enum { CLATTN_STAGES_MOST = 32 }; /* of arrays with an entry for each stage: room for those of later versions, too */

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

/* Whether plans of this pipeline have the stage, where the problem needs it. */
CLATTN_API bool clattn_pipeline_has_stage(clattn_pipeline pipeline, clattn_stage stage);

/* ---- plans ------------------------------------------------------------------------------------------------------- */

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
  clattn_traffic traffic;  /* of a plain problem (floats of full length, no cache, all keys visible, nothing added to
                              scores) and a kernel that is on the ladder of a stage that computes; else all 0 */
  uint64_t reserved[4];    /* 0, for later versions */
} clattn_stage_info;

typedef struct clattn_plan_info {
  size_t size;          /* sizeof(clattn_plan_info) */
  size_t blocks;        /* pieces in which scores, softmax and context are worked off; fused: 0, and the next three */
  size_t block_heads;   /* (batch, head) pairs in one piece */
  size_t block_rows;    /* query rows of each pair in one piece */
  uint64_t block_bytes; /* of the scores buffer */
  uint64_t workspace_bytes; /* what a fused kernel keeps in memory: partial results of parts */
  double launch_flops;      /* of a launch, by the first guess, at most; 0: no limit */
  uint64_t total_bytes;     /* of all device buffers of the plan; what CLBlast allocates by itself is not in it */
  clattn_stage_info stages[CLATTN_STAGES_MOST];
  clattn_pipeline pipeline;    /* never CLATTN_PIPELINE_AUTO */
  const char *pipeline_reason; /* why: "scores is asked for, which fused does not have"; lives as long as the plan */
} clattn_plan_info;

CLATTN_SIZED(clattn_plan_info)
#define CLATTN_PLAN_INFO_INIT CLATTN_INIT(clattn_plan_info, .size = sizeof(clattn_plan_info))

/* With a cache the costs are those of the longest run, which fills it. false, as of the functions below that give a
 * bool, where the struct's size is not known. */
CLATTN_API bool clattn_plan_get_info(const clattn_plan *plan, clattn_plan_info *info);

/* Whether a run of this plan has that tensor among its results: the problem has it, and the pipeline keeps it. */
CLATTN_API bool clattn_plan_has(const clattn_plan *plan, clattn_tensor tensor);

/* Why a plan is as it is. */
typedef enum clattn_reason_kind {
  CLATTN_REASON_CHOSEN,         /* the highest priority of the kernels that suit */
  CLATTN_REASON_BY_HAND,        /* named in clattn_plan_options.kernels, or asked for by the pipeline */
  CLATTN_REASON_RECORD,         /* found best when the device was tuned */
  CLATTN_REASON_PASSED_OVER,    /* not chosen: the text says what stood against it */
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
  clattn_stage stage; /* CLATTN_STAGE_COUNT: of a record that was used for no stage */
  const char *kernel; /* NULL where a record is meant, not a row of the catalogue */
  int rung;
  const char *choice;  /* the row with all its tile sizes, as clattn_plan_options.kernels takes it; or NULL, likewise */
  const char *text;    /* one line */
  const char *program; /* one line: from where the row's compiled program came; NULL where there is none */
} clattn_reason;

CLATTN_SIZED(clattn_reason)
#define CLATTN_REASON_INIT CLATTN_INIT(clattn_reason, .size = sizeof(clattn_reason))

/* What was chosen for each stage, and in front of it what was looked at before and passed over. */
CLATTN_API size_t clattn_plan_reason_count(const clattn_plan *plan);
/* false when index >= clattn_plan_reason_count(plan). */
CLATTN_API bool clattn_plan_get_reason(const clattn_plan *plan, size_t index, clattn_reason *reason);

/* Makes the costs in `info` those of a run that sees this problem (clattn_cache_problem). */
CLATTN_API void clattn_plan_costs(const clattn_plan *plan, const clattn_problem *seen, clattn_plan_info *info);

struct clattn_timings {
  size_t size;                           /* sizeof(clattn_timings) */
  double stage[CLATTN_STAGES_MOST];      /* on the device, from events, or the wall clock where events say nothing */
  double stage_wall[CLATTN_STAGES_MOST]; /* around enqueue ... finish */
  double upload;                         /* wall clock */
  double download;                       /* wall clock */
  double total;                          /* wall clock of the whole call */
  bool events_used;                      /* whether `stage` comes from events (but for CLBlast's calls) */
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
} clattn_tile_info;

CLATTN_SIZED(clattn_tile_info)
#define CLATTN_TILE_INFO_INIT CLATTN_INIT(clattn_tile_info, .size = sizeof(clattn_tile_info))

/* false when the catalogue has no such kernel, or the kernel no such tile. */
CLATTN_API bool clattn_kernel_get_tile(size_t index, size_t tile, clattn_tile_info *info);
/* The text of a kernel file inside the library, "scores/2_tiled.cl", as it stands in its folder: `bytes` of them, with
 * no 0 at the end. NULL if there is none of that name. Lives as long as the library. */
CLATTN_API const char *clattn_kernel_source(const char *file, size_t *bytes);
/* Whether the kernel was written for such devices and problems: what a plan chooses from by itself. */
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
 * Of the options (may be NULL) only kernel_dir and program_dir count. An error means that the device or memory failed;
 * what the kernel does wrong is an outcome. */
CLATTN_API clattn_status clattn_kernel_self_test(clattn_device *device, size_t index,
                                                 const clattn_plan_options *options, clattn_self_test_result *result,
                                                 clattn_error *error);

/* ---- tuning ------------------------------------------------------------------------------------------------------ */

/* What was found best for a stage. */
typedef struct clattn_tuned {
  size_t size;            /* sizeof(clattn_tuned) */
  clattn_stage stage;     /* project (then for output, too), scores, softmax, context or fused */
  const char *choice;     /* as in clattn_reason: "vector:STRIP=128" */
  const char *standard;   /* likewise, what a plan chooses without a record */
  double gflops;          /* operations a second / 1e9, of the choice ... */
  double standard_gflops; /* ... and of the standard one */
  unsigned repeats;       /* runs of each, 1 or more */
} clattn_tuned;

CLATTN_SIZED(clattn_tuned)
#define CLATTN_TUNED_INIT CLATTN_INIT(clattn_tuned, .size = sizeof(clattn_tuned))

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

#ifdef __cplusplus
}
#endif

#endif
