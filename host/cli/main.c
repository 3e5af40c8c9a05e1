/* The program: finds the command and calls it. */
#include "cli/command.h"
#include "explain/examples.h"
#include "base/hash.h"
#include "cli/options/option_values.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"
#include "cli/files/user_files.h"
#include "cli/report/json_values.h"
#include "cli/report/terminal.h"

static const struct {
  const char *name;
  int (*run)(int argc, const char **argv);
  const char *summary;
  const char *title; /* in the usage line */
} commands[] = {
    {"run", command_run, "compute attention on a device and check it against the reference", "clattn run"},
    {"explain", command_explain, "walk through attention with numbers read back from the device", "clattn explain"},
    {"model", command_model, "walk through the attention of a layer of a model from its checkpoint", "clattn model"},
    {"ladder", command_ladder, "check, time and predict every rung of the kernels on a device", "clattn ladder"},
    {"exercise", command_exercise, "fill in a part of a real kernel and learn what is wrong with it",
     "clattn exercise"},
    {"compare", command_compare, "time a problem on every device and on the CPU: who is ahead from which length on?",
     "clattn compare"},
    {"tune", command_tune, "find the fastest kernels and tile sizes for a device and keep them", "clattn tune"},
    {"doctor", command_doctor, "find what is wrong with OpenCL here and run the kernels' self-tests", "clattn doctor"},
    {"devices", command_devices, "list the devices, their limits and the kernels they can run", "clattn devices"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

void complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  progress_clear();
  fputs("clattn: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

int complain_of(const clattn_error *error) {
  complain("%s", error->message);
  switch (error->status) {
  case CLATTN_INVALID_ARGUMENT:
  case CLATTN_INVALID_PROBLEM:
  case CLATTN_UNSUPPORTED:
  case CLATTN_CACHE_FULL:
    return EXIT_BAD_INPUT;
  case CLATTN_NO_DEVICE:
    if (error->code != 0) {
      fputc('\n', stderr);
      doctor_advise(error->code, stderr);
      fputs("'clattn doctor' shows which drivers there are and which are broken.\n", stderr);
    }
    return EXIT_DEVICE_FAILED;
  default:
    return EXIT_DEVICE_FAILED;
  }
}

void warn_of_wrong_kernels(const clattn_plan *plan) {
  static uint64_t said[16]; /* hashes: each kernel is named once, however many plans reject it */
  static size_t count;
  clattn_reason reason = CLATTN_REASON_INIT;
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i) {
    if (reason.kind != CLATTN_REASON_WRONG) continue;
    const uint64_t hash = clattn_hash_add(CLATTN_HASH_START, reason.text, strlen(reason.text));
    size_t before = 0;
    while (before < count && said[before] != hash) ++before;
    if (before < count) continue;
    complain("rejected because its self-test failed: %s", reason.text);
    if (count < sizeof said / sizeof said[0]) said[count++] = hash;
  }
}

clattn_device_choice device_choice(const char *platform, const char *device) {
  if (device == NULL) device = getenv("CLATTN_DEVICE");
  if (device != NULL && device[0] == '\0') device = NULL;
  return (clattn_device_choice){.platform = platform, .device = device};
}

const char *device_type_name(clattn_device_type type) {
  static const char *const names[] = {"GPU", "accelerator", "CPU", "other"};
  return names[type];
}

const char *device_kind(const clattn_device_info *device) {
  static const char *const gpus[] = {
      [CLATTN_INTEGRATION_UNKNOWN] = "GPU", [CLATTN_DISCRETE] = "discrete GPU", [CLATTN_INTEGRATED] = "integrated GPU"};
  return device->type == CLATTN_DEVICE_GPU ? gpus[device->integration] : device_type_name(device->type);
}

static int help(FILE *to) {
  fprintf(to, "clattn %s: attention on any OpenCL device, checked against a reference\n\n", CLATTN_VERSION);
  fprintf(to, "usage: clattn COMMAND [OPTIONS]\n\n");
  for (int i = 0; i < COMMANDS; ++i) fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].summary);
  fprintf(to, "  %-9s %s\n\n", "help", "this page, or 'clattn help COMMAND' for a command's options");
  fprintf(to, "examples from four articles ('clattn run --example NAME', 'clattn explain NAME'):\n");
  for (size_t i = 0; i < clattn_example_count(); ++i) {
    char source[EXAMPLE_SOURCE];
    fprintf(to, "  %-18s %s\n", clattn_example_at(i)->name, clattn_example_source(clattn_example_at(i), source));
  }
  fprintf(to,
          "\nenvironment:\n"
          "  CLATTN_DEVICE      the device when --device is not given: index, part of its name, or kind\n"
          "  CLATTN_TUNING_FILE the tuning record when --file is not given; empty: none\n"
          "  CLATTN_PROGRAM_DIR folder for compiled programs, if the driver keeps none; empty: nowhere\n"
          "  CLATTN_KERNEL_DIR  folder whose kernel files replace the built-in ones\n"
          "  NO_COLOR           no colour, not even on a terminal\n\n"
          "exit codes: 0 passed, 1 a result is wrong, 2 bad input (or no memory for it), 3 no device or it failed\n");
  return EXIT_PASSED;
}

static int dispatch(int argc, const char **argv) {
  if (strcmp(argv[0], "try") == 0) return command_try(argc, argv);
  for (int i = 0; i < COMMANDS; ++i)
    if (strcmp(argv[0], commands[i].name) == 0) {
      if (!options_are_once(argc, argv) || !options_are_current(argc, argv)) return EXIT_BAD_INPUT;
      argv[0] = commands[i].title;
      return commands[i].run(argc, argv);
    }
  char names[128] = "";
  for (int i = 0; i < COMMANDS; ++i) {
    const size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s, ", commands[i].name);
  }
  complain("unknown command '%s' (allowed: %shelp)", argv[0], names);
  return EXIT_BAD_INPUT;
}

static int help_on(const char *command) {
  const char *argv[] = {command, "--help"};
  return strcmp(command, "help") == 0 ? help(stdout) : dispatch(2, argv);
}

static int run_command(int argc, const char **argv) {
  if (argc < 2) {
    help(stderr);
    return EXIT_BAD_INPUT;
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("clattn %s\n", CLATTN_VERSION);
    return EXIT_PASSED;
  }
  if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
    return argc > 2 ? help_on(argv[2]) : help(stdout);
  return dispatch(argc - 1, argv + 1);
}

int main(int argc, char **argv) {
  json_watch_memory();
  set_own_program(argv[0]);
  const int code = run_command(argc, (const char **)argv);
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  complain("cannot write to standard output");
  return code == EXIT_PASSED ? EXIT_BAD_INPUT : code;
}
