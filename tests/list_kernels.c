/* Prints lists of kernels for scripts, one choice on a line, as `clattn run --kernel` takes it.
 *
 * usage: list_kernels staged|fused planned|small|turned TARGET ...     targets are any, cpu, gpu */
#include <stdio.h>
#include <string.h>

#include "kernel_lists.h"

static char **targets;

static bool has_target(const clattn_kernel *row) {
  for (char **target = targets; *target != NULL; ++target)
    if (strcmp(*target, clattn_target_name(row->target)) == 0) return kernel_is_ours(row);
  return false;
}

int main(int argc, char **argv) {
  static const char *const sizes[] = {"planned", "small", "turned"};
  char text[KERNEL_LIST_TEXT];
  kernel_filter filter = {.wanted = has_target};
  bool known = false;
  for (int i = 0; i < 3 && argc > 3; ++i)
    if (strcmp(argv[2], sizes[i]) == 0) {
      filter.sizes = (kernel_sizes)i;
      known = true;
    }
  if (!known || (strcmp(argv[1], "staged") != 0 && strcmp(argv[1], "fused") != 0)) {
    fputs("usage: list_kernels staged|fused planned|small|turned TARGET ...\n", stderr);
    return 2;
  }
  const bool staged = strcmp(argv[1], "staged") == 0;
  targets = argv + 3;
  for (size_t n = 0;
       staged ? kernel_list_staged(n, &filter, text) : kernel_list_stage(CLATTN_STAGE_FUSED, n, &filter, text); ++n)
    puts(text);
  return 0;
}
