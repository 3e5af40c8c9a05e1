/* Writes results through npy.c: each file is whole or not there. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "save.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "npy.h"

#ifdef _WIN32
#include <direct.h>
#define make_folder(path) _mkdir(path)
#else
#include <sys/stat.h>
#define make_folder(path) mkdir(path, 0777)
#endif

static bool can_write(const char *path) {
  char message[1024];
  if (npy_try_write(path, message, sizeof message) == NPY_OK) return true;
  complain("%s", message);
  return false;
}

static bool path_in(const char *folder, clattn_tensor tensor, char *path, size_t size) {
  if (snprintf(path, size, "%s/%s.npy", folder, clattn_tensor_name(tensor)) < (int)size) return true;
  complain("--save: the path of a file would be longer than %zu bytes", size);
  return false;
}

int save_prepare(const char *file, const char *folder) {
  char path[4096];
  if (file != NULL && !can_write(file)) return EXIT_BAD_INPUT;
  if (folder == NULL) return -1;
  if (make_folder(folder) != 0 && errno != EEXIST) {
    complain("--save %s: cannot make the folder: %s", folder, strerror(errno));
    return EXIT_BAD_INPUT;
  }
  for (int tensor = CLATTN_Q; tensor <= CLATTN_CONTEXT; ++tensor)
    if (!path_in(folder, (clattn_tensor)tensor, path, sizeof path) || !can_write(path)) return EXIT_BAD_INPUT;
  return -1;
}

static bool save(const clattn_problem *problem, clattn_tensor tensor, const float *data, const char *path) {
  size_t shape[4];
  char message[1024];
  const int rank = clattn_problem_shape(problem, tensor, shape);
  if (npy_write(path, data, shape, rank, message, sizeof message) == NPY_OK) return true;
  complain("%s", message);
  return false;
}

int save_outputs(const clattn_problem *problem, const clattn_outputs *outputs, const char *file, const char *folder) {
  const struct {
    clattn_tensor tensor;
    const float *data;
  } all[] = {{CLATTN_Q, outputs->q},
             {CLATTN_K, outputs->k},
             {CLATTN_V, outputs->v},
             {CLATTN_SCORES, outputs->scores},
             {CLATTN_WEIGHTS, outputs->weights},
             {CLATTN_CONTEXT, outputs->context}};
  if (file != NULL && !save(problem, CLATTN_CONTEXT, outputs->context, file)) return EXIT_BAD_INPUT;
  for (size_t i = 0; folder != NULL && i < sizeof all / sizeof all[0]; ++i) {
    char path[4096];
    if (!path_in(folder, all[i].tensor, path, sizeof path)) return EXIT_BAD_INPUT;
    if (!save(problem, all[i].tensor, all[i].data, path)) return EXIT_BAD_INPUT;
  }
  return -1;
}
