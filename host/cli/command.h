/* What the commands share. */
#ifndef CLATTN_CLI_COMMAND_H
#define CLATTN_CLI_COMMAND_H

#include "base/printf.h"
#include "clattn_inspect.h"

/* Exit codes, also in the help text and README. Functions that may end the command return one of them, or GO_ON. */
enum { GO_ON = -1, EXIT_PASSED = 0, EXIT_CHECK_FAILED = 1, EXIT_BAD_INPUT = 2, EXIT_DEVICE_FAILED = 3 };

/* popt's own --help exits at once, so that main could not report a full disk. */
enum { OPTION_HELP = 'h' };
#define HELP_OPTION                                                                                                    \
  { "help", 'h', POPT_ARG_NONE, NULL, OPTION_HELP, "show this page", NULL }

/* --device and --platform of a command, one after the other in its table. `otherwise`: what the
 * help page says is used without --device. */
#define DEVICE_HELP(otherwise)                                                                                         \
  "index, part of the name, or kind: gpu, discrete, integrated, cpu, accelerator (CLATTN_DEVICE, else " otherwise ")"
#define PLATFORM_HELP "index or part of the name"
#define DEVICE_OPTIONS(device, platform, otherwise)                                                                    \
  {"device", 0, POPT_ARG_STRING, device, 0, DEVICE_HELP(otherwise), "D"}, {                                            \
    "platform", 0, POPT_ARG_STRING, platform, 0, PLATFORM_HELP, "P"                                                    \
  }

/* argv[0] is the command's name. Returns the exit code. */
int command_run(int argc, const char **argv);
int command_tune(int argc, const char **argv);
int command_ladder(int argc, const char **argv);
int command_exercise(int argc, const char **argv);
int command_compare(int argc, const char **argv);
int command_explain(int argc, const char **argv);
int command_devices(int argc, const char **argv);
int command_doctor(int argc, const char **argv);
int command_model(int argc, const char **argv);

/* What the library starts as clattn_plan_options.try_program; not for users. */
int command_try(int argc, const char **argv);

/* Prints "clattn: ", the message and a line break to standard error. */
void complain(const char *format, ...) CLATTN_PRINTF(1, 2);

/* Prints the error of a library call, with advice when there is no device. Returns the exit
 * code. */
int complain_of(const clattn_error *error);

/* Warns of kernels that the plan rejected because their self-tests failed on this device. */
void warn_of_wrong_kernels(const clattn_plan *plan);

/* "GPU", "accelerator", ... */
const char *device_type_name(clattn_device_type type);

/* The same, but "discrete GPU" or "integrated GPU" for a GPU where that is known. */
const char *device_kind(const clattn_device_info *device);

/* The device that the options name, else CLATTN_DEVICE, else any. */
clattn_device_choice device_choice(const char *platform, const char *device);

#endif
