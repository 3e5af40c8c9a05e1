/* OpenBLAS, with its own threads. */
#include <cblas.h>
#include <stdio.h>

#include "base/clock.h"
#include "product.h"

static int prepare(const product *p, const words *w, char answer[ANSWER_SIZE]) {
  (void)p, (void)w, (void)answer;
  return 1;
}

static clattn_device *open_library(const char *device, char answer[ANSWER_SIZE]) {
  (void)device;
  snprintf(answer, ANSWER_SIZE, "%s, kernels for %s, %d threads", openblas_get_config(), openblas_get_corename(),
           openblas_get_num_threads());
  return NULL;
}

static double run(const product *p) {
  const int m = (int)p->rows, n = (int)p->columns, k = (int)p->terms;
  const double started = clattn_now();
  for (int i = 0; i < PRODUCTS; ++i)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, p->x, k, p->w[i], n, 0.0f, p->out[i], n);
  return clattn_now() - started;
}

const product_engine product_openblas = {"openblas", open_library, prepare, run, NULL};
