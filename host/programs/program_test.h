/* A built program's self-test result on its device: whether its kernels solved a small problem
 * correctly. */
#ifndef CLATTN_PROGRAM_TEST_H
#define CLATTN_PROGRAM_TEST_H

#include "device/device.h"

#define CLATTN_TEST_TEXT 256
#define CLATTN_TESTED_TYPES (CLATTN_BF16 + 1)

typedef enum clattn_program_test { CLATTN_TEST_NOT_RUN, CLATTN_TEST_PASSED, CLATTN_TEST_FAILED } clattn_program_test;

/* Results are kept by kind. */
typedef struct clattn_test_kind {
  clattn_type
      type; /* that which the kernels are told to store, by an argument; CLATTN_F32 for kernels that are told none */
  bool in_pieces; /* launches were split */
} clattn_test_kind;

/* Looks in the folder (NULL: none) for a result that this process does not know yet. *text (NULL:
 * not wanted) says what was wrong; it remains valid until the device is closed. */
clattn_program_test clattn_program_test_of(const clattn_device *device, clattn_program *program, clattn_test_kind kind,
                                           const char *folder, const char **text);

/* Keeps the result for this process and in the folder. A problem with the folder is no error: the
 * next process repeats the test. */
void clattn_program_test_keep(const clattn_device *device, clattn_program *program, clattn_test_kind kind,
                              const char *folder, clattn_program_test test, const char *text);

#endif
