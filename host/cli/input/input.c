/* Builds the problem from an example, from files or at random; then sets its meaning and storage
 * type. */
#include "cli/input/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files/tensor_file.h"

/* ---- memory and layout ------------------------------------------------------------------------------------------- */

float *input_allocate(size_t count) {
  float *memory = count <= SIZE_MAX / sizeof(float) ? malloc((count > 0 ? count : 1) * sizeof *memory) : NULL;
  if (memory == NULL) complain("no host memory for a matrix of %.1f GiB", (double)count * sizeof(float) / 1073741824.0);
  return memory;
}

bool input_divide(const char *what, size_t columns, size_t heads, size_t *dim) {
  if (columns % heads != 0 || columns == 0) {
    complain("%s has %zu columns, which %zu heads do not divide (allowed: a number of heads that divides them)", what,
             columns, heads);
    return false;
  }
  *dim = columns / heads;
  return true;
}

size_t input_kv_heads(const clattn_problem *p) {
  return p->kv_heads != 0 ? p->kv_heads : p->heads;
}

bool input_groups_fit(const clattn_problem *p) {
  if (p->kv_heads == 0 || p->heads % p->kv_heads == 0) return true;
  complain("--kv-heads %zu (allowed: a divisor of the heads, %zu)", p->kv_heads, p->heads);
  return false;
}

bool input_read(const char *option, const char *argument, array *a) {
  char message[1024];
  if (argument[0] == '\0') {
    complain("%s: an empty name (allowed: the name of a file)", option);
    return false;
  }
  const file_status status = tensor_file_read(argument, a, message, sizeof message);
  if (status == FILE_OK) return true;
  const bool is_mask = status == FILE_INTEGERS && strcmp(option, file_option_name(CLATTN_MASK)) == 0;
  complain("%s: %s%s", option, message,
           is_mask ? "; convert a mask of 0 and 1 to bool, or to float with 0 and -inf" : "");
  return false;
}

/* Only fields that nothing else sets. */
int input_complain_of(const clattn_error *error) {
  static const struct {
    const char *field, *option;
  } names[] = {{"window_left is", "--window-left is"},
               {"window_right is", "--window-right is"},
               {"offset is", "--align is"},
               {"rotary_dim is", "--rotary-dim is"},
               {"rotary_scaling.", "--rotary-scaling: "},
               {"cache.capacity is", "--cache-capacity is"},
               {"cache.type is CLATTN_CACHE_Q4 and", "--cache-type q4:"},
               {"positions are", "--positions: they are"}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    const size_t length = strlen(names[i].field);
    if (error->status != CLATTN_INVALID_PROBLEM || strncmp(error->message, names[i].field, length) != 0) continue;
    complain("%s%s", names[i].option, error->message + length);
    return EXIT_BAD_INPUT;
  }
  return complain_of(error);
}

/* ---- examples ---------------------------------------------------------------------------------------------------- */

static int complain_of_example(const char *name) {
  char allowed[256] = "";
  for (size_t i = 0; i < clattn_example_count(); ++i) {
    const size_t used = strlen(allowed);
    snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "", clattn_example_at(i)->name);
  }
  complain("--example %s (allowed: %s)", name, allowed);
  return EXIT_BAD_INPUT;
}

/* The example's matrix in the wanted layout, transposed if need be, so that Q, K and V stay the
 * same. */
static float *example_matrix(const example *e, const float *w, size_t columns, clattn_weight_layout wanted) {
  float *copy = input_allocate(e->model_dim * columns);
  const size_t height = e->layout == CLATTN_LAYOUT_XWT ? columns : e->model_dim;
  const size_t width = e->layout == CLATTN_LAYOUT_XWT ? e->model_dim : columns;
  for (size_t r = 0; copy != NULL && r < height; ++r)
    for (size_t c = 0; c < width; ++c) copy[wanted == e->layout ? r * width + c : c * height + r] = w[r * width + c];
  return copy;
}

static int input_from_example(const run_options *o, input *in) {
  static const clattn_tensor made[] = {CLATTN_X, CLATTN_WQ, CLATTN_WK, CLATTN_WV};
  const char *name = o->example != NULL ? o->example : "please-study-man";
  const example *e = clattn_example_find(name);
  if (e == NULL) return complain_of_example(name);
  clattn_problem *p = &in->problem;
  in->example = e;
  snprintf(in->name, sizeof in->name, "%s", e->name);
  p->query_len = p->key_len = e->token_count;
  p->model_dim = e->model_dim;
  p->heads = o->number[NUMBER_HEADS] != 0 ? o->number[NUMBER_HEADS] : e->heads;
  p->layout = o->meaning.layout_given ? o->meaning.layout : e->layout;
  if (o->number[NUMBER_KV_HEADS] != 0 && o->number[NUMBER_KV_HEADS] != p->heads) {
    complain("--kv-heads %zu (allowed with an example: as many as --heads, %zu)", o->number[NUMBER_KV_HEADS], p->heads);
    return EXIT_BAD_INPUT;
  }
  if (!input_divide("wq", e->key_columns, p->heads, &p->head_dim) ||
      !input_divide("wv", e->value_columns, p->heads, &p->value_dim))
    return EXIT_BAD_INPUT;
  p->positions = e->sinusoidal_positions ? CLATTN_POSITIONS_SINUSOIDAL : CLATTN_POSITIONS_NONE;
  in->tensor[CLATTN_X] = input_allocate(e->token_count * e->model_dim);
  in->tensor[CLATTN_WQ] = example_matrix(e, e->wq, e->key_columns, p->layout);
  in->tensor[CLATTN_WK] = example_matrix(e, e->wk, e->key_columns, p->layout);
  in->tensor[CLATTN_WV] = example_matrix(e, e->wv, e->value_columns, p->layout);
  for (size_t i = 0; i < sizeof made / sizeof made[0]; ++i)
    if (in->tensor[made[i]] == NULL) return EXIT_BAD_INPUT;
  memcpy(in->tensor[CLATTN_X], e->x, e->token_count * e->model_dim * sizeof(float));
  return GO_ON;
}

/* ---- storage ----------------------------------------------------------------------------------------------------- */

/* Converts inputs to the storage type, and sets all pointers of `inputs`. */
static bool store(input *in) {
  const clattn_problem *p = &in->problem;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const bool always_float = t == CLATTN_MASK || t == CLATTN_SLOPES || t == CLATTN_SINKS;
    const size_t bytes = clattn_input_bytes(p, (clattn_tensor)t);
    if (in->tensor[t] == NULL) continue;
    if (p->type != CLATTN_F32 && !always_float) {
      in->stored[t] = malloc(bytes);
      if (in->stored[t] == NULL) {
        complain("no host memory for %zu bytes of %s", bytes, clattn_tensor_name((clattn_tensor)t));
        return false;
      }
      clattn_narrow(p->type, in->tensor[t], bytes / sizeof(uint16_t), in->stored[t]);
    }
    clattn_inputs_set(&in->inputs, (clattn_tensor)t, in->stored[t] != NULL ? in->stored[t] : in->tensor[t]);
  }
  return true;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

int input_load(const run_options *o, input *in) {
  *in = (input){.problem = CLATTN_PROBLEM_INIT, .inputs = CLATTN_INPUTS_INIT};
  const bool files = o->file[CLATTN_X] != NULL || o->file[CLATTN_Q] != NULL || o->model != NULL;
  const int code = o->random != 0 ? input_from_random(o, in)
                   : files        ? input_from_files(o, in)
                                  : input_from_example(o, in);
  if (code != GO_ON) return code;
  clattn_error error;
  if (!input_set_meaning(o, in)) return EXIT_BAD_INPUT;
  if (clattn_problem_validate(&in->problem, &error) != CLATTN_OK) return input_complain_of(&error);
  return store(in) && input_load_cache(o, in) && input_check_positions(in) ? GO_ON : EXIT_BAD_INPUT;
}

void input_free(input *in) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    free(in->tensor[t]);
    free(in->stored[t]);
  }
  for (int i = 0; i < CACHE_FILES; ++i) free(in->cache[i]);
  for (int i = 0; i < 2; ++i) {
    free(in->ids[i]);
    free(in->turns[i]);
  }
  token_list_free(&in->tokens);
  *in = (input){.problem = CLATTN_PROBLEM_INIT, .inputs = CLATTN_INPUTS_INIT};
}
