/* The checker is checked: kernels are broken on purpose, and every one of them must be rejected.
 *
 * Each case copies the kernels, replaces one piece of text in one file, and runs from there. A case whose text is no
 * longer found fails: it would test nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define FOLDER "broken_kernels"

typedef struct broken {
  const char *name;
  const char *file;
  const char *find, *replace;
  const char *kernels; /* the choice that runs that file */
  clattn_tensor wrong; /* the first tensor that must be rejected */
  bool causal;
  float scale; /* 0: the default */
} broken;

static const broken cases[] = {
    {"all zeros", "scores/1_naive.cl", "sum * a.scale", "0.0f", "scores=naive", CLATTN_SCALED, false, 0},
    {"NaN", "context/1_naive.cl", "*to = sum;", "*to = NAN;", "context=naive", CLATTN_CONTEXT, false, 0},
    {"the last column is not written", "project/2_tiled.cl", "if (column < p.columns && row < p.rows)",
     "if (column < p.columns - 1 && row < p.rows)", "project=tiled", CLATTN_Q, false, 0},
    {"tail guard missing: writes into the next row", "project/2_tiled.cl", "if (column < p.columns && row < p.rows)",
     "if (column < p.columns + 1 && row < p.rows - 1)", "project=tiled", CLATTN_Q, false, 0},
    {"the tail of a panel is not written", "common/product_panel.cl",
     "for (int column = 0; column < columns; ++column) to[", "for (int column = 0; column < columns - 1; ++column) to[",
     "project=panel:STRIP=64", CLATTN_Q, false, 0},
    {"softmax over columns", "softmax/1_naive.cl", "to[j] = live_weight", "weights[row + j * r.key_len] = live_weight",
     "softmax=naive", CLATTN_WEIGHTS, false, 0},
    {"scale off by 0.1 %", "scores/1_naive.cl", "sum * a.scale", "sum * (a.scale * 1.001f)", "scores=naive",
     CLATTN_SCALED, false, 0},
    {"mask off by one", "common/attention.cl", "a.right + 1", "a.right + 2", "scores=naive,context=naive",
     CLATTN_SCORES, true, 0},
    {"mask one too short", "common/attention.cl", "a.right + 1", "a.right", "scores=naive,context=naive", CLATTN_SCORES,
     true, 0},
    {"no maximum subtracted", "common/softmax.cl", "exp(score - largest)", "exp(score)", "softmax=naive",
     CLATTN_WEIGHTS, false, 300.0f},
    {"not divided by the sum", "softmax/1_naive.cl", "live_weight(live_exp(from[j], largest), sum)",
     "live_exp(from[j], largest)", "softmax=naive", CLATTN_WEIGHTS, false, 0},
    {"the last key is forgotten in the sum", "softmax/1_naive.cl",
     "j < r.key_len; ++j) sum +=", "j < r.key_len - 1; ++j) sum +=", "softmax=naive", CLATTN_WEIGHTS, false, 0},
    {"weights off by 1e-5", "common/softmax.cl", "e / sum;", "e / sum * 1.00001f;", "softmax=naive", CLATTN_WEIGHTS,
     false, 0},
    {"tail of a vector row is forgotten", "softmax/4_vector.cl", "sum += to[j];", "", "softmax=vector", CLATTN_WEIGHTS,
     false, 0},
    {"barrier missing before reading", "common/product_tiled.cl", "barrier(CLK_LOCAL_MEM_FENCE); /* the tiles",
     "/* the tiles", "scores=tiled", CLATTN_SCALED, false, 0},
    {"barrier missing before local memory is used again", "common/join.cl",
     "barrier(CLK_LOCAL_MEM_FENCE); /* everyone has", "/* everyone has", "softmax=tiled", CLATTN_WEIGHTS, false, 0},
    {"transposed K", "scores/1_naive.cl", "key_row[c]", "k[c * a.k.row + key]", "scores=naive", CLATTN_SCALED, false,
     0},
    {"transposed W", "project/1_naive.cl", "W_TRANSPOSED ? column", "!W_TRANSPOSED ? column", "project=naive", CLATTN_Q,
     false, 0},
    {"every head reads the first", "common/attention.cl", "s.head * stride.head", "0 * stride.head",
     "scores=naive,context=naive", CLATTN_SCALED, false, 0},
    {"the first key is forgotten", "context/1_naive.cl", "int key = first_key(a, s, row)",
     "int key = 1 + first_key(a, s, row)", "context=naive", CLATTN_CONTEXT, false, 0},
    {"one term is forgotten", "common/product_register.cl", "k < TILE_DEPTH; ++k) {\n      float b_value",
     "k < TILE_DEPTH - 1; ++k) {\n      float b_value", "project=register", CLATTN_Q, false, 0},
    {"a strip replaces instead of adding", "context/4_panel.cl", "key0 > begin", "0", "context=panel:STRIP=64",
     CLATTN_CONTEXT, false, 0},
    {"products rounded to half", "context/1_naive.cl", "sum = fma(weights_row[key]",
     "sum = fma((float)(int)(weights_row[key] * 4096.0f) / 4096.0f", "context=naive", CLATTN_CONTEXT, false, 0},
};

static void replace_in_file(const char *file, const char *find, const char *replace) {
  char path[256], text[32768];
  snprintf(path, sizeof path, FOLDER "/%s", file);
  FILE *stream = fopen(path, "rb");
  assert_non_null(stream);
  const size_t size = fread(text, 1, sizeof text - 1, stream);
  fclose(stream);
  text[size] = '\0';
  char *at = strstr(text, find);
  if (at == NULL) fail_msg("'%s' is no longer found in %s", find, file);
  stream = fopen(path, "wb");
  assert_non_null(stream);
  const char *from = text;
  for (; at != NULL; at = strstr(from, find)) { /* everywhere */
    fwrite(from, 1, (size_t)(at - from), stream);
    fputs(replace, stream);
    from = at + strlen(find);
  }
  fputs(from, stream);
  assert_int_equal(fclose(stream), 0);
}

static void copy_kernels(void) {
  assert_int_equal(system("rm -rf " FOLDER " && mkdir " FOLDER " && cp -r \"" CLATTN_KERNELS "\"/. " FOLDER "/"), 0);
}

static clattn_problem problem_for(const broken *b) {
  clattn_problem p =
      support_problem(133, 133, 67); /* square enough for W, more tokens than head_dim, no tile divides */
  p.heads = 2;
  p.causal = b->causal;
  if (b->scale != 0.0f) {
    p.scale_mode = CLATTN_SCALE_GIVEN;
    p.scale = b->scale;
  }
  return p;
}

/* Runs from the folder; true if the check failed, at `wrong` first. */
static bool is_rejected(clattn_device *device, const broken *b) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.kernel_dir = FOLDER;
  options.kernels = b->kernels;
  const clattn_problem p = problem_for(b);
  support_case c;
  support_allocate(&c, &p, 17);
  const clattn_check_report report = support_run(device, &c, &options);
  support_free(&c);
  for (size_t i = 0; i < report.count; ++i)
    if (!report.check[i].passed) return report.check[i].tensor == b->wrong && !report.passed;
  return false;
}

static void every_broken_kernel_is_rejected(void **state) {
  (void)state;
  clattn_device *device = support_device();
  size_t missed = 0;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    copy_kernels();
    replace_in_file(cases[i].file, cases[i].find, cases[i].replace);
    const bool rejected = is_rejected(device, &cases[i]);
    print_message("%-45s %s\n", cases[i].name, rejected ? "rejected" : "NOT REJECTED");
    if (!rejected) ++missed;
  }
  assert_int_equal(missed, 0);
  clattn_device_close(device);
}

/* The same shapes with the kernels as they are: what rejects the broken ones accepts these. */
static void the_unbroken_ones_pass(void **state) {
  (void)state;
  clattn_device *device = support_device();
  copy_kernels();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
    options.kernel_dir = FOLDER;
    options.kernels = cases[i].kernels;
    const clattn_problem p = problem_for(&cases[i]);
    support_case c;
    support_allocate(&c, &p, 17);
    const clattn_check_report report = support_run(device, &c, &options);
    assert_passed(&report, cases[i].kernels);
    support_free(&c);
  }
  assert_int_equal(system("rm -rf " FOLDER), 0);
  clattn_device_close(device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_broken_kernel_is_rejected),
      cmocka_unit_test(the_unbroken_ones_pass),
  };
  return cmocka_run_group_tests_name("broken", tests, NULL, NULL);
}
