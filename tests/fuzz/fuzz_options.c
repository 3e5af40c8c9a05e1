/* Fuzzes what reads the arguments of the programs. The input is lines: the first says who reads, the others are the
 * arguments. No device is opened and nothing is written; --help prints its page.
 *
 * Besides the commands there are "kernels", whose second line is what --kernel takes (fuzz_kernels.c), and "file",
 * whose second line names a tensor in a file; there are no such files where this runs.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/access/options.h"
#include "cli/command.h"
#include "cli/compare/compare_options.h"
#include "cli/explain/explain_options.h"
#include "fuzz_kernels.h"
#include "cli/ladder/ladder_options.h"
#include "cli/options/option_values.h"
#include "cli/files/tensor_file.h"
#include "cli/tune/tune_options.h"

#define MOST_ARGUMENTS 64
#define MOST_BYTES(size) (64 * (size) + 65536) /* of a help page, and of tables for long words */

/* ---- what the readers call --------------------------------------------------------------------------------------- */

static int complaints;

void complain(const char *format, ...) {
  char text[2048];
  va_list values;
  va_start(values, format);
  REQUIRE(vsnprintf(text, sizeof text, format, values) > 0);
  va_end(values);
  ++complaints;
}

/* ---- who reads --------------------------------------------------------------------------------------------------- */

/* A function from the arguments to what the reader of these options returns. */
#define READER(name)                                                                                                   \
  static int read_##name(int argc, const char **argv) {                                                                \
    name##_options options;                                                                                            \
    const int result = name##_options_read(argc, argv, &options);                                                      \
    name##_options_free(&options);                                                                                     \
    return result;                                                                                                     \
  }
READER(run)
READER(explain)
READER(ladder)
READER(compare)
READER(tune)
READER(access)

static const struct {
  const char *name;
  int (*read)(int argc, const char **argv);
} readers[] = {{"run", read_run},         {"explain", read_explain}, {"ladder", read_ladder},
               {"compare", read_compare}, {"tune", read_tune},       {"access", read_access}};

/* It goes on, shows its help, or refuses with a complaint; never one without the other. */
static void read_options_of(int argc, const char **argv) {
  for (size_t i = 0; i < sizeof readers / sizeof readers[0]; ++i) {
    if (strcmp(readers[i].name, argv[0]) != 0) continue;
    const int result = options_are_once(argc, argv) ? readers[i].read(argc, argv) : EXIT_BAD_INPUT;
    REQUIRE(result == -1 || result == EXIT_PASSED || result == EXIT_BAD_INPUT);
    REQUIRE((result == EXIT_BAD_INPUT) == (complaints == 1) && complaints <= 1);
  }
}

static void read_file(const char *argument) {
  array a;
  char message[256] = "";
  if (strchr(argument, '/') != NULL) return; /* what is elsewhere on this machine is not read */
  const file_status status = tensor_file_read(argument, &a, message, sizeof message);
  REQUIRE(status != FILE_OK && message[0] != '\0' && a.data == NULL);
}

/* ---- the input --------------------------------------------------------------------------------------------------- */

/* Each line on its own, so that AddressSanitizer sees who reads beyond its end. */
static int split(const uint8_t *data, size_t size, char *line[MOST_ARGUMENTS + 1]) {
  int count = 0;
  for (size_t at = 0; at < size && count < MOST_ARGUMENTS; ++count) {
    const uint8_t *end = memchr(data + at, '\n', size - at);
    const size_t length = end == NULL ? size - at : (size_t)(end - (data + at));
    line[count] = malloc(length + 1);
    REQUIRE(line[count] != NULL);
    memcpy(line[count], data + at, length);
    line[count][length] = '\0';
    at += length + 1;
  }
  line[count] = NULL;
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *line[MOST_ARGUMENTS + 1];
  const int count = split(data, size, line);
  complaints = 0;
  fuzz_limit_allocations(MOST_BYTES(size));
  if (count == 2 && strcmp(line[0], "kernels") == 0) {
    fuzz_kernels(line[1]);
  } else if (count == 2 && strcmp(line[0], "file") == 0) {
    read_file(line[1]);
  } else if (count > 0) {
    read_options_of(count, (const char **)line);
  }
  fuzz_limit_allocations(SIZE_MAX);
  for (int i = 0; i < count; ++i) free(line[i]);
  return 0;
}
