/* Fuzzes the readers of .npy files and .npz archives: the input is a file. One that begins as an archive does is read
 * as one, and the array of its first member's name. */
#include "fuzz.h"

#include <string.h>

#include "cli/files/npy.h"
#include "cli/files/npz.h"

/* A bool takes a byte in the file and four as float; the rest is for what the C library needs to read a file. */
#define MOST_BYTES(size) (4 * (size) + 8192)

/* Deflate makes up to 1032 bytes of one; the rest is for the end of the archive, and for what zlib needs. */
#define MOST_BYTES_UNPACKED(size) (4 * 1032 * (size) + 131072)
#define LOCAL_BYTES 30
#define ENDING ".npy"

/* NULL: the input is no archive, or its first name is too long or has another ending. */
static const char *first_array(const uint8_t *data, size_t size, char name[64]) {
  const size_t ending = sizeof ENDING - 1;
  if (size < LOCAL_BYTES || memcmp(data, "PK\3\4", 4) != 0) return NULL;
  const size_t length = data[26] | (size_t)data[27] << 8;
  if (length < ending || length - ending >= 64 || length > size - LOCAL_BYTES) return NULL;
  memcpy(name, data + LOCAL_BYTES, length - ending);
  name[length - ending] = '\0';
  return name;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  array a;
  char message[256] = "", name[64];
  const char *path = fuzz_file(data, size), *wanted = first_array(data, size, name);
  fuzz_limit_allocations(wanted != NULL ? MOST_BYTES_UNPACKED(size) : MOST_BYTES(size));
  const file_status status = wanted != NULL ? npz_read(path, wanted, &a, message, sizeof message)
                                            : npy_read(path, &a, message, sizeof message);
  fuzz_limit_allocations(SIZE_MAX);
  fuzz_judge_array(&a, status, message);
  array_free(&a);
  return 0;
}
