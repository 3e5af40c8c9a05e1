/* How a kernel that crashes the program is reported: by the signal and by the last thing that was
 * printed. */
#include <signal.h>
#include <string.h>

#include "cli/exercise/crash.h"
#include "support.h"

/* What crash_print writes; valid until the next call. */
static const char *printed(int number, const char *said) {
  static char text[4096];
  FILE *from = tmpfile(), *to = tmpfile();
  assert_non_null(from);
  assert_non_null(to);
  fputs(said, from);
  crash_print(number, from, to);
  rewind(to);
  text[fread(text, 1, sizeof text - 1, to)] = '\0';
  fclose(from);
  fclose(to);
  return text;
}

static void assert_printed(int number, const char *said, const char *wanted) {
  const char *text = printed(number, said);
  if (strstr(text, wanted) == NULL) fail_msg("signal %d, '%s': '%s' is not in\n%s", number, said, wanted, text);
}

static void malloc_speaks_of_spoilt_memory(void **state) {
  (void)state;
  static const char *const words[] = {"corrupted size vs. prev_size\n",
                                      "invalid fastbin entry (free)\n",
                                      "double free or corruption (!prev)\n",
                                      "malloc(): unsorted double linked\n",
                                      "free(): invalid pointer\n",
                                      "munmap_chunk(): invalid pointer\n",
                                      "Fatal glibc error: malloc assertion failure in _int_malloc: size >= nb\n"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i) {
    assert_printed(SIGABRT, words[i], "written beyond the end of an array");
    assert_printed(SIGABRT, words[i], "said     ");
  }
}

/* The way in which PoCL 3.1 aborts at a barrier reached through a goto. */
static void a_driver_that_gives_up_is_no_wrong_index(void **state) {
  (void)state;
  static const char *const assertion =
      "### dumped CFG to project.dot\n"
      "clattn: ParallelRegion.cc:399: bool pocl::ParallelRegion::Verify(): Assertion `0 && \"free edges\"' failed.\n"
      "2 warnings generated.\n\n";
  assert_printed(SIGABRT, assertion, "the driver itself gave up while it compiled or ran this kernel");
  assert_printed(SIGABRT, assertion, "said     clattn: ParallelRegion.cc:399");
  assert_printed(SIGABRT, "", "the driver itself gave up while it compiled or ran this kernel");
  assert_null(strstr(printed(SIGABRT, assertion), "array"));
  assert_null(strstr(printed(SIGABRT, "1 warning generated.\n"), "said"));
}

static void every_signal_has_its_words(void **state) {
  (void)state;
  assert_printed(SIGSEGV, "", "reads or writes beyond the end of an array");
  assert_printed(SIGFPE, "", "divides an integer by 0");
  assert_printed(SIGILL, "", "the code cannot be right");
  assert_printed(SIGTERM, "", "the cause of this signal is unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(malloc_speaks_of_spoilt_memory),
      cmocka_unit_test(a_driver_that_gives_up_is_no_wrong_index),
      cmocka_unit_test(every_signal_has_its_words),
  };
  return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
