/* What is known of a built program on its device: whether its kernels gave the right answer to a small problem. */
#ifndef CLATTN_PROGRAM_ANSWER_H
#define CLATTN_PROGRAM_ANSWER_H

#include "device/device.h"

#define CLATTN_ANSWER_TEXT 256

typedef enum clattn_answer { CLATTN_ANSWER_UNKNOWN, CLATTN_ANSWER_RIGHT, CLATTN_ANSWER_WRONG } clattn_answer;

/* What this process does not know yet is looked up in the folder (NULL: none). *text (NULL: not wanted) says what was
 * wrong, and lives as long as the device is open. */
clattn_answer clattn_answer_of(const clattn_device *device, clattn_program *program, const char *folder,
                               const char **text);

/* Keeps it, for this process and in the folder. No trouble with the folder is an error: the next process asks again. */
void clattn_answer_keep(const clattn_device *device, clattn_program *program, const char *folder, clattn_answer answer,
                        const char *text);

#endif
