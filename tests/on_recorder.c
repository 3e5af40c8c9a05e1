/* For tests on the recorder's device (host/recorder), which reports work-items that race with each other
 * or leave their buffers: see support.h. */
#include "support.h"

#include "recorder/compile.h"
#include "recorder/device.h"
#include "recorder/programs.h"

const bool support_launches_in_pieces = false;

const char *support_begin(void) {
  const char *why = compile_begin();
  if (why == NULL) device_keep("fused");
  return why;
}

void support_end(void) {
  programs_free();
  compile_end();
}

void support_assert_quiet(const char *what) {
  size_t launches = 0;
  const launch *all = device_launches(&launches);
  for (size_t i = 0; i < launches; ++i)
    if (all[i].findings > 0) fail_msg("%s: %s", what, all[i].finding[0]);
  device_forget();
}
