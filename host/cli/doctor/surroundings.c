/* Variables and folders that affect OpenCL and clattn. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"
#include "base/file_system.h"
#include "cli/report/terminal.h"
#include "cli/files/user_files.h"

static const char *const variables[] = {"CLATTN_DEVICE",      "CLATTN_KERNEL_DIR",        "CLATTN_PROGRAM_DIR",
                                        "CLATTN_TUNING_FILE", "OCL_ICD_DEFAULT_PLATFORM", "POCL_CACHE_DIR",
                                        "POCL_DEVICES",       "POCL_KERNELLIB_NAME",      "POCL_MAX_PTHREAD_COUNT",
                                        "RUSTICL_ENABLE",     "CUDA_VISIBLE_DEVICES",     "ROCR_VISIBLE_DEVICES",
                                        "ZE_AFFINITY_MASK",   "LD_LIBRARY_PATH"};

/* Prints whether a file can be made in the folder, which is created if need be. */
static void judge_folder(const char *what, const char *folder) {
  char path[4096];
  const char *against = NULL;
  const int length = snprintf(path, sizeof path, "%s/doctor", folder);
  errno = 0;
  if (length < 0 || (size_t)length >= sizeof path)
    against = "the path is too long";
  else if (!clattn_make_folders(folder) || !clattn_part_try(path))
    against = errno != 0 ? strerror(errno) : "cannot be written to";
  printf("  %s %s: %s%s%s\n", what, folder, style(against == NULL ? GREEN : RED),
         against == NULL ? "can be written to" : against, style(PLAIN));
}

/* Where PoCL keeps compiled kernels (its pocl_cache_init_topdir). */
static bool pocl_folder(char *path, size_t size) {
  const char *own = getenv("POCL_CACHE_DIR"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int length = 0;
  if (own != NULL)
    length = snprintf(path, size, "%s", own);
  else if (cache != NULL)
    length = snprintf(path, size, "%s/pocl/kcache", cache);
  else if (home != NULL)
    length = snprintf(path, size, "%s/.cache/pocl/kcache", home);
  return length > 0 && (size_t)length < size;
}

void doctor_surroundings(bool pocl) {
  char path[4096], kernels[4096];
  const char *programs = program_dir_path(path, sizeof path);
  printf("%svariables%s that are set\n", style(BOLD), style(PLAIN));
  size_t set = 0;
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; ++i) {
    const char *value = getenv(variables[i]);
    if (value == NULL) continue;
    printf("  %s=%s\n", variables[i], value);
    ++set;
  }
  if (set == 0) puts("  none that clattn knows of");
  printf("%sfolders%s\n", style(BOLD), style(PLAIN));
  if (programs != NULL)
    judge_folder("compiled programs and self-test results", programs);
  else
    puts("  compiled programs and self-test results: not kept (CLATTN_PROGRAM_DIR is empty, or there is no home "
         "folder)");
  if (pocl && pocl_folder(kernels, sizeof kernels)) judge_folder("PoCL's kernels", kernels);
}
