/* A driver that does not do what it is asked to: -DHANGS never answers, -DLOADING does not even let itself be loaded,
 * else the process ends. Built by tests/test_faults.sh. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(void) {
#ifdef HANGS
  for (;;) pause();
#else
  abort();
#endif
}

#ifdef LOADING
__attribute__((constructor)) static void load(void) {
  fail();
}
#endif

int clIcdGetPlatformIDsKHR(unsigned room, void **ids, unsigned *count) {
  (void)room;
  (void)ids;
  (void)count;
  fail();
  return 0;
}

/* Without these loaders take no library for a driver. */
int clGetPlatformInfo(void *platform, unsigned what, size_t room, void *to, size_t *size) {
  (void)platform;
  (void)what;
  (void)room;
  (void)to;
  (void)size;
  return -30;
}

void *clGetExtensionFunctionAddress(const char *name) {
  if (strcmp(name, "clGetPlatformInfo") == 0) return (void *)clGetPlatformInfo;
  return strcmp(name, "clIcdGetPlatformIDsKHR") == 0 ? (void *)clIcdGetPlatformIDsKHR : NULL;
}
