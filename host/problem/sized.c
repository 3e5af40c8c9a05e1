/* Public structs that begin with their size: which sizes are known, reading shorter ones, writing into them. */
#include "problem/sized.h"

#include <string.h>

#include "base/status.h"

/* A caller's struct ends before `field` at the earliest. */
#define SHORTER(struct, INITIAL, field)                                                                                \
  const clattn_sized clattn_sized_##struct = {"clattn_" #struct, #INITIAL, offsetof(clattn_##struct, field),           \
                                              sizeof(clattn_##struct)}
/* Every field counts. */
#define WHOLE(struct, INITIAL)                                                                                         \
  const clattn_sized clattn_sized_##struct = {"clattn_" #struct, #INITIAL, sizeof(clattn_##struct),                    \
                                              sizeof(clattn_##struct)}

SHORTER(problem, CLATTN_PROBLEM_INIT, context_order);
SHORTER(inputs, CLATTN_INPUTS_INIT, cache);
SHORTER(outputs, CLATTN_OUTPUTS_INIT, cached_k);
SHORTER(buffers, CLATTN_BUFFERS_INIT, cache);
SHORTER(plan_options, CLATTN_PLAN_OPTIONS_INIT, launch_seconds);
WHOLE(probe_options, CLATTN_PROBE_OPTIONS_INIT);
WHOLE(tuned, CLATTN_TUNED_INIT);
SHORTER(timings, CLATTN_TIMINGS_INIT, events_used);
WHOLE(plan_info, CLATTN_PLAN_INFO_INIT);
SHORTER(check_report, CLATTN_CHECK_REPORT_INIT, reference_seconds);
SHORTER(reason, CLATTN_REASON_INIT, program);
SHORTER(kernel_info, CLATTN_KERNEL_INFO_INIT, idea);
SHORTER(tile_info, CLATTN_TILE_INFO_INIT, of_device);
SHORTER(peaks, CLATTN_PEAKS_INIT, local);
WHOLE(self_test_result, CLATTN_SELF_TEST_RESULT_INIT);
WHOLE(merging, CLATTN_MERGING_INIT);
WHOLE(explain_options, CLATTN_EXPLAIN_OPTIONS_INIT);

static size_t size_of(const void *sized) {
  size_t size;
  memcpy(&size, sized, sizeof size);
  return size;
}

static bool knows(const clattn_sized *of, size_t size) {
  return size >= of->least && size <= of->most && size % sizeof(void *) == 0;
}

clattn_status clattn_check_sized(const clattn_sized *of, const void *given, clattn_error *error) {
  if (given == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s is NULL", of->name);
  if (knows(of, size_of(given))) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                     "%s.size is %zu (allowed by this library: %zu, or %zu and more of an earlier version; start from "
                     "%s)",
                     of->name, size_of(given), of->most, of->least, of->initial);
}

/* `size` itself is not copied: each side keeps its own. */
static void copy_fields(const void *from, void *to, size_t size) {
  memcpy((char *)to + sizeof size, (const char *)from + sizeof size, size - sizeof size);
}

clattn_status clattn_take_sized(const clattn_sized *of, const void *given, void *own, clattn_error *error) {
  const clattn_status status = clattn_check_sized(of, given, error);
  if (status == CLATTN_OK) copy_fields(given, own, size_of(given));
  return status;
}

bool clattn_give_sized(const clattn_sized *of, const void *own, void *given) {
  if (!knows(of, size_of(given))) return false;
  copy_fields(own, given, size_of(given));
  return true;
}

bool clattn_reaches(const void *sized, size_t offset, size_t bytes) {
  const size_t size = size_of(sized);
  return size >= bytes && offset <= size - bytes;
}

void clattn_fill_sized(const clattn_sized *of, const void *initial, void *given, size_t size) {
  memset(given, 0, size);
  memcpy(given, initial, size < of->most ? size : of->most);
  if (size >= sizeof size) memcpy(given, &size, sizeof size);
}
