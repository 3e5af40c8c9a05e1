/* The loader and the .icd files that it goes by: each names the library of a driver. */
#if defined(__unix__)
#define _GNU_SOURCE /* dladdr */
#endif
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "terminal.h"

#if !defined(__unix__)

void doctor_loader(void) {
  puts("loader    the system's own; there are no .icd files to look at");
}

#else
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "opencl.h"

#define USUAL_FOLDER "/etc/OpenCL/vendors"
enum { PATH_BYTES = 4096 };

/* Its own words: a newline ends them, and spaces before it. */
static bool read_name(const char *path, char *name, size_t size) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  const bool read = fgets(name, (int)size, file) != NULL;
  fclose(file);
  if (!read) name[0] = '\0';
  name[strcspn(name, "\r\n")] = '\0';
  for (size_t end = strlen(name); end > 0 && (name[end - 1] == ' ' || name[end - 1] == '\t');) name[--end] = '\0';
  return true;
}

/* What the loader would find: it opens the library and looks for the functions of a driver. Writes what is wrong. */
static void load_library(const char *name, int to) {
  void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  const char *why = library == NULL ? dlerror() : NULL;
  if (library != NULL && dlsym(library, "clGetExtensionFunctionAddress") == NULL &&
      dlsym(library, "clIcdGetPlatformIDsKHR") == NULL)
    why = "the library is no OpenCL driver";
  if (why != NULL && write(to, why, strlen(why)) < 0) _exit(EXIT_FAILURE);
}

/* In a process of its own: drivers do not bear being loaded twice, and a broken one may take the process with it. */
static void judge_library(const char *name, bool *good, char *verdict, size_t size) {
  int ends[2], status = 0;
  char why[PATH_BYTES] = "";
  *good = false;
  fflush(stdout);
  if (pipe(ends) != 0) {
    snprintf(verdict, size, "not looked at: %s", strerror(errno));
    return;
  }
  const pid_t child = fork();
  if (child == 0) {
    load_library(name, ends[1]);
    _exit(EXIT_SUCCESS);
  }
  close(ends[1]);
  const ssize_t length = child > 0 ? read(ends[0], why, sizeof why - 1) : -1;
  close(ends[0]);
  if (child < 0 || waitpid(child, &status, 0) != child)
    snprintf(verdict, size, "not looked at: %s", strerror(errno));
  else if (WIFSIGNALED(status))
    snprintf(verdict, size, "broken: loading it ends the process (%s)", strsignal(WTERMSIG(status)));
  else if (length > 0)
    snprintf(verdict, size, "broken: %s", why);
  else
    *good = snprintf(verdict, size, "loads") > 0;
}

static void judge_file(const char *path) {
  char name[PATH_BYTES] = "", verdict[2 * PATH_BYTES];
  struct stat found;
  bool good = false;
  if (!read_name(path, name, sizeof name))
    snprintf(verdict, sizeof verdict, "cannot be read: %s", strerror(errno));
  else if (name[0] == '\0')
    snprintf(verdict, sizeof verdict, "broken: its first line is empty, where the driver's library should be named");
  else if (name[0] == '/' && stat(name, &found) != 0)
    snprintf(verdict, sizeof verdict, "points nowhere: %s: %s", name, strerror(errno));
  else
    judge_library(name, &good, verdict, sizeof verdict);
  printf("  %s -> %s: %s%s%s\n", path, name[0] != '\0' ? name : "?", style(good ? GREEN : RED), verdict, style(PLAIN));
}

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int is_icd_file(const struct dirent *entry) {
  return ends_with(entry->d_name, ".icd");
}

static void judge_folder(const char *folder) {
  struct dirent **entry = NULL;
  const int count = scandir(folder, &entry, is_icd_file, alphasort);
  if (count < 0)
    printf("  %s%s: %s%s\n", style(RED), folder, strerror(errno), style(PLAIN));
  else if (count == 0)
    printf("  %s%s: no .icd file in it%s: no driver is installed\n", style(RED), folder, style(PLAIN));
  for (int i = 0; i < count; ++i) {
    char path[PATH_BYTES];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
    if (length > 0 && (size_t)length < sizeof path) judge_file(path);
    free(entry[i]);
  }
  free(entry);
}

/* ocl-icd takes a folder, a file's path, or a name in the usual folder; the Khronos loader only a folder. */
static void judge_place(const char *place) {
  char path[PATH_BYTES];
  struct stat found;
  const bool there = stat(place, &found) == 0;
  const char *why = strerror(errno);
  if (there) {
    if (S_ISDIR(found.st_mode))
      judge_folder(place);
    else
      judge_file(place);
    return;
  }
  const int length = snprintf(path, sizeof path, "%s/%s", USUAL_FOLDER, place);
  if (length > 0 && (size_t)length < sizeof path && stat(path, &found) == 0)
    judge_file(path);
  else
    printf("  %s%s: %s%s (allowed: a folder of .icd files)\n", style(RED), place, why, style(PLAIN));
}

/* The file that the loader's functions are in. */
static const char *loader_file(void) {
  cl_int (*const function)(cl_uint, cl_platform_id *, cl_uint *) = clGetPlatformIDs;
  void *address = NULL;
  Dl_info info;
  memcpy(&address, &function, sizeof address);
  return dladdr(address, &info) != 0 && info.dli_fname != NULL ? info.dli_fname : "unknown";
}

void doctor_loader(void) {
  const char *vendors = getenv("OCL_ICD_VENDORS"), *khronos = getenv("OPENCL_VENDOR_PATH");
  char real[PATH_BYTES];
  const char *file = realpath(loader_file(), real);
  printf("%sloader%s    %s\n", style(BOLD), style(PLAIN), file != NULL ? file : loader_file());
  if (vendors != NULL) {
    printf("OCL_ICD_VENDORS=%s\n", vendors);
    judge_place(vendors);
  } else if (khronos != NULL) {
    printf("OPENCL_VENDOR_PATH=%s\n", khronos);
    judge_place(khronos);
  } else {
    judge_folder(USUAL_FOLDER);
  }
}
#endif
