/* The store of compiled programs: files are found again, and damaged, foreign and unwritable ones
 * are handled. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device/device.h"
#include "programs/program.h"
#include "programs/program_file.h"
#include "programs/program_store.h"
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

/* Changes each byte of the file, cuts the file at each length, and extends it. */
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

/* A program too large for the reader is not written; its bytes are not even read. */
static void too_large(void **state) {
  (void)state;
  const size_t most = (size_t)256 << 20;
  remove(FILE_PATH);
  assert_true(clattn_program_file_write(FILE_PATH, FILE_KEY, (const unsigned char *)"", most) > 0);
  assert_true(clattn_program_file_write(FILE_PATH, FILE_KEY, (const unsigned char *)"", SIZE_MAX) > 0);
  assert_int_equal(state_of(FILE_KEY), CLATTN_PROGRAM_FILE_MISSING);
}

/* Two writers of one file, with contents of different sizes: a reader must see one or the other,
 * complete. */
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

/* Opens the device again, with the name of a platform that keeps no programs. */
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
  clattn_plan_options options = SUPPORT_STAGED;
  options.pipeline = CLATTN_PIPELINE_FUSED; /* a plan with one program */
  options.kernels = "fused=online";
  options.program_dir = folder;
  return options;
}

/* Where the plan's program came from. */
static void origin_of(clattn_device *device, const clattn_plan_options *options, char *origin, size_t size) {
  const clattn_problem p = small();
  clattn_plan *plan = NULL;
  clattn_reason reason = CLATTN_REASON_INIT;
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

/* The same on a newly opened device, which only knows what is stored. */
static void origin_anew(const clattn_plan_options *options, char *origin, size_t size) {
  clattn_device *device = forgetful();
  origin_of(device, options, origin, size);
  clattn_device_close(device);
}

static void expect_anew(const char *folder, const char *begin, const char *end) {
  char origin[1024];
  const clattn_plan_options options = with_store(folder);
  origin_anew(&options, origin, sizeof origin);
  expect(origin, begin, end);
}

static void expect_no_store(const char *folder) {
  char origin[1024];
  const clattn_plan_options options = with_store(folder);
  origin_anew(&options, origin, sizeof origin);
  assert_string_equal(origin, "built");
}

#define BUILT "built, stored as "
#define FOUND "from the store, "
#define USELESS ".program, replacing a useless file"

/* Makes sure that the plan's program is stored, and finds its file. */
static void find_stored(const clattn_plan_options *options, char *path, size_t size) {
  char origin[1024];
  origin_anew(options, origin, sizeof origin); /* replaces a file left by an earlier run */
  origin_anew(options, origin, sizeof origin);
  expect(origin, FOUND, ".program");
  snprintf(path, size, "%s/%s", FOLDER, origin + strlen(FOUND));
}

static const char *stored_path(void) {
  static char path[1024];
  const clattn_plan_options options = with_store(FOLDER);
  find_stored(&options, path, sizeof path);
  return path;
}

/* The parts of a complete file of the store; free both. */
typedef struct parts {
  unsigned char *all;
  const char *key;
  const unsigned char *bytes;
  size_t size; /* of the bytes */
} parts;

static parts take_apart(const char *path) {
  size_t size = 0;
  parts p = {.all = read_file(path, &size)};
  char *key = strchr((char *)p.all, '\n') + 1, *end = strstr(key, "\n\n");
  p.key = key;
  p.bytes = (const unsigned char *)end + 2;
  p.size = size - (size_t)(p.bytes - p.all);
  while (*--end != '\n')
    ;
  *end = '\0';
  return p;
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

  free(good);

  /* Complete files with wrong contents: foreign bytes, and a binary that the driver rejects. */
  const unsigned char nothing[] = "no program at all";
  assert_int_equal(clattn_program_file_write(path, "another key", nothing, sizeof nothing), 0);
  expect_anew(FOLDER, BUILT, USELESS);
  const parts p = take_apart(path);
  assert_int_equal(clattn_program_file_write(path, p.key, nothing, sizeof nothing), 0);
  expect_anew(FOLDER, BUILT, USELESS);
  expect_anew(FOLDER, FOUND, ".program");
  free(p.all);
}

/* The binary of a kernel file that is built separately. */
static parts build_alone(const char *file, const char *function) {
  char origin[CLATTN_ORIGIN_TEXT], path[1024];
  cl_kernel kernel = NULL;
  clattn_error error;
  const clattn_program_source source = {
      .file = file, .options = "-cl-std=CL1.2 -DHEAD_DIM=8 -DVALUE_DIM=8", .store = FOLDER, .kernels = {function}};
  for (int i = 0; i < 2; ++i) {
    clattn_device *device = forgetful();
    assert_ok(clattn_kernel_build(device, &source, function, origin, NULL, &kernel, &error), &error);
    clReleaseKernel(kernel);
    clattn_device_close(device);
  }
  expect(origin, FOUND, ".program");
  snprintf(path, sizeof path, "%s/%s", FOLDER, origin + strlen(FOUND));
  return take_apart(path);
}

/* The driver accepts the stored binary, but it comes from another kernel file: its kernel is
 * missing, or the post-processing kernel is. */
static void other_kernels(void **state) {
  (void)state;
  static const struct {
    const char *kernels, *file, *function;
  } cases[] = {{"fused=online", "softmax/1_naive.cl", "softmax"}, {"fused=split", "fused/2_online.cl", "fused"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    char path[1024], origin[1024];
    clattn_plan_options options = with_store(FOLDER);
    options.kernels = cases[i].kernels;
    find_stored(&options, path, sizeof path);
    const parts right = take_apart(path), wrong = build_alone(cases[i].file, cases[i].function);
    assert_int_equal(clattn_program_file_write(path, right.key, wrong.bytes, wrong.size), 0);
    origin_anew(&options, origin, sizeof origin);
    expect(origin, BUILT, USELESS);
    origin_anew(&options, origin, sizeof origin);
    expect(origin, FOUND, ".program");
    free(right.all);
    free(wrong.all);
  }
}

/* Another driver, device, option or text leads to another file. */
static void places(void **state) {
  (void)state;
  clattn_device *device = forgetful();
  clattn_stored first, other;
  assert_true(clattn_store_place(&first, device, FOLDER, "-DA=1", "text", "program"));
  assert_true(clattn_store_place(&other, device, FOLDER, "-DA=1", "text", "program"));
  assert_string_equal(first.path, other.path);
  assert_true(clattn_store_place(&other, device, FOLDER, "-DA=2", "text", "program"));
  assert_string_not_equal(first.name, other.name);
  assert_true(clattn_store_place(&other, device, FOLDER, "-DA=1", "texT", "program"));
  assert_string_not_equal(first.name, other.name);
  char *const texts[] = {device->info.platform, device->info.name, device->info.vendor, device->info.version,
                         device->info.driver_version};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
    texts[i][0] ^= 1;
    assert_true(clattn_store_place(&other, device, FOLDER, "-DA=1", "text", "program"));
    assert_string_not_equal(first.name, other.name);
    texts[i][0] ^= 1;
  }
  uint32_t *const numbers[] = {&device->info.compute_units, &device->info.native_float_width, &device->address_bits};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
    ++*numbers[i];
    assert_true(clattn_store_place(&other, device, FOLDER, "-DA=1", "text", "program"));
    assert_string_not_equal(first.name, other.name);
    --*numbers[i];
  }
  assert_true(clattn_store_place(&other, device, FOLDER, "-DA=1", "text", "program"));
  assert_string_equal(first.path, other.path);
  char long_path[5000];
  memset(long_path, 'a', sizeof long_path - 1);
  long_path[sizeof long_path - 1] = '\0';
  assert_false(clattn_store_place(&other, device, long_path, "-DA=1", "text", "program"));
  clattn_device_close(device);
  expect_anew(long_path, "built, not stored: ", "too long");
}

/* The plan is still created. */
static void no_folder(void **state) {
  (void)state;
  const char *path = stored_path();
  char below[1100];
  snprintf(below, sizeof below, "%s/below", path);
  expect_anew(path, "built, not stored: Not a directory (", ")");
  expect_anew(below, "built, not stored: Not a directory (", ")");
  expect_no_store("");
  expect_no_store(NULL);
}

/* Files that others may have written are not executed, and nothing is stored. */
static void others_folder(void **state) {
  (void)state;
  static const mode_t modes[] = {0770, 0720, 0707, 0702};
  stored_path();
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; ++i) {
    assert_int_equal(chmod(FOLDER, modes[i]), 0);
    expect_anew(FOLDER, "built, not stored: others may write to the folder (", ")");
  }
  assert_int_equal(chmod(FOLDER, 0755), 0);
  expect_anew(FOLDER, FOUND, ".program");
  assert_int_equal(chmod(FOLDER, 0700), 0);
  if (chown(FOLDER, geteuid() + 1, (gid_t)-1) != 0) return; /* only root can do that */
  expect_anew(FOLDER, "built, not stored: others may write to the folder (", ")");
  assert_int_equal(chown(FOLDER, geteuid(), (gid_t)-1), 0);
  expect_anew(FOLDER, FOUND, ".program");
}

/* Kernels from a folder, and drivers that keep programs themselves. */
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
      cmocka_unit_test(file_round_trip),  cmocka_unit_test(damaged_files), cmocka_unit_test(other_keys),
      cmocka_unit_test(too_large),        cmocka_unit_test(at_once),       cmocka_unit_test(keepers),
      cmocka_unit_test(store_round_trip), cmocka_unit_test(useless_files), cmocka_unit_test(other_kernels),
      cmocka_unit_test(places),           cmocka_unit_test(no_folder),     cmocka_unit_test(others_folder),
      cmocka_unit_test(store_not_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
