/* Three products with the same left matrix, as Q, K and V are made of X, and who computes them. */
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
  /* Who it is, for the worker's first line; opens what it needs. NULL device: the best. Returns the device
   * whose limit it can probe, or NULL. */
  clattn_device *(*open)(const char *device, char answer[ANSWER_SIZE]);
  /* Made ready for this product; the answer says how. 1: ready, 0: unsupported. */
  int (*prepare)(const product *p, const words *w, char answer[ANSWER_SIZE]);
  double (*run)(const product *p); /* all three, the seconds */
  void (*fetch)(const product *p); /* the results into p->out; NULL: they are there already */
} product_engine;

extern const product_engine product_clattn, product_clblast, product_clblast_tuned;
#ifdef BENCH_OPENBLAS
extern const product_engine product_openblas;
#endif
#ifdef BENCH_DNNL
extern const product_engine product_dnnl;
#endif

#endif
