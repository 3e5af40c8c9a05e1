/* Numbers calls, decides which one fails, and keeps account: see shim.h. */
#define _GNU_SOURCE
#include "shim.h"

#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static shim_report *seen; /* NULL: the shim does nothing */
static char counted[OBJECT_BYTES];
static uint32_t failing;
static int code;
static bool lasting;

/* ---- who calls --------------------------------------------------------------------------------------------------- */

/* The program and what works for it alone: what these allocate, the program has to answer for. */
static const char *const ours[] = {"libclattn", "libclblast", "libjansson", "libpopt"};
enum { OURS = sizeof ours / sizeof ours[0], MOST_RANGES = 32 };

static struct range {
  const char *object;
  uintptr_t base, from, to;
} range[MOST_RANGES];
static int ranges;

/* The executable comes first and has no name. */
static const char *object_of(const char *path, bool first) {
  const char *slash = strrchr(path, '/');
  if (first) return "program";
  for (int i = 0; slash != NULL && i < OURS; ++i)
    if (strncmp(slash + 1, ours[i], strlen(ours[i])) == 0) return ours[i];
  return NULL;
}

static int add_ranges(struct dl_phdr_info *info, size_t size, void *first) {
  const char *object = object_of(info->dlpi_name, *(bool *)first);
  (void)size;
  *(bool *)first = false;
  for (int i = 0; object != NULL && i < info->dlpi_phnum && ranges < MOST_RANGES; ++i) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    const uintptr_t from = info->dlpi_addr + part->p_vaddr;
    if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0)
      range[ranges++] = (struct range){object, info->dlpi_addr, from, from + part->p_memsz};
  }
  return 0;
}

static const struct range *range_of(const void *site) {
  const uintptr_t at = (uintptr_t)site;
  for (int i = 0; i < ranges; ++i)
    if (at >= range[i].from && at < range[i].to) return &range[i];
  return NULL;
}

bool shim_is_ours(const void *site) {
  return seen != NULL && range_of(site) != NULL;
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

static uint32_t number(const char *name) {
  const char *text = getenv(name);
  return text == NULL ? 0 : (uint32_t)strtoul(text, NULL, 10);
}

/* gnuplot, or a compiler that the driver calls, is not the program. */
static void leave_children_alone(void) {
  unsetenv("LD_PRELOAD");
  unsetenv("FAULT_REPORT");
}

__attribute__((constructor)) static void set_up(void) {
  const char *path = getenv("FAULT_REPORT"), *of = getenv("FAULT_OF"), *code_text = getenv("FAULT_CODE");
  if (path == NULL || of == NULL) return;
  strncpy(counted, of, sizeof counted - 1);
  failing = number("FAULT_CALL");
  lasting = number("FAULT_LASTING") != 0;
  code = code_text == NULL ? 0 : (int)strtol(code_text, NULL, 10);
  bool first = true;
  dl_iterate_phdr(add_ranges, &first);
  const int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || ftruncate(file, sizeof *seen) != 0) abort();
  void *mapped = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) abort();
  close(file);
  leave_children_alone();
  seen = mapped;
}

/* ---- numbering --------------------------------------------------------------------------------------------------- */

static void write_down(const char *name, uint32_t what, const struct range *from, const void *site) {
  if (seen->calls > MOST_CALLS) return;
  shim_call *call = &seen->call[seen->calls - 1];
  strncpy(call->name, name, sizeof call->name - 1);
  strncpy(call->object, from->object, sizeof call->object - 1);
  call->site = (uint32_t)((uintptr_t)site - from->base);
  call->what = what;
}

bool shim_fails(const char *of, const char *name, uint32_t what, const void *site) {
  const struct range *from = range_of(site);
  if (seen == NULL || from == NULL || strcmp(of, counted) != 0) return false;
  pthread_mutex_lock(&lock);
  const uint32_t now = ++seen->calls;
  write_down(name, what, from, site);
  const bool fails = failing != 0 && (now == failing || (lasting && now > failing));
  if (fails) ++seen->failed;
  pthread_mutex_unlock(&lock);
  return fails;
}

int shim_code(void) {
  return code;
}

/* ---- account ----------------------------------------------------------------------------------------------------- */

/* No memory may be allocated here. */
enum { MOST_THINGS = 1 << 16, BUCKETS = 1 << 12 };

static struct thing {
  const void *address;
  struct thing *next;
  uint32_t count;
  shim_kind kind;
} thing[MOST_THINGS];
static struct thing *bucket[BUCKETS], *unused;
static int used;

/* The place of the pointer to it; of what is not held, a pointer that is NULL. */
static struct thing **find(shim_kind kind, const void *address) {
  struct thing **at = &bucket[((uintptr_t)address >> 4) % BUCKETS];
  while (*at != NULL && ((*at)->address != address || (*at)->kind != kind)) at = &(*at)->next;
  return at;
}

static struct thing *take(void) {
  struct thing *taken = unused;
  if (taken != NULL)
    unused = taken->next;
  else if (used < MOST_THINGS)
    taken = &thing[used++];
  else
    abort();
  return taken;
}

void shim_made(shim_kind kind, const void *address) {
  if (seen == NULL || address == NULL) return;
  pthread_mutex_lock(&lock);
  struct thing **at = find(kind, address);
  if (*at != NULL) {
    ++(*at)->count;
  } else {
    struct thing *fresh = take();
    *fresh = (struct thing){address, NULL, 1, kind};
    *at = fresh;
  }
  ++seen->made[kind];
  ++seen->held[kind];
  pthread_mutex_unlock(&lock);
}

void shim_retained(shim_kind kind, const void *address) {
  shim_made(kind, address);
}

bool shim_forget(shim_kind kind, const void *address) {
  if (seen == NULL || address == NULL) return false;
  pthread_mutex_lock(&lock);
  struct thing **at = find(kind, address), *found = *at;
  if (found != NULL) {
    --seen->held[kind];
    if (--found->count == 0) {
      *at = found->next;
      found->next = unused;
      unused = found;
    }
  }
  pthread_mutex_unlock(&lock);
  return found != NULL;
}

void shim_released(shim_kind kind, const void *address) {
  if (seen != NULL && !shim_forget(kind, address)) ++seen->stray;
}
