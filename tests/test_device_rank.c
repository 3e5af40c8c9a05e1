/* Which of several made-up devices is selected; and how texts from drivers are cleaned. */
#include <string.h>

#include "device/device_rank.h"
#include "support.h"
#include "base/text.h"

enum { MOST = 4 };

static clattn_device_info gpu(const char *vendor, clattn_integration integration, uint32_t units, uint32_t mhz) {
  clattn_device_info d = {
      .type = CLATTN_DEVICE_GPU, .integration = integration, .compute_units = units, .clock_mhz = mhz};
  strcpy(d.vendor, vendor);
  d.unit_lanes = clattn_unit_lanes(&d, 0);
  return d;
}

static size_t best_of(const clattn_device_info *devices, const double *rate, size_t count) {
  const clattn_device_info *pointers[MOST];
  for (size_t i = 0; i < count; ++i) pointers[i] = &devices[i];
  return clattn_best_device(pointers, rate, count);
}

static void discrete_comes_before_integrated(void **state) {
  (void)state;
  /* By compute units x clock, the first one would win. */
  const clattn_device_info laptop[] = {gpu("AMD", CLATTN_INTEGRATED, 40, 1150), gpu("AMD", CLATTN_DISCRETE, 16, 1300),
                                       gpu("AMD", CLATTN_INTEGRATION_UNKNOWN, 16, 1300)};
  assert_int_equal(best_of(laptop, NULL, 3), 1);
  assert_int_equal(best_of((clattn_device_info[]){laptop[0], laptop[2]}, NULL, 2), 1);
  /* Rates change nothing here, because they are compared only within a class of devices. */
  assert_int_equal(best_of(laptop, (double[]){900.0, 100.0, 500.0}, 3), 1);
}

static void types_come_first(void **state) {
  (void)state;
  clattn_device_info cpu = {.type = CLATTN_DEVICE_CPU,
                            .integration = CLATTN_INTEGRATED,
                            .compute_units = 128,
                            .clock_mhz = 4000,
                            .native_float_width = 16};
  cpu.unit_lanes = clattn_unit_lanes(&cpu, 0);
  const clattn_device_info accelerator = {.type = CLATTN_DEVICE_ACCELERATOR, .compute_units = 1, .clock_mhz = 100};
  const clattn_device_info small = gpu("Intel(R) Corporation", CLATTN_INTEGRATED, 8, 300);
  assert_int_equal(cpu.unit_lanes, 16);
  assert_int_equal(best_of((clattn_device_info[]){cpu, accelerator, small}, NULL, 3), 2);
  assert_int_equal(best_of((clattn_device_info[]){cpu, accelerator}, NULL, 2), 1);
}

static void rates_count_where_all_have_one(void **state) {
  (void)state;
  const clattn_device_info two[] = {gpu("AMD", CLATTN_DISCRETE, 60, 2000), gpu("AMD", CLATTN_DISCRETE, 20, 2000)};
  assert_int_equal(best_of(two, NULL, 2), 0);
  assert_int_equal(best_of(two, (double[]){500.0, 800.0}, 2), 1);
  assert_int_equal(best_of(two, (double[]){0.0, 800.0}, 2), 0); /* a rate is not compared with an estimate */
  assert_int_equal(best_of((clattn_device_info[]){two[1], two[1]}, NULL, 2), 0);
  const clattn_device_info three[] = {two[0], two[1], gpu("AMD", CLATTN_INTEGRATED, 2, 300)};
  assert_int_equal(best_of(three, (double[]){500.0, 800.0, 0.0}, 3), 1); /* a device of another class needs no rate */
}

static void lanes_count(void **state) {
  (void)state;
  /* 96 execution units of 8 lanes against 30 multiprocessors of 128 lanes. */
  const clattn_device_info mixed[] = {gpu("Intel(R) Corporation", CLATTN_DISCRETE, 96, 2000),
                                      gpu("NVIDIA Corporation", CLATTN_DISCRETE, 30, 1700)};
  assert_int_equal(best_of(mixed, NULL, 2), 1);
  clattn_device_info n = mixed[1];
  const struct {
    unsigned capability, lanes;
  } known[] = {{0, 128}, {35, 192}, {52, 128}, {60, 64},  {61, 128},
               {75, 64}, {80, 64},  {86, 128}, {90, 128}, {120, 128}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; ++i)
    assert_int_equal(clattn_unit_lanes(&n, known[i].capability), known[i].lanes);
  const clattn_device_info unknown[] = {gpu("Nobody", CLATTN_DISCRETE, 4, 0), gpu("Nobody", CLATTN_DISCRETE, 5, 0)};
  assert_int_equal(unknown[0].unit_lanes, 0);
  assert_int_equal(best_of(unknown, NULL, 2), 1);
}

static void widths_are_those_of_the_target(void **state) {
  (void)state;
  static const struct {
    const char *version;
    unsigned reported, width;
  } known[] = {
      {"OpenCL 3.0 PoCL HSTR: pthread-x86_64-pc-linux-gnu-haswell", 16, 8},
      {"OpenCL 3.0 PoCL HSTR: pthread-x86_64-pc-linux-gnu-athlon64", 16, 4},
      {"OpenCL 3.0 PoCL HSTR: pthread-x86_64-pc-linux-gnu-ivybridge", 4, 4}, /* never more than reported */
      {"OpenCL 3.0 PoCL HSTR: pthread-x86_64-pc-linux-gnu-skylake-avx512", 16, 16},
      {"OpenCL 3.0 PoCL HSTR: pthread-x86_64-pc-linux-gnu-znver3", 8, 8},
      {"OpenCL 3.0 of somebody else, for a graphics-haswell", 16, 16},
      {"", 0, 0},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; ++i)
    assert_int_equal(clattn_float_width(known[i].version, known[i].reported), known[i].width);
}

static void kinds_are_words(void **state) {
  (void)state;
  const clattn_device_info discrete = gpu("AMD", CLATTN_DISCRETE, 1, 1), shared = gpu("AMD", CLATTN_INTEGRATED, 1, 1),
                           unknown = gpu("AMD", CLATTN_INTEGRATION_UNKNOWN, 1, 1);
  const clattn_device_info cpu = {.type = CLATTN_DEVICE_CPU, .integration = CLATTN_INTEGRATED};
  const struct {
    const char *word;
    bool fits[MOST];
  } words[] = {{"gpu", {true, true, true, false}},        {"GPU", {true, true, true, false}},
               {"cpu", {false, false, false, true}},      {"accelerator", {false, false, false, false}},
               {"discrete", {true, false, false, false}}, {"integrated", {false, true, false, false}}};
  const clattn_device_info *devices[MOST] = {&discrete, &shared, &unknown, &cpu};
  for (size_t w = 0; w < sizeof words / sizeof words[0]; ++w)
    for (int i = 0; i < MOST; ++i) {
      bool fits = !words[w].fits[i];
      assert_true(clattn_is_kind(words[w].word, devices[i], &fits));
      assert_int_equal(fits, words[w].fits[i]);
    }
  bool untouched = true;
  assert_false(clattn_is_kind("gp", &discrete, &untouched));
  assert_false(clattn_is_kind("gpus", &discrete, &untouched));
  assert_false(clattn_is_kind("", &discrete, &untouched));
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static void texts_become_utf8(void **state) {
  (void)state;
  const struct {
    const char *from, *to;
  } texts[] = {
      {"", ""},
      {"Radeon\xC2\xAE", "Radeon\xC2\xAE"},                 /* valid UTF-8 is kept */
      {"Intel\xAE Xeon", "Intel\xC2\xAE Xeon"},             /* Latin-1 */
      {"\x93quoted\x94", "\xEF\xBF\xBDquoted\xEF\xBF\xBD"}, /* no character in Latin-1 */
      {"cut \xE2\x82", "cut \xC3\xA2\xEF\xBF\xBD"},
      {"\xC0\xAF \xED\xA0\x80", "\xC3\x80\xC2\xAF \xC3\xAD\xC2\xA0\xEF\xBF\xBD"}, /* an overlong form; a surrogate */
      {"\xF0\x9F\x9A\x80 \xF4\x8F\xBF\xBF", "\xF0\x9F\x9A\x80 \xF4\x8F\xBF\xBF"},
      {"\xF4\x90\x80\x80", "\xC3\xB4\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* above U+10FFFF */
      {"a\033[31m\x7F\xC2\x9B", "a?[31m??"},
      {"two\nlines\t", "two?lines?"},
  };
  char to[64];
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
    clattn_text_copy(to, sizeof to, texts[i].from, false);
    assert_string_equal(to, texts[i].to);
  }
  clattn_text_copy(to, sizeof to, "two\nlines\t\r", true);
  assert_string_equal(to, "two\nlines\t?");
}

static void whole_characters_are_cut_off(void **state) {
  (void)state;
  static const char text[] = "a\xC2\xAE\xE2\x82\xAC\xF0\x9F\x9A\x80";
  static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
  for (size_t size = 1; size <= sizeof text; ++size) {
    char to[sizeof text], trimmed[sizeof text];
    clattn_text_copy(to, size, text, false);
    assert_int_equal(strlen(to), whole[size - 1]);
    memcpy(trimmed, text, size - 1);
    trimmed[size - 1] = '\0';
    clattn_text_trim(trimmed);
    assert_string_equal(trimmed, to);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(discrete_comes_before_integrated),
      cmocka_unit_test(types_come_first),
      cmocka_unit_test(rates_count_where_all_have_one),
      cmocka_unit_test(lanes_count),
      cmocka_unit_test(widths_are_those_of_the_target),
      cmocka_unit_test(kinds_are_words),
      cmocka_unit_test(texts_become_utf8),
      cmocka_unit_test(whole_characters_are_cut_off),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
