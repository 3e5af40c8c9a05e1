/* The parts of `clattn doctor`. */
#ifndef CLATTN_CLI_DOCTOR_H
#define CLATTN_CLI_DOCTOR_H

#include <stdbool.h>
#include <stdio.h>

#include "clattn_inspect.h"

/* Prints the loader, and each .icd file with the response of its driver within `seconds`. False
 * after a complaint if a driver crashes or hangs: then the loader must not be used. *pocl:
 * whether PoCL is among them. */
bool doctor_loader(unsigned seconds, bool *pocl);

/* Prints variables and folders that affect OpenCL and clattn. */
void doctor_surroundings(bool pocl);

/* Explains a code, given by number or name, and what to do. Returns the exit code. */
int doctor_code(const char *text);

/* What this code means; NULL if it is unknown. */
const char *doctor_words(int code);

/* Prints what may help if no device was found and the driver or loader returned this code. */
void doctor_advise(int code, FILE *to);

/* Prints the matrix unit for each type of operand, after a test of it. */
void doctor_matrix(clattn_device *device);

/* Runs the self-test of every kernel in the catalogue. Adds to *wrong those that failed although
 * plans would choose them. Returns GO_ON, or the exit code after a complaint. */
int doctor_kernels(clattn_device *device, size_t *wrong);

#endif
