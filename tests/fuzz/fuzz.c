/* See fuzz.h. For Linux and clang, as libFuzzer itself. */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sanitizer/allocator_interface.h>

void fuzz_require(bool condition, const char *text) {
  if (condition) return;
  fprintf(stderr, "\nnot so: %s\n", text);
  abort();
}

/* ---- a file ------------------------------------------------------------------------------------------------------ */

const char *fuzz_file(const uint8_t *data, size_t size) {
  static int descriptor = -1;
  static char path[64];
  if (descriptor < 0) {
    descriptor = memfd_create("input", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  }
  REQUIRE(descriptor >= 0 && ftruncate(descriptor, (off_t)size) == 0);
  REQUIRE(pwrite(descriptor, data, size, 0) == (ssize_t)size);
  return path;
}

/* ---- allocations ------------------------------------------------------------------------------------------------- */

static size_t most_bytes = SIZE_MAX;

static void watch_malloc(const volatile void *memory, size_t bytes) {
  (void)memory;
  if (bytes <= most_bytes) return;
  const size_t most = most_bytes;
  most_bytes = SIZE_MAX; /* what is printed may allocate, too */
  fprintf(stderr, "\n%zu bytes were allocated, more than %zu\n", bytes, most);
  abort();
}

static void watch_free(const volatile void *memory) {
  (void)memory;
}

void fuzz_limit_allocations(size_t bytes) {
  static bool watching = false;
  if (!watching) watching = __sanitizer_install_malloc_and_free_hooks(watch_malloc, watch_free) != 0;
  REQUIRE(watching);
  most_bytes = bytes;
}

/* ---- outcomes ---------------------------------------------------------------------------------------------------- */

static void judge_shape(const array *a) {
  size_t count = 1;
  REQUIRE(a->rank >= 0 && a->rank <= ARRAY_MOST_DIMENSIONS);
  for (int axis = 0; axis < ARRAY_MOST_DIMENSIONS; ++axis) {
    if (axis < a->rank) count *= a->shape[axis];
    REQUIRE(axis < a->rank || a->shape[axis] == 0);
  }
  REQUIRE(count == a->count);
}

/* It goes to a terminal. */
static bool is_printable(const char *text) {
  for (; *text != '\0'; ++text)
    if ((unsigned char)*text < ' ' || *text == 0x7f) return false;
  return true;
}

void fuzz_judge_array(const array *a, file_status status, const char *message) {
  if (status != FILE_OK) {
    REQUIRE(a->data == NULL && a->count == 0 && a->rank == 0);
    REQUIRE(message[0] != '\0' && is_printable(message));
    return;
  }
  judge_shape(a);
  REQUIRE(a->data != NULL);
  float *copy = malloc(a->count * sizeof *copy + 1);
  REQUIRE(copy != NULL);
  memcpy(copy, a->data, a->count * sizeof *copy); /* AddressSanitizer looks at every byte */
  free(copy);
}
