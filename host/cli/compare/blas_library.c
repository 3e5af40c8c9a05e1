/* Loads OpenBLAS at run time instead of linking to it: its threads spin for a tenth of a second
 * after loading, which would disturb every command of the program. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "cli/compare/blas_library.h"

#include <stdio.h>
#include <string.h>

#ifdef _WIN32

bool blas_library_load(blas_library *blas, const char *path, char *reason, size_t size) {
  (void)blas, (void)path;
  snprintf(reason, size, "it cannot be loaded on this system");
  return false;
}

#else
#include <dlfcn.h>

#ifdef __APPLE__
#define USUAL_NAME "libopenblas.dylib"
#else
#define USUAL_NAME "libopenblas.so.0"
#endif

/* Copies a function pointer from dlsym, because C has no cast for it. */
static bool find(void *library, const char *name, void *function, size_t size) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, size);
  return symbol != NULL;
}

bool blas_library_load(blas_library *blas, const char *path, char *reason, size_t size) {
  const char *name = path != NULL ? path : USUAL_NAME;
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char *why = dlerror();
    snprintf(reason, size, "%s%s", why != NULL ? why : name, path == NULL ? " (Debian: libopenblas0-pthread)" : "");
    return false;
  }
  if (!find(library, "cblas_sgemm", &blas->sgemm, sizeof blas->sgemm)) {
    snprintf(reason, size, "%s has no cblas_sgemm", name);
    dlclose(library);
    return false;
  }
  find(library, "openblas_set_num_threads", &blas->set_threads, sizeof blas->set_threads);
  return true;
}
#endif
