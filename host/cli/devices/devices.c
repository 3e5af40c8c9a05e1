/* `clattn devices`: lists the devices, their limits and the kernels they can run. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/devices/open.h"
#include "cli/options/read_options.h"
#include "cli/report/terminal.h"

static void print_limits(const clattn_device_info *d) {
  printf("    version         %s, driver %s, %s\n", d->version, d->driver_version, d->c_version);
  printf("    compute units   %u at %u MHz, native float vector width %u\n", d->compute_units, d->clock_mhz,
         d->native_float_width);
  printf("    memory          %.1f GiB global, %.1f GiB in one buffer, %llu KiB local\n",
         (double)d->global_memory_bytes / 1073741824.0, (double)d->max_allocation_bytes / 1073741824.0,
         (unsigned long long)d->local_memory_bytes / 1024);
  printf("    work-group      up to %llu work-items, %llu x %llu x %llu\n", (unsigned long long)d->max_work_group,
         (unsigned long long)d->max_work_item_sizes[0], (unsigned long long)d->max_work_item_sizes[1],
         (unsigned long long)d->max_work_item_sizes[2]);
  printf("    extensions      %s\n", d->extensions[0] != '\0' ? d->extensions : "none that clattn uses");
}

static void print_kernels(const clattn_device_info *d) {
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_error error;
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) {
    const clattn_stage kernels = clattn_stage_kernels((clattn_stage)stage);
    printf("    %-15s", clattn_stage_name((clattn_stage)stage));
    if ((int)kernels != stage) printf(" as %s", clattn_stage_name(kernels));
    for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i) {
      if ((int)kernel.stage != stage || clattn_kernel_supported(i, d, NULL) != CLATTN_OK) continue;
      if (kernel.rung > 0) printf(" %d", kernel.rung);
      printf(" %s", kernel.name);
    }
    putchar('\n');
  }
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i)
    if (clattn_kernel_supported(i, d, &error) != CLATTN_OK)
      printf("    not %s=%s: %s\n", clattn_stage_name(kernel.stage), kernel.name, error.message);
}

static void print_device(size_t index, const clattn_device_info *d) {
  printf("%s[%zu] %s%s\n", style(BOLD), index, d->name, style(PLAIN));
  printf("    type            %s, %s\n", device_kind(d), d->vendor);
  printf("    platform        [%u] %s\n", d->platform_index, d->platform);
  print_limits(d);
  print_kernels(d);
}

static int print_devices(const char *platform, const char *device) {
  const clattn_device_choice choice = device_choice(platform, device);
  clattn_device_list *list = NULL;
  clattn_error error;
  if (list_devices(&choice, &list, &error) != CLATTN_OK) return complain_of(&error);
  for (size_t i = 0; i < clattn_device_list_count(list); ++i) {
    const clattn_device_info *info = clattn_device_list_info(list, i);
    if (i > 0) putchar('\n');
    print_device(info->index, info);
  }
  clattn_device_list_destroy(list);
  return EXIT_PASSED;
}

int command_devices(int argc, const char **argv) {
  char *device = NULL, *platform = NULL;
  const struct poptOption options[] = {DEVICE_OPTIONS(&device, &platform, "all"), HELP_OPTION, POPT_TABLEEND};
  poptContext context = open_options(argc, argv, options, NULL);
  int result = read_options(context, "devices");
  if (result == GO_ON) result = print_devices(platform, device);
  poptFreeContext(context);
  free(device);
  free(platform);
  return result;
}
