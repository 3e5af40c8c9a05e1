/* The CPU's BLAS libraries, OpenBLAS and oneDNN, with their own threads. */
#include <stdio.h>

#include "base/clock.h"
#include "product.h"

static int prepare(const product *p, const words *w, char answer[ANSWER_SIZE]) {
  (void)p, (void)w, (void)answer;
  return 1;
}

#ifdef BENCH_OPENBLAS
#include <cblas.h>

static clattn_device *open_openblas(const char *device, char answer[ANSWER_SIZE]) {
  (void)device;
  snprintf(answer, ANSWER_SIZE, "%s, kernels for %s, %d threads", openblas_get_config(), openblas_get_corename(),
           openblas_get_num_threads());
  return NULL;
}

static double run_openblas(const product *p) {
  const int m = (int)p->rows, n = (int)p->columns, k = (int)p->terms;
  const double started = clattn_now();
  for (int i = 0; i < PRODUCTS; ++i)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, p->x, k, p->w[i], n, 0.0f, p->out[i], n);
  return clattn_now() - started;
}

const product_engine product_openblas = {"openblas", open_openblas, prepare, run_openblas, NULL};
#endif

#ifdef BENCH_DNNL
#include <dnnl.h>

static clattn_device *open_dnnl(const char *device, char answer[ANSWER_SIZE]) {
  (void)device;
  const dnnl_version_t *version = dnnl_version();
  snprintf(answer, ANSWER_SIZE, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
  return NULL;
}

static double run_dnnl(const product *p) {
  const dnnl_dim_t m = (dnnl_dim_t)p->rows, n = (dnnl_dim_t)p->columns, k = (dnnl_dim_t)p->terms;
  const double started = clattn_now();
  for (int i = 0; i < PRODUCTS; ++i)
    if (dnnl_sgemm('N', 'N', m, n, k, 1.0f, p->x, k, p->w[i], n, 0.0f, p->out[i], n) != dnnl_success)
      give_up("dnnl_sgemm failed");
  return clattn_now() - started;
}

const product_engine product_dnnl = {"onednn", open_dnnl, prepare, run_dnnl, NULL};
#endif
