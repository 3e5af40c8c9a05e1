/* Fuzzes the reader of .safetensors files: the input is a file, and what stands between its first quotes is the name of
 * the tensor to read, which in most files is one. */
#include "fuzz.h"

#include <string.h>

#include "cli/files/safetensors.h"

/* jansson doubles its lists as they grow: two bytes of "[1,1,1" become up to 16. The rest is for what the C library
 * needs to read a file, and for jansson's smallest table. */
#define MOST_BYTES(size) (8 * (size) + 8192)
#define LENGTH_BYTES 8

/* NULL: there are no quotes, or too much between them. */
static const char *first_name(const uint8_t *data, size_t size, char *name, size_t name_size) {
  if (size < LENGTH_BYTES) return NULL;
  const uint8_t *begin = memchr(data + LENGTH_BYTES, '"', size - LENGTH_BYTES);
  if (begin == NULL) return NULL;
  ++begin;
  const uint8_t *end = memchr(begin, '"', size - (size_t)(begin - data));
  if (end == NULL || (size_t)(end - begin) >= name_size) return NULL;
  memcpy(name, begin, (size_t)(end - begin));
  name[end - begin] = '\0';
  return name;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  array a;
  char message[256] = "", name[64];
  const char *path = fuzz_file(data, size), *wanted = first_name(data, size, name, sizeof name);
  fuzz_limit_allocations(MOST_BYTES(size));
  const file_status status = safetensors_read(path, wanted, &a, message, sizeof message);
  fuzz_limit_allocations(SIZE_MAX);
  fuzz_judge_array(&a, status, message);
  array_free(&a);
  return 0;
}
