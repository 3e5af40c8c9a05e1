/* The program's allocations, each of which can be made to fail; those of drivers, of LLVM and of libc itself pass: see
 * shim.h. The names behind are glibc's. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "shim.h"

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
extern void __libc_free(void *memory);

static bool fails(const char *name, const void *site) {
  if (!shim_fails("memory", name, 0, site)) return false;
  errno = ENOMEM;
  return true;
}

static void *account(void *memory, const void *site) {
  if (shim_is_ours(site)) shim_made(HOST, memory);
  return memory;
}

void *malloc(size_t bytes) {
  const void *site = __builtin_return_address(0);
  return fails("malloc", site) ? NULL : account(__libc_malloc(bytes), site);
}

void *calloc(size_t count, size_t bytes) {
  const void *site = __builtin_return_address(0);
  return fails("calloc", site) ? NULL : account(__libc_calloc(count, bytes), site);
}

/* What was ours stays ours; where it fails, the old memory stays. */
void *realloc(void *old, size_t bytes) {
  const void *site = __builtin_return_address(0);
  if (fails("realloc", site)) return NULL;
  const bool held = shim_forget(HOST, old);
  void *moved = __libc_realloc(old, bytes);
  if (moved == NULL && bytes > 0) {
    if (held) shim_made(HOST, old);
    return NULL;
  }
  if (held)
    shim_made(HOST, moved);
  else
    account(moved, site);
  return moved;
}

/* What libc allocated for us, as strdup does, is not held. */
void free(void *memory) {
  shim_forget(HOST, memory);
  __libc_free(memory);
}
