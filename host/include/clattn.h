/* clattn: attention on any OpenCL device, checked against a reference on the CPU.
 *
 *     X, Wq, Wk, Wv -> project -> Q, K, V -> scores -> softmax -> context -> output
 *                      (X.W)                 Q.K^T     rows       weights.V  (.Wo)
 *
 * Describe, plan, run: a clattn_problem says what, a clattn_device where, a clattn_plan how. Planning is slow and done
 * once; running is fast, allocates nothing (CLBlast may) and can be repeated. clattn_problem.h has the problem and the
 * errors, clattn_inspect.h kernels, costs, tuning and every tensor's shape, clattn_check.h the reference, clattn_cl.h
 * buffers of your own, clattn_explain.h a walk through a small problem.
 *
 * Tensors are row-major and dense unless strides say otherwise. Sizes count elements unless a name says bytes; times
 * are seconds.
 *
 * Errors: a call that can fail returns a clattn_status and fills the clattn_error, which may be NULL; after CLATTN_OK
 * the error is empty. After a failure the results are undefined and nothing needs to be freed. A NULL that these calls
 * do not allow is CLATTN_INVALID_ARGUMENT; other calls take NULL only where they say so. The library never prints,
 * never exits and reads no environment variable.
 *
 * Threads: a clattn_device with its plans, caches and weights belongs to one thread at a time. Different clattn_devices
 * share no state, even if they are the same GPU or CPU, so a program can open one in each thread and needs no lock. The
 * library makes the drivers' calls that list, open and close devices one at a time; a program that makes its own first
 * OpenCL calls in another thread has to do the same, and so has one that calls a CLBlast before 1.6.1.
 *
 * fork(): OpenCL does not survive it. In a child of a process that has used a device, calls return CLATTN_UNSUPPORTED,
 * and closing and destroying do nothing. Fork before the first OpenCL call, or exec.
 */
#ifndef CLATTN_H
#define CLATTN_H

#include "clattn_problem.h"

#define CLATTN_VERSION "0.2.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, as CLATTN_VERSION is that of this header. */
CLATTN_API const char *clattn_version(void);

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
  const void *wqkv;                /* the columns of wq, wk and wv, in clattn_problem.fused_order */
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
  /* The next four are host memory also for clattn_plan_enqueue, as the lengths are. */
  const int32_t *position_ids;     /* (tokens) of x or q, with clattn_problem.position_ids; 0 or more, of padding too */
  const int32_t *key_position_ids; /* (tokens) of xkv or k, with rotary; with a cache of the new keys only; ignored with
                                      CLATTN_SOURCE_X */
  const float *rotary_cos, *rotary_sin; /* (rotary_rows, rotary_dim / 2): of each position and pair of elements. A token
                                           at a position past the last row is CLATTN_INVALID_ARGUMENT */
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
  const char *tuning_file; /* NULL, or a record of clattn_tuning_store; ignored, with a reason, if it does not fit */
  const char *program_dir; /* NULL or "", or a folder that keeps compiled programs for later processes. Programs in it
                              run with the user's rights, so it must belong to the user and nobody else may write to it
                              (POSIX). Problems with it never fail the plan; see clattn_plan_get_reason. Not used with
                              kernel_dir, nor if the driver keeps programs itself */
  clattn_self_test self_test; /* which kernels are tested first */
  double launch_seconds; /* longer launches are split, so that a GPU can update a screen; results do not change. 0: 1 s
                            on GPUs, no limit on others; INFINITY: none. Not CLBlast's and kernel_dir's */
  bool trace;            /* the plan also has the traced outputs; nothing else changes. Not with fused */
  bool weights_kept;     /* every run brings projection_weights: the plan has no buffers for matrices and biases */
  uint64_t tensors;      /* outputs that runs will ask for, as clattn_outputs_tensors gives them; decides
                            CLATTN_PIPELINE_AUTO, and traced ones set trace. A run that asks for a tensor which the plan
                            does not have is CLATTN_UNSUPPORTED */
  size_t guard_bytes;    /* NaN past the last element of each buffer, so that a kernel which reads past it gives NaN
                            instead of what lies there; for tests of kernels. 0 to 1 MiB */
  const char *try_program; /* NULL, or the path of the program clattn, which first builds and tests, in a process of its
                              own, kernels with which some drivers' compilers crash. Only with program_dir, which
                              remembers a crash; without try_program the first two crashes end this process. Not on
                              Windows */
} clattn_plan_options;

CLATTN_SIZED(clattn_plan_options)
#define CLATTN_PLAN_OPTIONS_INIT CLATTN_INIT(clattn_plan_options, .size = sizeof(clattn_plan_options))

typedef struct clattn_plan clattn_plan;

/* Selects and builds kernels, checks that the memory suffices, allocates. options may be NULL. The device must outlive
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

/* ---- keys in parts ----------------------------------------------------------------------------------------------- */

/* Attention over keys in parts: one run for each part's keys, all with the same queries, scale and whatever else
 * changes scores. Each run gives a context and a log-sum-exp (clattn_outputs.context or output, and lse). Merging turns
 * these into the context and log-sum-exp of one run over all keys:
 *
 *     lse     = log(sum over parts p of exp(lse_p))
 *     context = sum over parts p of exp(lse_p - lse) * context_p
 *
 * (Dao et al. 2022, FlashAttention, section 3.1; Dao et al. 2023, Flash-Decoding.) So a prefix that many sequences
 * share can be attended to once, and keys that do not fit can come one part after the other. Positions among the keys
 * are those of each run: a part whose keys begin at key n of the whole has its queries at offset -n
 * (CLATTN_ALIGN_OFFSET). A sink must be counted in exactly one part: only one of the runs has clattn_problem.sinks.
 *
 * Parts are merged from the first to the last, two at a time and in float, so that the same parts give the same bits. A
 * row whose keys are all masked in a part has the lse -infinity there, and that part of it does not count. If that is
 * so in all parts, the context is 0 and the lse -infinity. A NaN in any other row shows in the result. */

/* What is merged. All parts and the result have the same shapes. */
typedef struct clattn_merging {
  size_t size;                               /* sizeof(clattn_merging) */
  size_t batch, heads, query_len, value_dim; /* as in clattn_problem */
  clattn_type type;                          /* of the contexts: CLATTN_F32, or that of an output */
  clattn_order context_order;                /* of the contexts, as in clattn_problem */
  const int32_t *query_offsets; /* NULL, or of packed sequences, as in clattn_inputs; host memory, read in the call */
  const char *kernel_dir;       /* NULL: the library's kernel; else as in clattn_plan_options, and not tested first */
} clattn_merging;

CLATTN_SIZED(clattn_merging)
#define CLATTN_MERGING_INIT CLATTN_INIT(clattn_merging, .size = sizeof(clattn_merging))

/* The results of a run over some of the keys. Host memory, read only during the call. This struct and the next will not
 * grow. */
typedef struct clattn_part {
  const void *context; /* (tokens, heads.value_dim), or with CLATTN_ORDER_HEADS (batch, heads, query_len, value_dim) */
  const float *lse;    /* (batch, heads, query_len) */
} clattn_part;

/* What parts become: of the same type and shapes. Host memory, written by the call. */
typedef struct clattn_merged {
  void *context;
  float *lse; /* NULL: not wanted */
} clattn_merged;

/* Merges `count` parts, 1 or more, on the device, and waits for the result. The first merging on a device builds the
 * kernel and tests it (clattn_self_test); one that is wrong there is CLATTN_BUILD_FAILED. Device memory: two parts and
 * the result; with three parts or more also a context in float and two log-sum-exps. */
CLATTN_API clattn_status clattn_merge(clattn_device *device, const clattn_merging *merging, const clattn_part *parts,
                                      size_t count, const clattn_merged *merged, clattn_error *error);

/* ---- weights that stay ------------------------------------------------------------------------------------------- */

/* Uploads the projection matrices and biases, wq ... bo of `inputs`, once for many runs, and converts f16 and bf16 to
 * float. Runs take them with projection_weights. They fit every plan of the device whose problem has the same type,
 * layout, fused_qkv, fused_order, biases and shapes of matrices; a run refuses others with CLATTN_INVALID_ARGUMENT. The
 * device must outlive the weights, the weights the runs that use them.
 *
 * On a CPU, where plans select the kernel panel for projections, a matrix is kept in the order in which that kernel
 * reads it, so that runs pack nothing; its columns are rounded up to 16. The first run of a plan with another kernel
 * for the matrix makes a second copy, in the problem's layout, and waits for it: CLATTN_OUT_OF_DEVICE_MEMORY where
 * that does not fit. */
CLATTN_API clattn_status clattn_weights_create(clattn_device *device, const clattn_problem *problem,
                                               const clattn_inputs *inputs, clattn_weights **weights,
                                               clattn_error *error);
CLATTN_API void clattn_weights_destroy(clattn_weights *weights); /* NULL is fine; waits for enqueued runs */

/* Bytes on the device, with the second copies that were made so far. */
CLATTN_API uint64_t clattn_weights_bytes(const clattn_weights *weights);

/* ---- the cache --------------------------------------------------------------------------------------------------- */

/* Makes an empty cache for problems with this batch, kv_heads, head_dim, value_dim and cache; everything else may
 * differ, so that one plan can fill it and another decode from it. k_scale and v_scale (kv_heads): the value of one
 * step of each head's bytes, with CLATTN_CACHE_I8_HEAD; else NULL. The device must outlive the cache, the cache its
 * runs. */
CLATTN_API clattn_status clattn_cache_create(clattn_device *device, const clattn_problem *problem, const float *k_scale,
                                             const float *v_scale, clattn_cache **cache, clattn_error *error);
CLATTN_API void clattn_cache_destroy(clattn_cache *cache); /* NULL is fine; waits for enqueued runs */

/* The number of keys that a sequence of the batch holds; 0 if there is no such sequence. */
CLATTN_API size_t clattn_cache_length(const clattn_cache *cache, size_t sequence);

/* The number of keys that the sequence has dropped, as clattn_problem.rolling says: the position of its first key. Rows
 * of keys, in scores, cached_k and so on, begin with that key. A run that would see dropped keys, because its window is
 * larger or unbounded, is CLATTN_INVALID_ARGUMENT. */
CLATTN_API size_t clattn_cache_dropped(const clattn_cache *cache, size_t sequence);

/* Leaves a sequence its first `length` keys of those that it holds; pages that become free go back to the pool. With a
 * length of 0 the sequence begins anew, at position 0. CLATTN_INVALID_ARGUMENT if it holds fewer keys, or if it has
 * dropped keys and would keep fewer than its window. Waits for enqueued runs. */
CLATTN_API clattn_status clattn_cache_truncate(clattn_cache *cache, size_t sequence, size_t length,
                                               clattn_error *error);

/* Gives the sequences of a cache with pages the pages that the caller chooses, as a block table of vLLM's does. From
 * then on the cache hands out no page by itself. table (batch, max_pages): the numbers of each sequence's pages, 0 to
 * pages - 1 of the cache, in the order of its keys, and -1 after the last. lengths (batch): how many keys the sequence
 * then has; its pages keep what earlier runs wrote, and a length that counts keys which no run has written is refused.
 * So is a length above 0 of a sequence that has dropped keys (clattn_problem.rolling).
 * A cache has layout.pages pages, or where that is 0 as many as all sequences need for the capacity.
 *
 * Sequences may share the pages of a prefix that they have in common. Shared pages are read only: a table with a shared
 * page after a sequence's last key is CLATTN_INVALID_ARGUMENT, and so is a run that would append to a shared page that
 * is filled in part; neither changes anything. A run whose keys exceed the pages of a sequence is CLATTN_CACHE_FULL. A
 * table of NULL, with max_pages 0 and lengths NULL, forgets all keys, and the cache hands out pages again. Waits for
 * enqueued runs. */
CLATTN_API clattn_status clattn_cache_set_table(clattn_cache *cache, const int32_t *table, size_t max_pages,
                                                const int32_t *lengths, clattn_error *error);

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
