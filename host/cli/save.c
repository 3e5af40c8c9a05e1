/* Writes results through npy.c: each file is whole or not there. */
#include "save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "file_system.h"
#include "npy.h"

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

/* Softcapped products are scaled ones where there is no softcap. */
static bool is_saved(const clattn_plan *plan, const clattn_problem *problem, clattn_tensor tensor) {
  return clattn_plan_has(plan, tensor) && (tensor != CLATTN_SOFTCAPPED || problem->softcap > 0.0f);
}

int save_prepare(const clattn_plan *plan, const clattn_problem *problem, const char *file, const char *folder) {
  char path[4096];
  if (file != NULL && !can_write("--out", file)) return EXIT_BAD_INPUT;
  if (folder == NULL) return -1;
  if (!clattn_make_folder(folder, CLATTN_FOR_ALL)) {
    complain("--save %s: cannot make the folder: %s", folder, strerror(errno));
    return EXIT_BAD_INPUT;
  }
  for (int tensor = 0; tensor < CLATTN_TENSOR_COUNT; ++tensor)
    if (is_saved(plan, problem, (clattn_tensor)tensor) &&
        (!path_in(folder, (clattn_tensor)tensor, path, sizeof path) || !can_write("--save", path)))
      return EXIT_BAD_INPUT;
  return -1;
}

static bool write_file(const clattn_problem *problem, clattn_tensor tensor, npy_type type, const float *data,
                       const char *path) {
  size_t shape[4];
  char message[1024];
  const int rank = clattn_problem_shape(problem, tensor, shape);
  if (npy_write(path, type, data, shape, rank, message, sizeof message) == FILE_OK) return true;
  complain("%s", message);
  return false;
}

/* The output is in the problem's type: widened here and rounded back by the writer, which changes nothing. */
static bool save_stored(const clattn_problem *problem, const void *data, const char *path) {
  static const npy_type types[] = {NPY_F4, NPY_F2, NPY_BF16};
  const size_t count = clattn_tensor_elements(problem, CLATTN_OUTPUT);
  float *widened = malloc(count * sizeof *widened);
  if (widened == NULL) {
    complain("no host memory to write %s", path);
    return false;
  }
  clattn_widen(problem->type, data, count, widened);
  const bool written = write_file(problem, CLATTN_OUTPUT, types[problem->type], widened, path);
  free(widened);
  return written;
}

static bool save(const clattn_problem *problem, const clattn_outputs *outputs, clattn_tensor tensor, const char *path) {
  const void *data = clattn_outputs_get(outputs, tensor);
  return tensor == CLATTN_OUTPUT ? save_stored(problem, data, path) : write_file(problem, tensor, NPY_F4, data, path);
}

int save_outputs(const clattn_plan *plan, const clattn_problem *problem, const clattn_outputs *outputs,
                 const char *file, const char *folder) {
  const clattn_tensor result = clattn_output_bytes(problem, CLATTN_OUTPUT) > 0 ? CLATTN_OUTPUT : CLATTN_CONTEXT;
  if (file != NULL && !save(problem, outputs, result, file)) return EXIT_BAD_INPUT;
  for (int t = 0; folder != NULL && t < CLATTN_TENSOR_COUNT; ++t) {
    char path[4096];
    if (!is_saved(plan, problem, (clattn_tensor)t)) continue;
    if (!path_in(folder, (clattn_tensor)t, path, sizeof path)) return EXIT_BAD_INPUT;
    if (!save(problem, outputs, (clattn_tensor)t, path)) return EXIT_BAD_INPUT;
  }
  return -1;
}
