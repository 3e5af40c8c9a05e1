/* File helpers for tests. */
#if defined(__unix__) || defined(__APPLE__)
#define _XOPEN_SOURCE 700
#include <sys/stat.h>
#include <unistd.h>
#elif defined(_WIN32)
#include <direct.h>
#define mkdir(path, mode) _mkdir(path)
#define rmdir _rmdir
#endif

#include "files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

int files_make_folder(const char *path) {
  return mkdir(path, 0777);
}

void files_remove_folder(const char *path) {
  rmdir(path);
}

bool files_exist(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file) fclose(file);
  return file != NULL;
}

void files_write(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}
