/* `clattn try FOLDER PLATFORM DEVICE DRIVER STAGE=KERNEL`: builds and tests one kernel, so that nothing else ends with
 * this process if the driver's compiler crashes. The library starts it, and finds in the folder how far it came. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

enum { FOLDER = 1, PLATFORM, DEVICE, DRIVER, KERNEL, WORDS };

static bool is_it(const clattn_device_info *info, const char **word) {
  return strcmp(info->platform, word[PLATFORM]) == 0 && strcmp(info->name, word[DEVICE]) == 0 &&
         strcmp(info->driver_version, word[DRIVER]) == 0;
}

static clattn_status open_device(const char **word, clattn_device **device, clattn_error *error) {
  clattn_device_list *list = NULL;
  clattn_status status = clattn_device_list_create(NULL, &list, error);
  if (status != CLATTN_OK) return status;
  size_t i = 0;
  while (i < clattn_device_list_count(list) && !is_it(clattn_device_list_info(list, i), word)) ++i;
  status = clattn_device_list_open(list, i, device, error);
  clattn_device_list_destroy(list);
  return status;
}

static bool find_kernel(const char *wanted, size_t *index) {
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  char text[64];
  for (*index = 0; clattn_kernel_get_info(*index, &kernel); ++*index) {
    snprintf(text, sizeof text, "%s=%s", clattn_stage_name(kernel.stage), kernel.name);
    if (strcmp(text, wanted) == 0) return true;
  }
  return false;
}

int command_try(int argc, const char **argv) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  clattn_self_test_result result = CLATTN_SELF_TEST_RESULT_INIT;
  clattn_device *device = NULL;
  clattn_error error;
  size_t index = 0;
  if (argc != WORDS || !find_kernel(argv[KERNEL], &index)) {
    complain("'try' is for the library alone; 'clattn doctor' tests every kernel");
    return EXIT_BAD_INPUT;
  }
  options.program_dir = argv[FOLDER];
  clattn_status status = open_device(argv, &device, &error);
  if (status == CLATTN_OK) status = clattn_kernel_self_test(device, index, &options, &result, &error);
  clattn_device_close(device);
  return status == CLATTN_OK ? EXIT_PASSED : complain_of(&error);
}
