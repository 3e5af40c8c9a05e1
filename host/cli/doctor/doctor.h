/* The parts of `clattn doctor`. */
#ifndef CLATTN_CLI_DOCTOR_H
#define CLATTN_CLI_DOCTOR_H

#include "clattn.h"

/* What the loader goes by: its file, and each vendor's .icd file with what is wrong with it. */
void doctor_loader(void);

/* Variables and folders that decide what OpenCL and clattn do here. */
void doctor_surroundings(void);

/* A code by number or name, in words, and what to do. Returns the exit code. */
int doctor_code(const char *text);

/* What a failure with this code means; NULL where there is nothing to say. */
const char *doctor_words(int code);

/* Every kernel of the catalogue, asked; counts those that are wrong although plans would choose them. Returns -1, or
 * the exit code, after a complaint. */
int doctor_kernels(clattn_device *device, size_t *wrong);

#endif
