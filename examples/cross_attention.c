/* Cross attention, as a decoder does it on what an encoder made: queries are projected from x, keys and values from
 * xkv, whose sequences have different lengths and are padded; the context is projected to the output. clattn_check
 * compares every tensor with the reference, within bounds that follow from the arithmetic.
 *
 *     cc cross_attention.c -o cross_attention $(pkg-config --cflags --libs clattn) -lm
 */
#include <clattn_check.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 3, QUERIES = 16, KEYS = 48, MODEL_DIM = 128, KV_MODEL_DIM = 96 };
enum { HEADS = 4, KV_HEADS = 2, DIM = 32, Q_DIM = HEADS * DIM, K_DIM = KV_HEADS * DIM, OUTPUT_DIM = MODEL_DIM };

static const int32_t key_lengths[BATCH] = {KEYS, 31, 7};

static void fill(float *to, size_t count, float most) {
  for (size_t i = 0; i < count; ++i) to[i] = ((float)rand() / (float)RAND_MAX * 2 - 1) * most;
}

static clattn_problem describe(void) {
  clattn_problem problem = CLATTN_PROBLEM_INIT;
  problem.source = CLATTN_SOURCE_XKV;
  problem.batch = BATCH;
  problem.query_len = QUERIES;
  problem.key_len = KEYS;
  problem.model_dim = MODEL_DIM;
  problem.kv_model_dim = KV_MODEL_DIM;
  problem.heads = HEADS;
  problem.kv_heads = KV_HEADS;
  problem.head_dim = problem.value_dim = DIM;
  problem.output_dim = OUTPUT_DIM;
  problem.biases = CLATTN_BIAS_O;
  problem.lengths = CLATTN_LENGTHS_KEYS;
  problem.layout = CLATTN_LAYOUT_XWT; /* matrices as torch.nn.Linear stores them: (columns, rows) */
  return problem;
}

static void print(const clattn_check_report *report) {
  for (size_t i = 0; i < report->count; ++i) {
    const clattn_tensor_check *c = &report->check[i];
    printf("%-8s %-11s %5zu elements, %3.0f %% of the bound: %s\n", clattn_tensor_name(c->tensor),
           c->end_to_end ? "from inputs" : "", c->elements, c->ratio * 100, c->passed ? "ok" : "WRONG");
  }
}

int main(void) {
  static float x[BATCH * QUERIES * MODEL_DIM], xkv[BATCH][KEYS][KV_MODEL_DIM];
  static float wq[Q_DIM * MODEL_DIM], wk[K_DIM * KV_MODEL_DIM], wv[K_DIM * KV_MODEL_DIM];
  static float wo[OUTPUT_DIM * Q_DIM], bo[OUTPUT_DIM];
  static float q[BATCH * QUERIES * Q_DIM], k[BATCH * KEYS * K_DIM], v[BATCH * KEYS * K_DIM];
  static float context[BATCH * QUERIES * Q_DIM], output[BATCH * QUERIES * OUTPUT_DIM];
  fill(x, sizeof x / sizeof *x, 1);
  fill(xkv[0][0], sizeof xkv / sizeof ***xkv, 1);
  fill(wq, sizeof wq / sizeof *wq, 0.2F);
  fill(wk, sizeof wk / sizeof *wk, 0.2F);
  fill(wv, sizeof wv / sizeof *wv, 0.2F);
  fill(wo, sizeof wo / sizeof *wo, 0.2F);
  fill(bo, sizeof bo / sizeof *bo, 0.2F);
  for (size_t b = 0; b < BATCH; ++b) /* padding has no effect, whatever it holds */
    for (size_t j = (size_t)key_lengths[b]; j < KEYS; ++j)
      for (size_t c = 0; c < KV_MODEL_DIM; ++c) xkv[b][j][c] = NAN;

  const clattn_problem problem = describe();
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  inputs.x = x;
  inputs.xkv = xkv;
  inputs.wq = wq;
  inputs.wk = wk;
  inputs.wv = wv;
  inputs.wo = wo;
  inputs.bo = bo;
  inputs.key_lengths = key_lengths;
  /* The check needs q, k, v and context, too. A program that does not check leaves them out. */
  clattn_outputs outputs = {.size = sizeof outputs, .q = q, .k = k, .v = v, .context = context, .output = output};

  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  static clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = clattn_plan_create(device, &problem, NULL, &plan, &error);
  if (status == CLATTN_OK) status = clattn_plan_run(plan, &inputs, &outputs, NULL, &error);
  if (status == CLATTN_OK) status = clattn_check(plan, &inputs, &outputs, NULL, &report, &error);
  if (status == CLATTN_OK)
    print(&report);
  else
    fprintf(stderr, "cross_attention: %s: %s\n", clattn_status_name(status), error.message);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  return report.passed ? 0 : 1;
}
