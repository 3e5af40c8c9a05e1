/* The parts of `clattn doctor`. */
#ifndef CLATTN_CLI_DOCTOR_H
#define CLATTN_CLI_DOCTOR_H

#include <stdbool.h>
#include <stdio.h>

#include "clattn_inspect.h"

/* What the loader goes by: its file, and each vendor's .icd file with what its driver answers within `seconds`. False
 * after a complaint where one ends this process or never answers: the loader must not be used. *pocl: PoCL is there. */
bool doctor_loader(unsigned seconds, bool *pocl);

/* Variables and folders that decide what OpenCL and clattn do here. */
void doctor_surroundings(bool pocl);

/* A code by number or name, in words, and what to do. Returns the exit code. */
int doctor_code(const char *text);

/* What a failure with this code means; NULL where there is nothing to say. */
const char *doctor_words(int code);

/* What may help where no device was found, and the driver or loader answered with this code; several lines. */
void doctor_advise(int code, FILE *to);

/* Every kernel of the catalogue, asked; counts those that are wrong although plans would choose them. Returns GO_ON, or
 * the exit code, after a complaint. */
int doctor_kernels(clattn_device *device, size_t *wrong);

#endif
