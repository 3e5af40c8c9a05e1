/* `clattn doctor`: which OpenCL drivers and devices there are, what is wrong with them, and
 * whether each kernel passes its self-test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/doctor/doctor.h"
#include "cli/options/read_options.h"
#include "cli/report/terminal.h"

static void print_device(const clattn_device_info *d) {
  printf("\n%s[%u] %s%s\n", style(BOLD), d->index, d->name, style(PLAIN));
  printf("    %s, %s, platform [%u] %s\n    %s, driver %s, %s\n", device_kind(d), d->vendor, d->platform_index,
         d->platform, d->version, d->driver_version, d->c_version);
  printf(
      "    %u compute units; %.1f GiB of memory, %.1f GiB in one buffer, %llu KiB local; work-groups of up to %llu\n",
      d->compute_units, (double)d->global_memory_bytes / 1073741824.0, (double)d->max_allocation_bytes / 1073741824.0,
      (unsigned long long)d->local_memory_bytes / 1024, (unsigned long long)d->max_work_group);
}

static int ask_device(const clattn_device_list *list, size_t i, size_t *wrong) {
  clattn_device *device = NULL;
  clattn_error error;
  print_device(clattn_device_list_info(list, i));
  if (clattn_device_list_open(list, i, &device, &error) != CLATTN_OK) {
    const char *words = doctor_words(error.code);
    const int code = complain_of(&error);
    if (words != NULL) fprintf(stderr, "%s\n", words);
    return code;
  }
  doctor_matrix(device);
  const int code = doctor_kernels(device, wrong);
  clattn_device_close(device);
  return code;
}

static int no_device(const clattn_error *error) {
  printf("\n%sno device%s: %s\n", style(RED), style(PLAIN), error->message);
  if (error->code != 0) doctor_advise(error->code, stdout);
  complain("%s", error->message);
  return EXIT_DEVICE_FAILED;
}

/* Tests all devices, also after one has failed. */
static int ask_all(const clattn_device_choice *choice) {
  clattn_device_list *list = NULL;
  clattn_error error;
  size_t wrong = 0;
  int code = EXIT_PASSED;
  if (clattn_device_list_create(choice, &list, &error) != CLATTN_OK) return no_device(&error);
  for (size_t i = 0; i < clattn_device_list_count(list); ++i) {
    const int failed = ask_device(list, i, &wrong);
    if (failed != GO_ON) code = failed;
  }
  clattn_device_list_destroy(list);
  if (code != EXIT_PASSED) return code;
  if (wrong == 0)
    puts("\nevery kernel that plans choose here passed its self-test");
  else
    printf("\n%s%zu of the kernels that plans choose here failed%s: plans reject %s and take the next one\n",
           style(RED), wrong, style(PLAIN), wrong == 1 ? "it" : "them");
  return wrong == 0 ? EXIT_PASSED : EXIT_CHECK_FAILED;
}

/* Every line is written at once, because a driver may end the process after it. */
static int examine(const char *platform, const char *device, unsigned seconds) {
  const clattn_device_choice choice = device_choice(platform, device);
  bool pocl = false;
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  const bool usable = doctor_loader(seconds, &pocl);
  doctor_surroundings(pocl);
  if (usable) return ask_all(&choice);
  puts("\nno device is tested: the loader would load every driver, also the one that does not respond. Remove\n"
       "its .icd file, or set OCL_ICD_VENDORS to a folder without it");
  return EXIT_DEVICE_FAILED;
}

int command_doctor(int argc, const char **argv) {
  char *device = NULL, *platform = NULL, *code = NULL;
  int wait = 20;
  const struct poptOption options[] = {
      DEVICE_OPTIONS(&device, &platform, "all"),
      {"code", 0, POPT_ARG_STRING, &code, 0, "explain an OpenCL error code, such as -1001 or CL_OUT_OF_RESOURCES", "C"},
      {"wait", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &wait, 0,
       "seconds that each driver has to respond, up to 3600", "S"},
      HELP_OPTION,
      POPT_TABLEEND};
  poptContext context = poptGetContext("clattn", argc, argv, options, 0);
  int result = read_options(context, "doctor");
  if (result == GO_ON && code != NULL) {
    result = doctor_code(code);
  } else if (result == GO_ON && (wait < 1 || wait > 3600)) {
    complain("--wait %d (allowed: 1 to 3600)", wait);
    result = EXIT_BAD_INPUT;
  } else if (result == GO_ON) {
    result = examine(platform, device, (unsigned)wait);
  }
  poptFreeContext(context);
  free(device);
  free(platform);
  free(code);
  return result;
}
