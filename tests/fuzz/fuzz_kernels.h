/* What --kernel takes, as a part of fuzz_options.c. */
#ifndef CLATTN_TESTS_FUZZ_KERNELS_H
#define CLATTN_TESTS_FUZZ_KERNELS_H

/* Takes "scores=2:TILE=8,softmax=naive" apart as a plan does, for a device that is described but not there. What it
 * means is written down and read again: it must mean the same. */
void fuzz_kernels(const char *text);

#endif
