/* What the commands of the program share. */
#ifndef CLATTN_CLI_COMMAND_H
#define CLATTN_CLI_COMMAND_H

#include "clattn_inspect.h"

/* Exit codes, also in the help text and README. Functions that may end the command return one of them, or GO_ON. */
enum { GO_ON = -1, EXIT_PASSED = 0, EXIT_CHECK_FAILED = 1, EXIT_BAD_INPUT = 2, EXIT_DEVICE_FAILED = 3 };

/* popt's own --help would leave the program at once, and a full disk unnoticed. */
enum { OPTION_HELP = 'h' };
#define HELP_OPTION                                                                                                    \
  { "help", 'h', POPT_ARG_NONE, NULL, OPTION_HELP, "show this page", NULL }

/* argv[0] is the command's name. Returns the exit code. */
int command_run(int argc, const char **argv);
int command_tune(int argc, const char **argv);
int command_ladder(int argc, const char **argv);
int command_exercise(int argc, const char **argv);
int command_compare(int argc, const char **argv);
int command_explain(int argc, const char **argv);
int command_devices(int argc, const char **argv);
int command_doctor(int argc, const char **argv);

/* "clattn: " and the message on standard error, with a line break. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void complain(const char *format, ...);

/* Complains of a library call and returns the exit code that fits; says what may help when there is no device. */
int complain_of(const clattn_error *error);

/* Warns of kernels that the plan has passed over because their answers are wrong on this device. */
void warn_of_wrong_kernels(const clattn_plan *plan);

/* "GPU", "accelerator", ... */
const char *device_type_name(clattn_device_type type);

/* Likewise, and of a GPU "discrete GPU" or "integrated GPU", where that is known. */
const char *device_kind(const clattn_device_info *device);

/* --device and --platform as given, else CLATTN_DEVICE, else any. */
clattn_device_choice device_choice(const char *platform, const char *device);

#endif
