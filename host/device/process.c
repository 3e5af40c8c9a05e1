/* Detects forked children and serialises driver calls: see process.h. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "device/process.h"

#include "base/lock.h"
#include "base/status.h"

static clattn_lock drivers = CLATTN_LOCK_INIT;

void clattn_drivers_take(void) {
  clattn_lock_take(&drivers);
}

void clattn_drivers_give(void) {
  clattn_lock_give(&drivers);
}

#ifdef _WIN32 /* no fork() there */

clattn_status clattn_process_check(clattn_error *error) {
  (void)error;
  return CLATTN_OK;
}

bool clattn_process_is_child(void) {
  return false;
}

#else
#include <stdatomic.h>
#include <unistd.h>

/* The process that used OpenCL first; 0: none yet. An atomic instead of a lock: if another thread
 * held the lock during fork(), the child would wait for it forever. */
static atomic_long opencl_process;

bool clattn_process_is_child(void) {
  const long first = atomic_load(&opencl_process);
  return first != 0 && first != (long)getpid();
}

clattn_status clattn_process_check(clattn_error *error) {
  const long now = (long)getpid();
  long first = 0;
  if (atomic_compare_exchange_strong(&opencl_process, &first, now) || first == now) return CLATTN_OK;
  return clattn_fail(error, CLATTN_UNSUPPORTED,
                     "process %ld was forked from process %ld after that one had used OpenCL, which does not survive a "
                     "fork (allowed: fork before the first device is opened, or exec in the child)",
                     now, first);
}

#endif
