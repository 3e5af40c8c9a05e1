/* What the fuzz targets share: a file of the fuzzer's bytes, a limit on what may be allocated for it, and what must
 * hold of every result. A check that fails stops the fuzzer, which then keeps the input. */
#ifndef CLATTN_TESTS_FUZZ_H
#define CLATTN_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "cli/files/array.h"

/* libFuzzer calls it with every input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) fuzz_require(condition, #condition)
void fuzz_require(bool condition, const char *text);

/* The path of a regular file with these bytes, and no others, until the next call. It is in memory. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* From here on an allocation of more bytes stops the fuzzer; SIZE_MAX: none does. A reader that believes a size before
 * it looked at the file's own shows so. */
void fuzz_limit_allocations(size_t bytes);

/* Of a reader's outcome: an array with its shape, all of it readable, or a message and nothing else. */
void fuzz_judge_array(const array *a, file_status status, const char *message);

#endif
