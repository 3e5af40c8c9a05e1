/* Causal attention over given q, k and v in one call, which plans and runs. The results are compared with a loop in
 * double.
 *
 *     cc sdpa.c -o sdpa $(pkg-config --cflags --libs clattn) -lm
 */
#include <clattn.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 2, HEADS = 4, LEN = 128, DIM = 64, ELEMENTS = BATCH * HEADS * LEN * DIM };

/* For values between -1 and 1: far above what rounding in float gives, far below what a wrong mask or scale does. */
static const double allowed = 1e-5;

static void fill(float *to, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = (float)rand() / (float)RAND_MAX * 2 - 1;
}

/* The context of query i of one head, whose q, k and v are (LEN, DIM). */
static void expect(const float *q, const float *k, const float *v, size_t i, double context[DIM]) {
  double weight[LEN], largest = -INFINITY, sum = 0;
  for (size_t j = 0; j <= i; ++j) {
    double product = 0;
    for (size_t d = 0; d < DIM; ++d) product += (double)q[i * DIM + d] * (double)k[j * DIM + d];
    weight[j] = product / sqrt(DIM);
    largest = fmax(largest, weight[j]);
  }
  for (size_t j = 0; j <= i; ++j) {
    weight[j] = exp(weight[j] - largest);
    sum += weight[j];
  }
  for (size_t d = 0; d < DIM; ++d) {
    context[d] = 0;
    for (size_t j = 0; j <= i; ++j) context[d] += weight[j] / sum * (double)v[j * DIM + d];
  }
}

/* Prints how the result compares with the loop. */
static bool is_right(const float *q, const float *k, const float *v, const float *context) {
  double largest = 0;
  size_t wrong = 0;
  for (size_t head = 0; head < (size_t)BATCH * HEADS; ++head)
    for (size_t i = 0; i < LEN; ++i) {
      const size_t start = head * LEN * DIM; /* of the head, in every tensor */
      double expected[DIM];
      expect(q + start, k + start, v + start, i, expected);
      for (size_t d = 0; d < DIM; ++d) {
        const double error = fabs((double)context[start + i * DIM + d] - expected[d]);
        if (!(error <= allowed)) ++wrong; /* a NaN is wrong, too */
        largest = fmax(largest, error);
      }
    }
  printf("largest error %.1e (allowed: %.0e), %zu of %d elements are wrong\n", largest, allowed, wrong, ELEMENTS);
  return wrong == 0;
}

int main(void) {
  static float q[ELEMENTS], k[ELEMENTS], v[ELEMENTS], context[ELEMENTS]; /* (BATCH, HEADS, LEN, DIM) */
  fill(q, ELEMENTS);
  fill(k, ELEMENTS);
  fill(v, ELEMENTS);

  /* batch, heads, queries, keys, head_dim. Other fields say what differs: kv_heads, softcap, window_left ... */
  clattn_problem problem = clattn_problem_qkv(BATCH, HEADS, LEN, LEN, DIM);
  problem.causal = true;
  const clattn_inputs inputs = {.size = sizeof inputs, .q = q, .k = k, .v = v};
  const clattn_outputs outputs = {.size = sizeof outputs, .context = context};

  clattn_device *device = NULL;
  clattn_error error;
  bool right = false;
  clattn_status status = clattn_device_open(NULL, &device, &error); /* NULL: the best device */
  if (status == CLATTN_OK) status = clattn_attend(device, &problem, &inputs, &outputs, &error);
  if (status == CLATTN_OK) {
    for (size_t i = 0; i < 3; ++i) {
      const float *row = context + i * DIM;
      printf("query %zu of the first head: %9.6f %9.6f %9.6f ...\n", i, (double)row[0], (double)row[1], (double)row[2]);
    }
    right = is_right(q, k, v, context);
  } else {
    fprintf(stderr, "sdpa: %s: %s\n", clattn_status_name(status), error.message);
  }
  clattn_device_close(device);
  return right ? 0 : 1;
}
