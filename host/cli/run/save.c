/* Writes results with npy.c: each file is complete or missing. */
#include "cli/run/save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "base/file_system.h"
#include "cli/input/input.h"
#include "cli/input/input_names.h"
#include "cli/input/outputs.h"
#include "cli/files/npy.h"

static bool can_write(const char *option, const char *path) {
  char message[1024];
  if (npy_try_write(path, message, sizeof message) == FILE_OK) return true;
  complain("%s: %s", option, message);
  return false;
}

static bool path_in(const char *folder, clattn_tensor tensor, char *path, size_t size) {
  if (snprintf(path, size, "%s/%s.npy", folder, clattn_tensor_name(tensor)) < (int)size) return true;
  complain("--save: the path of a file would be longer than %zu bytes", size);
  return false;
}

/* Without a softcap the softcapped products equal the scaled ones. */
static bool is_saved(const saving *s, clattn_tensor tensor) {
  return clattn_plan_has(s->plan, tensor) && (tensor != CLATTN_SOFTCAPPED || s->problem->softcap > 0.0f);
}

/* Called for each file of --save. */
typedef bool visitor(const saving *s, clattn_tensor tensor, const char *path, const clattn_outputs *outputs);

static bool visit(const saving *s, visitor *visit_one, const clattn_outputs *outputs) {
  char path[4096];
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (is_saved(s, tensor) &&
        !(path_in(s->options->save, tensor, path, sizeof path) && visit_one(s, tensor, path, outputs)))
      return false;
  }
  return true;
}

/* ---- before the run ---------------------------------------------------------------------------------------------- */

static bool spares_inputs(const saving *s, clattn_tensor tensor, const char *path, const clattn_outputs *outputs) {
  (void)tensor;
  (void)outputs;
  return inputs_are_spared(s->options, "--save", path);
}

static bool can_be_saved(const saving *s, clattn_tensor tensor, const char *path, const clattn_outputs *outputs) {
  (void)s;
  (void)tensor;
  (void)outputs;
  return can_write("--save", path);
}

static bool make_folder(const char *folder) {
  if (clattn_make_folder(folder, CLATTN_FOR_ALL)) return true;
  complain("--save %s: cannot make the folder: %s", folder, strerror(errno));
  return false;
}

int save_prepare(const saving *s) {
  const char *file = s->options->out, *folder = s->options->save;
  const bool spared = (file == NULL || inputs_are_spared(s->options, "--out", file)) &&
                      (folder == NULL || visit(s, spares_inputs, NULL));
  if (!spared || (file != NULL && !can_write("--out", file))) return EXIT_BAD_INPUT;
  return folder == NULL || (make_folder(folder) && visit(s, can_be_saved, NULL)) ? GO_ON : EXIT_BAD_INPUT;
}

/* ---- after it ---------------------------------------------------------------------------------------------------- */

/* (batch, tokens, heads, dim) to (batch, heads, tokens, dim). NULL after a complaint. */
static float *by_heads(const float *from, const size_t shape[4], const char *path) {
  const size_t heads = shape[1], tokens = shape[2], dim = shape[3], vectors = shape[0] * heads * tokens;
  float *to = malloc(vectors * dim * sizeof *to);
  if (to == NULL) complain("no host memory to write %s", path);
  for (size_t i = 0; to != NULL && i < vectors; ++i) {
    const size_t b = i / heads / tokens, head = i / tokens % heads, token = i % tokens;
    memcpy(to + i * dim, from + ((b * tokens + token) * heads + head) * dim, dim * sizeof *to);
  }
  return to;
}

typedef struct tensor_data {
  npy_type type;
  const float *data;
  size_t shape[4];
  int rank;
} tensor_data;

static bool write_file(const tensor_data *t, const char *path) {
  char message[1024];
  if (npy_write(path, t->type, t->data, t->shape, t->rank, message, sizeof message) == FILE_OK) return true;
  complain("%s", message);
  return false;
}

/* The output has the problem's type. It is widened here, and the writer rounds it back, which is
 * exact. */
static float *widen(const saving *s, const void *data, const char *path) {
  const size_t count = clattn_tensor_elements(s->problem, CLATTN_OUTPUT);
  float *widened = malloc(count * sizeof *widened);
  if (widened == NULL) complain("no host memory to write %s", path);
  if (widened != NULL) clattn_widen(s->problem->type, data, count, widened);
  return widened;
}

/* If q, k and v came from files of 4 dimensions they are saved with 4, so that the same options
 * read them back. */
static void split_heads(const clattn_problem *p, clattn_tensor tensor, tensor_data *t) {
  const size_t heads = tensor == CLATTN_Q ? p->heads : input_kv_heads(p), tokens = t->shape[1];
  t->shape[3] = t->shape[2] / heads;
  t->shape[2] = tokens;
  t->shape[1] = heads;
  t->rank = 4;
}

static bool save(const saving *s, clattn_tensor tensor, const char *path, const clattn_outputs *outputs) {
  static const npy_type types[] = {NPY_F4, NPY_F2, NPY_BF16};
  const void *data = clattn_outputs_get(outputs, tensor);
  const bool stored = tensor == CLATTN_OUTPUT,
             of_heads = tensor == CLATTN_Q || tensor == CLATTN_K || tensor == CLATTN_V;
  const bool split = of_heads && s->problem->order == CLATTN_ORDER_HEADS;
  tensor_data t = {.type = stored ? types[s->problem->type] : NPY_F4, .data = data};
  float *own = NULL;
  t.rank = clattn_problem_shape(clattn_sizing_problem(s->problem, s->seen, tensor), tensor, t.shape);
  if (split) split_heads(s->problem, tensor, &t);
  if (stored || split) {
    own = stored ? widen(s, data, path) : by_heads(data, t.shape, path);
    if (own == NULL) return false;
    t.data = own;
  }
  const bool written = write_file(&t, path);
  free(own);
  return written;
}

int save_outputs(const saving *s, const clattn_outputs *outputs) {
  const clattn_tensor result = outputs_result(s->problem);
  const char *file = s->options->out;
  if (file != NULL && !save(s, result, file, outputs)) return EXIT_BAD_INPUT;
  return s->options->save == NULL || visit(s, save, outputs) ? GO_ON : EXIT_BAD_INPUT;
}
