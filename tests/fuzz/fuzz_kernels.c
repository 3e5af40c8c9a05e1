/* See fuzz_kernels.h. */
#include "fuzz_kernels.h"

#include <string.h>

#include "plan/choice.h"
#include "fuzz.h"

/* Of a size at which no rung is refused for want of local memory. */
static clattn_device device = {.info = {.name = "described",
                                        .type = CLATTN_DEVICE_GPU,
                                        .compute_units = 8,
                                        .native_float_width = 1,
                                        .global_memory_bytes = 1u << 30,
                                        .max_allocation_bytes = 1u << 30,
                                        .local_memory_bytes = 65536,
                                        .max_work_group = 1024,
                                        .max_work_item_sizes = {1024, 1024, 1024},
                                        .little_endian = true}};

static clattn_plan describe(void) {
  clattn_plan plan = {.device = &device, .problem = CLATTN_PROBLEM_INIT};
  plan.problem.query_len = plan.problem.key_len = 128;
  plan.problem.model_dim = plan.problem.head_dim = plan.problem.value_dim = 64;
  return plan;
}

static void read_again(const clattn_plan *plan, const clattn_choice *choice) {
  char text[CLATTN_CHOICE_TEXT];
  clattn_choice again;
  clattn_error error;
  clattn_write_choice(choice, text, sizeof text);
  REQUIRE(clattn_parse_choice(plan, choice->stage, (clattn_text){text, strlen(text)}, &again, &error) == CLATTN_OK);
  REQUIRE(again.row == choice->row && memcmp(again.value, choice->value, sizeof again.value) == 0);
}

static void judge(clattn_status status, const clattn_error *error) {
  REQUIRE(status == CLATTN_OK || (status == CLATTN_INVALID_ARGUMENT && error->message[0] != '\0'));
}

void fuzz_kernels(const char *text) {
  const clattn_plan plan = describe();
  clattn_text wanted[CLATTN_STAGE_COUNT] = {{NULL, 0}};
  clattn_error error = {.message = ""};
  clattn_status status = clattn_split_kernels(text, wanted, &error);
  judge(status, &error);
  for (int stage = 0; stage < CLATTN_STAGE_COUNT && status == CLATTN_OK; ++stage) {
    clattn_choice choice;
    if (wanted[stage].start == NULL) continue;
    status = clattn_parse_choice(&plan, (clattn_stage)stage, wanted[stage], &choice, &error);
    judge(status, &error);
    if (status == CLATTN_OK) read_again(&plan, &choice);
  }
}
