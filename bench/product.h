/* Three products with the same left matrix, like Q, K and V from X, and the engines that compute
 * them. */
#ifndef CLATTN_BENCH_PRODUCT_H
#define CLATTN_BENCH_PRODUCT_H

#include "worker.h"

enum { PRODUCTS = 3 };

typedef struct product {
  size_t rows, terms, columns;
  float *x;             /* (rows, terms) */
  float *w[PRODUCTS];   /* (terms, columns) each */
  float *out[PRODUCTS]; /* (rows, columns) each */
} product;

typedef struct product_engine {
  const char *name;
  /* Opens what the engine needs; the answer is its name and version for the worker's first line.
   * device: NULL for the best one. Returns the device whose limit it can probe, or NULL. */
  clattn_device *(*open)(const char *device, char answer[ANSWER_SIZE]);
  /* Prepares this product; the answer says how. 1: ready, 0: unsupported. */
  int (*prepare)(const product *p, const words *w, char answer[ANSWER_SIZE]);
  double (*run)(const product *p); /* runs all three; returns seconds */
  void (*fetch)(const product *p); /* copies the results to p->out; NULL: they are already there */
} product_engine;

extern const product_engine product_clattn, product_clblast, product_clblast_tuned;
#ifdef BENCH_OPENBLAS
extern const product_engine product_openblas;
#endif
#ifdef BENCH_DNNL
extern const product_engine product_dnnl, product_dnnl_kept;
#endif

#endif
