/* Queries a driver for its platforms and devices, as the loader does, in a child process: see
 * icd.h. */
#if defined(__unix__)
#define _GNU_SOURCE /* strsignal */
#endif
#include "cli/devices/icd.h"

#include <stdio.h>

#if !defined(__unix__)

icd_response icd_query(const icd *one, unsigned seconds, char *text, size_t size) {
  (void)one;
  (void)seconds;
  snprintf(text, size, "not queried: that needs a process of its own");
  return ICD_NOT_QUERIED;
}

bool icd_query_loader(icd_loader_words *words) {
  (void)words;
  return false;
}

#else
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/opencl.h"
#include "base/text.h"

/* What the child sends; short enough that one write to a pipe takes it. */
typedef struct answer {
  icd_response response;
  char text[2 * ICD_TEXT_BYTES];
} answer;

/* ---- in the child ------------------------------------------------------------------------------------------------ */

/* A platform begins with a pointer to its functions (cl_khr_icd); these are the first. */
typedef struct dispatch {
  void *get_platform_ids;
  cl_int(CL_API_CALL *get_platform_info)(cl_platform_id, cl_platform_info, size_t, void *, size_t *);
  cl_int(CL_API_CALL *get_device_ids)(cl_platform_id, cl_device_type, cl_uint, cl_device_id *, cl_uint *);
} dispatch;

typedef cl_int(CL_API_CALL *get_platforms)(cl_uint, cl_platform_id *, cl_uint *);

static get_platforms find_entry(void *library) {
  static const char entry[] = "clIcdGetPlatformIDsKHR";
  void *(CL_API_CALL * extension)(const char *) = NULL;
  get_platforms found = NULL;
  void *address = dlsym(library, "clGetExtensionFunctionAddress");
  memcpy(&extension, &address, sizeof extension);
  if (extension == NULL) return NULL; /* loaders reject such a library */
  address = extension(entry);
  if (address == NULL) address = dlsym(library, entry);
  memcpy(&found, &address, sizeof found);
  return found;
}

static void say(answer *a, icd_response response, const char *what, int code) {
  a->response = response;
  snprintf(a->text, sizeof a->text, "%s (%d)", what, code);
}

/* Adds one platform to the text; its get_platform_info may be missing. */
static void query_platform(cl_platform_id platform, answer *a) {
  const dispatch *functions = NULL;
  char raw[128] = "", name[128];
  cl_uint devices = 0;
  memcpy(&functions, (const void *)platform, sizeof functions);
  if (functions == NULL || functions->get_device_ids == NULL) return;
  if (functions->get_platform_info != NULL)
    functions->get_platform_info(platform, CL_PLATFORM_NAME, sizeof raw - 1, raw, NULL);
  clattn_text_copy(name, sizeof name, raw, false);
  const cl_int code = functions->get_device_ids(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &devices);
  const size_t used = strlen(a->text);
  if (code == CL_SUCCESS && devices > 0) {
    a->response = ICD_HAS_DEVICES;
    snprintf(a->text + used, sizeof a->text - used, "; platform '%s' has %u device%s", name, devices,
             devices == 1 ? "" : "s");
  } else {
    snprintf(a->text + used, sizeof a->text - used, "; platform '%s' has no device (clGetDeviceIDs: %s%d)", name,
             code == CL_DEVICE_NOT_FOUND ? "CL_DEVICE_NOT_FOUND, " : "", code);
  }
}

static void query(const char *name, answer *a) {
  cl_platform_id platform[16];
  cl_uint count = 0;
  void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  const char *why = library == NULL ? dlerror() : NULL;
  const get_platforms entry = library != NULL ? find_entry(library) : NULL;
  a->response = ICD_BROKEN;
  if (entry == NULL) {
    snprintf(a->text, sizeof a->text, "broken: %s", why != NULL ? why : "the library is not an OpenCL driver");
    return;
  }
  const cl_int code = entry(sizeof platform / sizeof platform[0], platform, &count);
  if (code != CL_SUCCESS || count == 0) {
    say(a, ICD_HAS_NONE, "loads, but has no platform: clIcdGetPlatformIDsKHR", code);
    return;
  }
  a->response = ICD_HAS_NONE;
  snprintf(a->text, sizeof a->text, "loads");
  for (cl_uint i = 0; i < count && i < sizeof platform / sizeof platform[0]; ++i) query_platform(platform[i], a);
}

/* The alarm ends the child if its parent has ended. */
static void answer_in_child(const char *name, unsigned seconds, int to) {
  answer a = {.text = ""};
  signal(SIGALRM, SIG_DFL);
  alarm(seconds + 1);
  query(name, &a);
  _exit(write(to, &a, sizeof a) == (ssize_t)sizeof a ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- in the parent ----------------------------------------------------------------------------------------------- */

static icd_response not_queried(char *text, size_t size) {
  snprintf(text, size, "not queried: %s", strerror(errno));
  return ICD_NOT_QUERIED;
}

static icd_response ended(int status, char *text, size_t size) {
  if (WIFSIGNALED(status))
    snprintf(text, size, "broken: querying its platforms and devices ends the process (%s)",
             strsignal(WTERMSIG(status)));
  else
    snprintf(text, size, "broken: querying its platforms and devices ends the process (exit code %d)",
             WEXITSTATUS(status));
  return ICD_CRASHES;
}

icd_response icd_query(const icd *one, unsigned seconds, char *text, size_t size) {
  int ends[2], status = 0;
  answer a = {.text = ""};
  if (one->trouble[0] != '\0') {
    snprintf(text, size, "%s", one->trouble);
    return ICD_BROKEN;
  }
  fflush(NULL);
  if (pipe(ends) != 0) return not_queried(text, size);
  const pid_t child = fork();
  if (child == 0) answer_in_child(one->library, seconds, ends[1]);
  close(ends[1]);
  struct pollfd waited = {.fd = ends[0], .events = POLLIN};
  const bool in_time = child > 0 && poll(&waited, 1, (int)seconds * 1000) != 0;
  const bool answered = in_time && read(ends[0], &a, sizeof a) == (ssize_t)sizeof a;
  close(ends[0]);
  if (child < 0) return not_queried(text, size);
  if (!in_time) kill(child, SIGKILL);
  if (waitpid(child, &status, 0) != child) return not_queried(text, size);
  if (!in_time || (!answered && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)) {
    snprintf(text, size, "hangs: no response to a query of its platforms and devices within %u s", seconds);
    return ICD_HANGS;
  }
  if (!answered) return ended(status, text, size);
  clattn_text_copy(text, size, a.text, false);
  return a.response;
}
/* ---- the loader -------------------------------------------------------------------------------------------------- */

/* An extension of ocl-icd, which the Khronos loader has too. */
static bool read_words(icd_loader_words *words) {
  enum { VERSION = 2, NAME = 3, VENDOR = 4 };
  void *(CL_API_CALL * extension)(const char *) = NULL;
  cl_int(CL_API_CALL * tell)(unsigned, size_t, void *, size_t *) = NULL;
  void *address = dlsym(RTLD_DEFAULT, "clGetExtensionFunctionAddress");
  memcpy(&extension, &address, sizeof extension);
  address = extension != NULL ? extension("clGetICDLoaderInfoOCLICD") : NULL;
  memcpy(&tell, &address, sizeof tell);
  *words = (icd_loader_words){.name = ""};
  return tell != NULL && tell(NAME, sizeof words->name - 1, words->name, NULL) == CL_SUCCESS &&
         tell(VERSION, sizeof words->version - 1, words->version, NULL) == CL_SUCCESS &&
         tell(VENDOR, sizeof words->vendor - 1, words->vendor, NULL) == CL_SUCCESS;
}

/* Also in a child, in which the loader finds no drivers: its first call would load them all. */
bool icd_query_loader(icd_loader_words *words) {
  static const char *const others[] = {"OCL_ICD_FILENAMES", "OPENCL_VENDOR_PATH", "OPENCL_LAYERS"};
  int ends[2];
  fflush(NULL);
  if (pipe(ends) != 0) return false;
  const pid_t child = fork();
  if (child == 0) {
    for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) unsetenv(others[i]);
    setenv("OCL_ICD_VENDORS", "/nonexistent/", 1);
    if (read_words(words) && write(ends[1], words, sizeof *words) != (ssize_t)sizeof *words) _exit(EXIT_FAILURE);
    _exit(EXIT_SUCCESS);
  }
  close(ends[1]);
  const bool told = child > 0 && read(ends[0], words, sizeof *words) == (ssize_t)sizeof *words;
  close(ends[0]);
  if (child > 0) waitpid(child, NULL, 0);
  return told;
}
#endif
