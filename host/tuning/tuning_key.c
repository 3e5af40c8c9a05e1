/* Classes of problems: see tuning_key.h. */
#include "tuning/tuning_key.h"

#include "catalog/catalog.h"
#include "problem/shape.h"
#include "problem/stages.h"
#include "base/sizes.h"
#include "problem/facts.h"

const char *clattn_key_size_name(clattn_key_size size) {
  static const char *const names[CLATTN_KEY_SIZES] = {"head_dim", "value_dim", "query_len", "key_len",
                                                      "rows",     "model_dim", "columns"};
  return names[size];
}

/* The next power of 2; of what no size_t could hold, the size itself. */
static size_t class_of(size_t size) {
  size_t power = 1;
  while (power < size && power <= SIZE_MAX / 2) power *= 2;
  return power < size ? size : power;
}

static void set_product(clattn_tuning_key *key, size_t rows, size_t model_dim, size_t columns) {
  key->size[CLATTN_KEY_ROWS] = class_of(rows);
  key->size[CLATTN_KEY_MODEL_DIM] = class_of(model_dim);
  key->size[CLATTN_KEY_COLUMNS] = class_of(columns);
}

clattn_tuning_key clattn_tuning_key_of(const clattn_problem *problem, clattn_stage stage) {
  clattn_tuning_key key = {.stage = clattn_stage_kernels(stage), .type = problem->type};
  if (stage == CLATTN_STAGE_PROJECT) {
    set_product(&key, clattn_larger(clattn_query_tokens(problem), clattn_key_tokens(problem)),
                clattn_larger(problem->model_dim, clattn_kv_model_dim(problem)), problem->heads * problem->head_dim);
  } else if (stage == CLATTN_STAGE_OUTPUT) {
    set_product(&key, clattn_query_tokens(problem), problem->heads * problem->value_dim, problem->output_dim);
  } else {
    key.few_rows = clattn_has_few_rows(problem);
    if (clattn_stage_facts_of(stage)->reads_stored && !clattn_fused_reads_stored(problem, CLATTN_V))
      key.type = CLATTN_F32;
    if (stage == CLATTN_STAGE_FUSED && clattn_has_stored_products(problem, problem->type)) key.math = problem->math;
    if (stage != CLATTN_STAGE_SOFTMAX) { /* which knows rows of scores alone */
      key.size[CLATTN_KEY_HEAD_DIM] = problem->head_dim;
      key.size[CLATTN_KEY_VALUE_DIM] = problem->value_dim;
    }
    key.size[CLATTN_KEY_QUERY_LEN] = class_of(problem->query_len);
    key.size[CLATTN_KEY_KEY_LEN] = class_of(clattn_most_keys(problem));
  }
  return key;
}

/* Factors of 2 from one class to the other: 0, 1, or -1 for more. */
static int class_distance(size_t a, size_t b) {
  if (a == b) return 0;
  if (a == 0 || b == 0) return -1;
  return (a > b ? a / 2 == b : b / 2 == a) ? 1 : -1;
}

int clattn_key_distance(const clattn_tuning_key *a, const clattn_tuning_key *b) {
  if (a->stage != b->stage || a->type != b->type || a->math != b->math || a->few_rows != b->few_rows) return -1;
  int all = 0;
  for (int i = 0; i < CLATTN_KEY_SIZES; ++i) {
    const int distance = class_distance(a->size[i], b->size[i]);
    if (distance < 0 || (distance > 0 && i <= CLATTN_KEY_VALUE_DIM)) return -1;
    all += distance;
  }
  return all;
}
