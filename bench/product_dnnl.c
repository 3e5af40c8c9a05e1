/* oneDNN with its own threads: dnnl_sgemm on matrices as they are, and its matmul primitive with
 * matrices that were reordered beforehand, as a network keeps them. */
#include <dnnl.h>
#include <dnnl_debug.h>
#include <stdio.h>

#include "base/clock.h"
#include "product.h"

static void need_dnnl(dnnl_status_t status, const char *what) {
  if (status != dnnl_success) give_up("%s: %s", what, dnnl_status2str(status));
}

static clattn_device *open_library(const char *device, char answer[ANSWER_SIZE]) {
  (void)device;
  const dnnl_version_t *version = dnnl_version();
  snprintf(answer, ANSWER_SIZE, "oneDNN %d.%d.%d, %s", version->major, version->minor, version->patch,
           dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa()));
  return NULL;
}

static int prepare(const product *p, const words *w, char answer[ANSWER_SIZE]) {
  (void)p, (void)w, (void)answer;
  return 1;
}

static double run(const product *p) {
  const dnnl_dim_t m = (dnnl_dim_t)p->rows, n = (dnnl_dim_t)p->columns, k = (dnnl_dim_t)p->terms;
  const double started = clattn_now();
  for (int i = 0; i < PRODUCTS; ++i)
    need_dnnl(dnnl_sgemm('N', 'N', m, n, k, 1.0f, p->x, k, p->w[i], n, 0.0f, p->out[i], n), "dnnl_sgemm");
  return clattn_now() - started;
}

const product_engine product_dnnl = {"onednn", open_library, prepare, run, NULL};

/* ---- kept matrices ----------------------------------------------------------------------------------------------- */

#ifdef BENCH_DNNL_KEPT /* version 3 has other calls for the same */

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static dnnl_primitive_t matmul;
static dnnl_memory_t left, kept[PRODUCTS], out[PRODUCTS];

static clattn_device *open_kept(const char *device, char answer[ANSWER_SIZE]) {
  need_dnnl(dnnl_engine_create(&engine, dnnl_cpu, 0), "dnnl_engine_create");
  need_dnnl(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "dnnl_stream_create");
  return open_library(device, answer);
}

static dnnl_memory_desc_t matrix(size_t rows, size_t columns, dnnl_format_tag_t tag) {
  dnnl_memory_desc_t description;
  const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
  need_dnnl(dnnl_memory_desc_init_by_tag(&description, 2, dims, dnnl_f32, tag), "dnnl_memory_desc_init_by_tag");
  return description;
}

static dnnl_memory_t memory_of(const dnnl_memory_desc_t *description, void *data) {
  dnnl_memory_t memory = NULL;
  need_dnnl(dnnl_memory_create(&memory, description, engine, data), "dnnl_memory_create");
  return memory;
}

static void run_primitive(dnnl_primitive_t primitive, const dnnl_exec_arg_t *arguments, int count) {
  need_dnnl(dnnl_primitive_execute(primitive, stream, count, arguments), "dnnl_primitive_execute");
  need_dnnl(dnnl_stream_wait(stream), "dnnl_stream_wait");
}

/* The matrix in the order that the primitive wants. */
static dnnl_memory_t reordered(const dnnl_memory_desc_t *plain, const dnnl_memory_desc_t *wanted, float *data) {
  dnnl_primitive_desc_t description;
  dnnl_primitive_t reorder;
  dnnl_memory_t from = memory_of(plain, data), to = memory_of(wanted, DNNL_MEMORY_ALLOCATE);
  need_dnnl(dnnl_reorder_primitive_desc_create(&description, plain, engine, wanted, engine, NULL), "reorder");
  need_dnnl(dnnl_primitive_create(&reorder, description), "dnnl_primitive_create");
  run_primitive(reorder, (const dnnl_exec_arg_t[]){{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, 2);
  dnnl_primitive_destroy(reorder);
  dnnl_primitive_desc_destroy(description);
  dnnl_memory_destroy(from);
  return to;
}

static void release_kept(void) {
  if (matmul == NULL) return;
  dnnl_primitive_destroy(matmul);
  dnnl_memory_destroy(left);
  for (int i = 0; i < PRODUCTS; ++i) {
    dnnl_memory_destroy(kept[i]);
    dnnl_memory_destroy(out[i]);
  }
}

static int prepare_kept(const product *p, const words *w, char answer[ANSWER_SIZE]) {
  (void)w;
  release_kept();
  const dnnl_memory_desc_t x = matrix(p->rows, p->terms, dnnl_ab), result = matrix(p->rows, p->columns, dnnl_ab),
                           plain = matrix(p->terms, p->columns, dnnl_ab),
                           any = matrix(p->terms, p->columns, dnnl_format_tag_any);
  dnnl_matmul_desc_t operation;
  dnnl_primitive_desc_t description;
  need_dnnl(dnnl_matmul_desc_init(&operation, &x, &any, NULL, &result), "dnnl_matmul_desc_init");
  need_dnnl(dnnl_primitive_desc_create(&description, &operation, NULL, engine, NULL), "dnnl_primitive_desc_create");
  need_dnnl(dnnl_primitive_create(&matmul, description), "dnnl_primitive_create");
  const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
  const char *how = "";
  dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&how);
  snprintf(answer, ANSWER_SIZE, "matmul, %s", how);
  left = memory_of(&x, p->x);
  for (int i = 0; i < PRODUCTS; ++i) {
    kept[i] = reordered(&plain, wanted, p->w[i]);
    out[i] = memory_of(&result, p->out[i]);
  }
  dnnl_primitive_desc_destroy(description);
  return 1;
}

static double run_kept(const product *p) {
  (void)p;
  const double started = clattn_now();
  for (int i = 0; i < PRODUCTS; ++i) {
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, left}, {DNNL_ARG_WEIGHTS, kept[i]}, {DNNL_ARG_DST, out[i]}};
    run_primitive(matmul, arguments, 3);
  }
  return clattn_now() - started;
}

const product_engine product_dnnl_kept = {"onednn-kept", open_kept, prepare_kept, run_kept, NULL};
#endif
