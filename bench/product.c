/* The worker for matrix products: one of the engines in the table below.
 *
 * usage: product ENGINE [DEVICE]   (see worker.h)
 *        product                   lists the engines
 */
#include "product.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const product_engine *const engines[] = {
    &product_clattn,
#ifdef BENCH_DNNL
    &product_dnnl,
#endif
#ifdef BENCH_DNNL_KEPT
    &product_dnnl_kept,
#endif
#ifdef BENCH_OPENBLAS
    &product_openblas,
#endif
#ifdef BENCH_CLBLAST
    &product_clblast,   &product_clblast_tuned,
#endif
};
enum { ENGINES = sizeof engines / sizeof engines[0] };

static const product_engine *engine;
static product current;

static void release_case(void) {
  free(current.x);
  for (int i = 0; i < PRODUCTS; ++i) {
    free(current.w[i]);
    free(current.out[i]);
  }
  memset(&current, 0, sizeof current);
}

static void read_case(const words *w) {
  static const char *const names[PRODUCTS] = {"wq", "wk", "wv"};
  product *p = &current;
  const char *folder = words_text(w, "inputs");
  p->rows = words_number(w, "rows");
  p->terms = words_number(w, "terms");
  p->columns = words_number(w, "columns");
  p->x = read_numbers(folder, "x", p->rows * p->terms * sizeof(float));
  for (int i = 0; i < PRODUCTS; ++i) {
    p->w[i] = read_numbers(folder, names[i], p->terms * p->columns * sizeof(float));
    p->out[i] = malloc(p->rows * p->columns * sizeof(float));
    if (p->out[i] == NULL) give_up("no memory for the results");
  }
}

/* Writes the three results one after another. */
static void write_results(const char *path) {
  const size_t elements = current.rows * current.columns;
  float *all = malloc(PRODUCTS * elements * sizeof *all);
  if (all == NULL) give_up("no memory for the results");
  if (engine->fetch != NULL) engine->fetch(&current);
  for (int i = 0; i < PRODUCTS; ++i) memcpy(all + i * elements, current.out[i], elements * sizeof *all);
  write_numbers(path, all, PRODUCTS * elements * sizeof *all);
  free(all);
}

static double run(void) {
  return engine->run(&current);
}

static int prepare(const words *w, char answer[ANSWER_SIZE]) {
  release_case();
  read_case(w);
  if (!engine->prepare(&current, w, answer)) return 0;
  run();
  write_results(words_text(w, "output"));
  return 1;
}

int main(int argument_count, char **arguments) {
  for (int i = 0; i < ENGINES; ++i) {
    if (argument_count < 2) puts(engines[i]->name);
    if (argument_count >= 2 && strcmp(arguments[1], engines[i]->name) == 0) engine = engines[i];
  }
  if (argument_count < 2) return 0;
  if (engine == NULL) give_up("this build has no engine '%s'", arguments[1]);
  char answer[ANSWER_SIZE] = "";
  const worker product_worker = {prepare, run, engine->open(argument_count > 2 ? arguments[2] : NULL, answer)};
  puts(answer);
  fflush(stdout);
  const int code = worker_serve(&product_worker);
  release_case();
  return code;
}
