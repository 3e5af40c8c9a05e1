/* Fuzzes the reader of .npy files: the input is a file. */
#include "fuzz.h"

#include "cli/files/npy.h"

/* A bool takes a byte in the file and four as float; the rest is for what the C library needs to read a file. */
#define MOST_BYTES(size) (4 * (size) + 8192)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  array a;
  char message[256] = "";
  const char *path = fuzz_file(data, size);
  fuzz_limit_allocations(MOST_BYTES(size));
  const file_status status = npy_read(path, &a, message, sizeof message);
  fuzz_limit_allocations(SIZE_MAX);
  fuzz_judge_array(&a, status, message);
  array_free(&a);
  return 0;
}
