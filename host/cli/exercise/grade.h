/* An exercise's file, put to the test. */
#ifndef CLATTN_CLI_GRADE_H
#define CLATTN_CLI_GRADE_H

#include "cli/exercise/exercises.h"

typedef struct grade_job {
  const exercise *exercise;
  const char *folder;         /* with the learner's file */
  clattn_device_choice where; /* opened here: a device does not survive fork() */
} grade_job;

/* Goes through the cases until one is wrong, and says on standard output how it went. The exit code. */
int grade(void *job);

/* "look at PATH:LINE", where the exercise's mark is still there. */
void grade_print_place(const grade_job *job);

#endif
