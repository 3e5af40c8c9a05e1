/* Functions that compiled kernels call. The program exports them for the kernels' shared
 * objects. */
#ifndef CLATTN_ACCESS_EXPORTED_H
#define CLATTN_ACCESS_EXPORTED_H

#include <stddef.h>
#include <stdint.h>

#define EXPORTED __attribute__((visibility("default")))

/* What a work-item can query about itself; host/recorder/builtins.cl does. Sizes come last. */
enum {
  ASK_NOTHING,
  ASK_LOCAL_ID,
  ASK_GROUP_ID,
  ASK_GLOBAL_ID,
  ASK_SUB_GROUP_LOCAL_ID,
  ASK_SUB_GROUP_ID,
  ASK_LOCAL_SIZE,
  ASK_GROUPS,
  ASK_GLOBAL_SIZE,
  ASK_DIMENSIONS,
  ASK_SUB_GROUP_SIZE,
  ASK_SUB_GROUP_MOST,
  ASK_SUB_GROUPS
};
EXPORTED size_t clattn_access_item(unsigned question, unsigned dimension);
EXPORTED void clattn_access_barrier(unsigned fences);

/* Both wait until the whole sub-group has called them from the same place. The first then lets the
 * work-item read what each lane brought along; the second orders the accesses that it fences. */
EXPORTED void clattn_access_exchange(uint32_t bits, uintptr_t from);
EXPORTED void clattn_access_sub_group_barrier(unsigned fences, uintptr_t from);
EXPORTED uint32_t clattn_access_lane(unsigned lane);

/* Called from `from` before vloadN, vstoreN and similar functions access a vector. */
EXPORTED void clattn_access_vector(uintptr_t address, uintptr_t bytes, unsigned store, uintptr_t from);

/* clang inserts calls to these before each load and store; prefix and byte counts are its own. */
EXPORTED void clattn_access_load1_noabort(uintptr_t address);
EXPORTED void clattn_access_load2_noabort(uintptr_t address);
EXPORTED void clattn_access_load4_noabort(uintptr_t address);
EXPORTED void clattn_access_load8_noabort(uintptr_t address);
EXPORTED void clattn_access_load16_noabort(uintptr_t address);
EXPORTED void clattn_access_loadN_noabort(uintptr_t address, size_t bytes);
EXPORTED void clattn_access_store1_noabort(uintptr_t address);
EXPORTED void clattn_access_store2_noabort(uintptr_t address);
EXPORTED void clattn_access_store4_noabort(uintptr_t address);
EXPORTED void clattn_access_store8_noabort(uintptr_t address);
EXPORTED void clattn_access_store16_noabort(uintptr_t address);
EXPORTED void clattn_access_storeN_noabort(uintptr_t address, size_t bytes);

/* The linker replaces the three functions by these. */
EXPORTED void *__wrap_memcpy(void *to, const void *from, size_t bytes);
EXPORTED void *__wrap_memmove(void *to, const void *from, size_t bytes);
EXPORTED void *__wrap_memset(void *to, int byte, size_t bytes);

#endif
