/* Runs the self-test of every kernel in the catalogue. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/doctor/doctor.h"
#include "cli/report/terminal.h"
#include "cli/report/units.h"
#include "cli/files/user_files.h"

/* Whether plans would choose it here for some shape. */
static bool suits(size_t index, const clattn_device_info *device) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.source = CLATTN_SOURCE_QKV;
  p.head_dim = p.value_dim = 64;
  p.query_len = p.key_len = 512;
  if (clattn_kernel_suits(index, device, &p)) return true;
  p.query_len = 1;
  if (clattn_kernel_suits(index, device, &p)) return true;
  p.query_len = 512;
  p.type = CLATTN_F16;
  p.math = CLATTN_MATH_STORED;
  return clattn_kernel_suits(index, device, &p);
}

/* Kernels for CPUs are left out on other devices: a driver has unrolled one for minutes, with
 * gigabytes of memory. */
static bool is_left_out(const clattn_kernel_info *kernel, bool chosen) {
  return !chosen && strcmp(kernel->target, "cpu") == 0;
}

static void print_row(const clattn_kernel_info *kernel, const char *word, text_style paint, const char *time,
                      const char *text, const char *remark) {
  char name[KERNEL_TEXT];
  printf("    %-10s%-12s%s%-11s%s%9s  %s%s\n", clattn_stage_name(kernel->stage),
         kernel_text(kernel->rung, kernel->name, name), style(paint), word, style(PLAIN), time, text, remark);
  fflush(stdout);
}

static void print_answer(const clattn_kernel_info *kernel, const clattn_self_test_result *answer, bool chosen,
                         double seconds) {
  static const char *const words[] = {"right", "WRONG", "cannot run"};
  static const text_style styles[] = {GREEN, RED, PLAIN};
  char time[16];
  print_row(kernel, words[answer->outcome], styles[answer->outcome], duration_text(seconds, time), answer->text,
            answer->outcome == CLATTN_OUTCOME_FAILED && !chosen ? " (plans do not choose it here)" : "");
}

int doctor_kernels(clattn_device *device, size_t *wrong) {
  char programs[4096];
  const clattn_plan_options options = user_plan_options(programs, sizeof programs);
  const clattn_device_info *info = clattn_device_get_info(device);
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_error error;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i) {
    clattn_self_test_result answer = CLATTN_SELF_TEST_RESULT_INIT;
    char label[64];
    const bool chosen = suits(i, info);
    if (is_left_out(&kernel, chosen)) {
      print_row(&kernel, "not tested", PLAIN, "", "for CPUs with vectors; plans do not choose it here", "");
      continue;
    }
    snprintf(label, sizeof label, "%s %s", clattn_stage_name(kernel.stage), kernel.name);
    progress_show(i, clattn_kernel_count(), label);
    const double started = clattn_now();
    if (clattn_kernel_self_test(device, i, &options, &answer, &error) != CLATTN_OK) {
      progress_clear();
      return complain_of(&error);
    }
    *wrong += answer.outcome == CLATTN_OUTCOME_FAILED && chosen;
    progress_clear();
    print_answer(&kernel, &answer, chosen, clattn_now() - started);
  }
  return GO_ON;
}
