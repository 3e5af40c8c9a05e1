/* A built program's self-test result on its device: whether its kernels solved a small problem
 * correctly. */
#ifndef CLATTN_PROGRAM_ANSWER_H
#define CLATTN_PROGRAM_ANSWER_H

#include "device/device.h"

#define CLATTN_ANSWER_TEXT 256

typedef enum clattn_answer { CLATTN_ANSWER_UNKNOWN, CLATTN_ANSWER_RIGHT, CLATTN_ANSWER_WRONG } clattn_answer;

/* Looks in the folder (NULL: none) for a result that this process does not know yet. *text (NULL:
 * not wanted) says what was wrong; it remains valid until the device is closed. */
clattn_answer clattn_answer_of(const clattn_device *device, clattn_program *program, const char *folder,
                               const char **text);

/* Keeps the result for this process and in the folder. A problem with the folder is no error: the
 * next process repeats the test. */
void clattn_answer_keep(const clattn_device *device, clattn_program *program, const char *folder, clattn_answer answer,
                        const char *text);

#endif
