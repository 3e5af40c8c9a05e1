/* Checks the learner's file of an exercise. */
#ifndef CLATTN_CLI_GRADE_H
#define CLATTN_CLI_GRADE_H

#include "cli/exercise/exercises.h"

typedef struct grade_job {
  const exercise *exercise;
  const char *folder;         /* with the learner's file */
  clattn_device_choice where; /* opened by grade(), because a device does not survive fork() */
} grade_job;

/* Runs the cases until one is wrong, and prints the results. Returns the exit code. */
int grade(void *job);

/* Prints "look at PATH:LINE"; without the line if the mark of the exercise is gone. */
void grade_print_place(const grade_job *job);

#endif
