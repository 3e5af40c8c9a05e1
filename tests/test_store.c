/* The store of compiled programs: found again, and what is damaged, of something else, or cannot be written. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "program_file.h"
#include "program_store.h"
#include "support.h"

#define FOLDER "store/programs"

/* ---- files ------------------------------------------------------------------------------------------------------- */

#define FILE_PATH "one.program"
#define FILE_KEY "a key\nof two lines"

static unsigned char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  unsigned char *all = malloc(1 << 24);
  assert_non_null(all);
  *size = fread(all, 1, 1 << 24, file);
  fclose(file);
  return all;
}

static void write_file(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static clattn_program_file_state state_of(const char *key) {
  unsigned char *bytes = NULL;
  size_t size = 0;
  const clattn_program_file_state state = clattn_program_file_read(FILE_PATH, key, &bytes, &size);
  assert_true((bytes != NULL) == (state == CLATTN_PROGRAM_FILE_READ));
  free(bytes);
  return state;
}

static void file_round_trip(void **state) {
  (void)state;
  const unsigned char written[] = "some\0bytes\n\n\xff";
  unsigned char *bytes = NULL;
  size_t size = 0;
  remove(FILE_PATH);
  assert_int_equal(state_of(FILE_KEY), CLATTN_PROGRAM_FILE_MISSING);
  assert_int_equal(clattn_program_file_write(FILE_PATH, FILE_KEY, (const unsigned char *)"old", 3), 0);
  assert_int_equal(clattn_program_file_write(FILE_PATH, FILE_KEY, written, sizeof written), 0);
  assert_int_equal(clattn_program_file_read(FILE_PATH, FILE_KEY, &bytes, &size), CLATTN_PROGRAM_FILE_READ);
  assert_int_equal(size, sizeof written);
  assert_memory_equal(bytes, written, size);
  free(bytes);
}

/* Each byte of the file changed, the file cut at each length, and lengthened. */
static void damaged_files(void **state) {
  (void)state;
  size_t size = 0;
  assert_int_equal(clattn_program_file_write(FILE_PATH, FILE_KEY, (const unsigned char *)"0123456789", 10), 0);
  unsigned char *good = read_file(FILE_PATH, &size);
  for (size_t i = 0; i < size; ++i) {
    good[i] ^= 1;
    write_file(FILE_PATH, good, size);
    good[i] ^= 1;
    assert_int_equal(state_of(FILE_KEY), CLATTN_PROGRAM_FILE_USELESS);
    write_file(FILE_PATH, good, i);
    assert_int_equal(state_of(FILE_KEY), CLATTN_PROGRAM_FILE_USELESS);
  }
  good[size] = '0';
  write_file(FILE_PATH, good, size + 1);
  assert_int_equal(state_of(FILE_KEY), CLATTN_PROGRAM_FILE_USELESS);
  write_file(FILE_PATH, good, size);
  assert_int_equal(state_of(FILE_KEY), CLATTN_PROGRAM_FILE_READ);
  free(good);
}

static void other_keys(void **state) {
  (void)state;
  static const char *const keys[] = {"", "a key", "a key\nof two line", "a key\nof two lines ", "b key\nof two lines"};
  assert_int_equal(clattn_program_file_write(FILE_PATH, FILE_KEY, (const unsigned char *)"0123456789", 10), 0);
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; ++i)
    assert_int_equal(state_of(keys[i]), CLATTN_PROGRAM_FILE_USELESS);
}

/* Two writers of one name, whose files differ in size; a reader sees one or the other, whole. */
enum { WRITES = 200 };
static const size_t sizes[2] = {30000, 90000};

static void *write_again(void *argument) {
  const size_t size = *(const size_t *)argument;
  unsigned char *bytes = malloc(size);
  size_t failed = 0;
  if (bytes == NULL) return "no memory";
  memset(bytes, (int)(size % 251), size);
  for (int i = 0; i < WRITES; ++i) failed += clattn_program_file_write(FILE_PATH, FILE_KEY, bytes, size) != 0;
  free(bytes);
  return failed == 0 ? NULL : "a write failed";
}

static void at_once(void **state) {
  (void)state;
  pthread_t threads[2];
  size_t size = sizes[0];
  assert_null(write_again(&size));
  for (int i = 0; i < 2; ++i) {
    static size_t of[2];
    of[i] = sizes[i];
    assert_int_equal(pthread_create(&threads[i], NULL, write_again, &of[i]), 0);
  }
  for (int i = 0; i < WRITES; ++i) {
    unsigned char *bytes = NULL;
    assert_int_equal(clattn_program_file_read(FILE_PATH, FILE_KEY, &bytes, &size), CLATTN_PROGRAM_FILE_READ);
    assert_true(size == sizes[0] || size == sizes[1]);
    for (size_t b = 0; b < size; ++b) assert_int_equal(bytes[b], size % 251);
    free(bytes);
  }
  for (int i = 0; i < 2; ++i) {
    void *complaint = NULL;
    assert_int_equal(pthread_join(threads[i], &complaint), 0);
    assert_null(complaint);
  }
}

/* ---- the store --------------------------------------------------------------------------------------------------- */

static void keepers(void **state) {
  (void)state;
  assert_true(clattn_platform_keeps_programs("Portable Computing Language"));
  assert_true(clattn_platform_keeps_programs("NVIDIA CUDA"));
  assert_true(clattn_platform_keeps_programs("rusticl"));
  static const char *const others[] = {"", "Intel(R) OpenCL", "AMD Accelerated Parallel Processing", "Oclgrind"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) assert_false(clattn_platform_keeps_programs(others[i]));
}

/* A device anew, of a platform that is said to keep no programs. */
static clattn_device *forgetful(void) {
  clattn_device *device = support_device();
  strcpy(device->info.platform, "a platform without a store");
  return device;
}

static clattn_problem small(void) {
  clattn_problem p = support_problem(9, 0, 8);
  p.source = CLATTN_SOURCE_QKV;
  return p;
}

static clattn_plan_options with_store(const char *folder) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.pipeline = CLATTN_PIPELINE_FUSED; /* a plan of one program */
  options.kernels = "fused=naive";
  options.program_dir = folder;
  return options;
}

/* From where the plan's program came. */
static void origin_of(clattn_device *device, const clattn_plan_options *options, char *origin, size_t size) {
  const clattn_problem p = small();
  clattn_plan *plan = NULL;
  clattn_reason reason = {.program = NULL};
  clattn_error error;
  assert_ok(clattn_plan_create(device, &p, options, &plan, &error), &error);
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i)
    if (reason.stage == CLATTN_STAGE_FUSED && reason.kind == CLATTN_REASON_BY_HAND) break;
  assert_non_null(reason.program);
  snprintf(origin, size, "%s", reason.program);
  clattn_plan_destroy(plan);
}

static void expect(const char *origin, const char *begin, const char *end) {
  const size_t length = strlen(origin), head = strlen(begin), tail = strlen(end);
  const bool fits =
      length >= head + tail && strncmp(origin, begin, head) == 0 && strcmp(origin + length - tail, end) == 0;
  if (!fits) print_error("'%s' instead of '%s...%s'\n", origin, begin, end);
  assert_true(fits);
}

/* Of a device anew, which knows nothing but what is stored. */
static void expect_anew(const char *folder, const char *begin, const char *end) {
  char origin[1024];
  clattn_device *device = forgetful();
  const clattn_plan_options options = with_store(folder);
  origin_of(device, &options, origin, sizeof origin);
  clattn_device_close(device);
  expect(origin, begin, end);
}

#define BUILT "built, stored as "
#define FOUND "from the store, "
#define USELESS ".program in place of one of no use"

/* The plan's program is stored, and that is its file. */
static const char *stored_path(void) {
  static char path[1024];
  char origin[1024];
  expect_anew(FOLDER, "", ""); /* whatever an earlier run has left there */
  clattn_device *device = forgetful();
  const clattn_plan_options options = with_store(FOLDER);
  origin_of(device, &options, origin, sizeof origin);
  clattn_device_close(device);
  expect(origin, FOUND, ".program");
  snprintf(path, sizeof path, "%s/%s", FOLDER, origin + strlen(FOUND));
  return path;
}

static void store_round_trip(void **state) {
  (void)state;
  char origin[1024];
  const clattn_plan_options options = with_store(FOLDER);
  remove(stored_path());
  clattn_device *device = forgetful();
  origin_of(device, &options, origin, sizeof origin);
  expect(origin, BUILT, ".program");
  origin_of(device, &options, origin, sizeof origin);
  assert_string_equal(origin, "from this process");
  clattn_device_close(device);

  expect_anew(FOLDER, FOUND, ".program");
  support_case c;
  const clattn_problem p = small();
  device = forgetful();
  support_allocate(&c, &p, 5);
  const clattn_check_report report = support_run(device, &c, &options);
  assert_passed(&report, "from the store");
  support_free(&c);
  clattn_device_close(device);
}

static void useless_files(void **state) {
  (void)state;
  const char *path = stored_path();
  size_t size = 0;
  unsigned char *good = read_file(path, &size);
  good[size / 2] ^= 1;
  write_file(path, good, size);
  good[size / 2] ^= 1;
  expect_anew(FOLDER, BUILT, USELESS);
  expect_anew(FOLDER, FOUND, ".program");
  write_file(path, good, size - 1);
  expect_anew(FOLDER, BUILT, USELESS);
  write_file(path, good, 0);
  expect_anew(FOLDER, BUILT, USELESS);

  /* Whole files: of something else, and one that the driver does not take. */
  const unsigned char nothing[] = "no program at all";
  assert_int_equal(clattn_program_file_write(path, "another key", nothing, sizeof nothing), 0);
  expect_anew(FOLDER, BUILT, USELESS);
  char *key = strchr((char *)good, '\n') + 1, *end = strstr(key, "\n\n");
  while (*--end != '\n')
    ;
  *end = '\0';
  assert_int_equal(clattn_program_file_write(path, key, nothing, sizeof nothing), 0);
  expect_anew(FOLDER, BUILT, USELESS);
  expect_anew(FOLDER, FOUND, ".program");
  free(good);
}

/* Another driver, device or option, or another text: another file. */
static void places(void **state) {
  (void)state;
  clattn_device *device = forgetful();
  clattn_stored first, other;
  assert_true(clattn_store_place(&first, device, FOLDER, "-DA=1", "text"));
  assert_true(clattn_store_place(&other, device, FOLDER, "-DA=1", "text"));
  assert_string_equal(first.path, other.path);
  assert_true(clattn_store_place(&other, device, FOLDER, "-DA=2", "text"));
  assert_string_not_equal(first.name, other.name);
  assert_true(clattn_store_place(&other, device, FOLDER, "-DA=1", "texT"));
  assert_string_not_equal(first.name, other.name);
  char *const texts[] = {device->info.platform, device->info.name, device->info.version, device->info.driver_version};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
    texts[i][0] ^= 1;
    assert_true(clattn_store_place(&other, device, FOLDER, "-DA=1", "text"));
    assert_string_not_equal(first.name, other.name);
    texts[i][0] ^= 1;
  }
  char long_path[5000];
  memset(long_path, 'a', sizeof long_path - 1);
  long_path[sizeof long_path - 1] = '\0';
  assert_false(clattn_store_place(&other, device, long_path, "-DA=1", "text"));
  clattn_device_close(device);
  expect_anew(long_path, "built, not stored: ", "too long");
}

/* The plan is made all the same. */
static void no_folder(void **state) {
  (void)state;
  const char *path = stored_path();
  char below[1100];
  snprintf(below, sizeof below, "%s/below", path);
  expect_anew(path, "built, not stored: Not a directory (", ")");
  expect_anew(below, "built, not stored: Not a directory (", ")");
  expect_anew("", "built, not stored: No such file or directory (", ")");
  expect_anew(NULL, "built", "");
}

/* With kernels from a folder, and where the driver keeps programs itself. */
static void store_not_used(void **state) {
  (void)state;
  char origin[1024];
  clattn_plan_options options = with_store(FOLDER);
  clattn_device *device = forgetful();
  options.kernel_dir = CLATTN_KERNELS;
  origin_of(device, &options, origin, sizeof origin);
  assert_string_equal(origin, "built");
  clattn_device_close(device);
  device = support_device();
  strcpy(device->info.platform, "NVIDIA CUDA");
  options.kernel_dir = NULL;
  origin_of(device, &options, origin, sizeof origin);
  assert_string_equal(origin, "built, or from the driver's own store");
  clattn_device_close(device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(file_round_trip), cmocka_unit_test(damaged_files), cmocka_unit_test(other_keys),
      cmocka_unit_test(at_once),         cmocka_unit_test(keepers),       cmocka_unit_test(store_round_trip),
      cmocka_unit_test(useless_files),   cmocka_unit_test(places),        cmocka_unit_test(no_folder),
      cmocka_unit_test(store_not_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
