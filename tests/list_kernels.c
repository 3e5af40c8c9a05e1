/* Prints lists of kernels for scripts, one choice on a line, as `clattn run --kernel` takes it.
 *
 * usage: list_kernels staged|fused planned|small|turned KIND ...
 *
 * KIND is a target, any, cpu or gpu, or gpu-default: what a plan takes on a GPU. Kernels that need
 * more than local memory are left out: the simulators that scripts run them on lack it. */
#include <stdio.h>
#include <string.h>

#include "kernel_lists.h"

static char **kinds;

static bool is_of_kind(const clattn_kernel *row) {
  for (char **kind = kinds; *kind != NULL; ++kind) {
    const bool target = kernel_needs_little(row) && strcmp(*kind, clattn_target_name(row->target)) == 0;
    if (target || (strcmp(*kind, "gpu-default") == 0 && kernel_is_default_of_gpus(row))) return true;
  }
  return false;
}

static bool nth(bool staged, size_t n, const kernel_filter *filter, char text[KERNEL_LIST_TEXT]) {
  return staged ? kernel_list_staged(n, filter, text) : kernel_list_stage(CLATTN_STAGE_FUSED, n, filter, text);
}

int main(int argc, char **argv) {
  static const char *const sizes[] = {"planned", "small", "turned"};
  enum { SIZES = sizeof sizes / sizeof sizes[0] };
  char text[KERNEL_LIST_TEXT];
  int s = 0;
  while (argc > 3 && s < SIZES && strcmp(argv[2], sizes[s]) != 0) ++s;
  const bool staged = argc > 1 && strcmp(argv[1], "staged") == 0;
  if (argc < 4 || s == SIZES || (!staged && strcmp(argv[1], "fused") != 0)) {
    fputs("usage: list_kernels staged|fused planned|small|turned KIND ...\n", stderr);
    return 2;
  }
  kinds = argv + 3;
  for (size_t n = 0; nth(staged, n, &(kernel_filter){is_of_kind, (kernel_sizes)s}, text); ++n) puts(text);
  return 0;
}
