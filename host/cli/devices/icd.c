/* Finding .icd files as the loader does: see icd.h. */
#if defined(__unix__)
#define _GNU_SOURCE /* dladdr */
#endif
#include "cli/devices/icd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void icd_free(icd_list *list) {
  free(list->one);
  list->one = NULL;
  list->count = 0;
}

/* Shortens a text of more than `most` bytes and ends it with "...". */
static void cut(char *text, size_t most) {
  if (strlen(text) <= most) return;
  text[most] = '\0';
  clattn_text_trim(text);
  strcat(text, "...");
}

void icd_name(const icd *one, char *text, size_t size) {
  clattn_text_copy(text, size, one->file[0] != '\0' ? one->file : one->library, false);
  if (one->file[0] == '\0' && size > 84) cut(text, 80);
}

#if !defined(__unix__)

bool icd_find(icd_list *list) {
  *list = (icd_list){.count = 0};
  return true;
}

void icd_loader(char *text, size_t size) {
  snprintf(text, size, "the system's own");
}

#else
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/opencl.h"

#define USUAL_FOLDER "/etc/OpenCL/vendors"

/* ---- the loader -------------------------------------------------------------------------------------------------- */

void icd_loader(char *text, size_t size) {
  cl_int (*const function)(cl_uint, cl_platform_id *, cl_uint *) = clGetPlatformIDs;
  void *address = NULL;
  Dl_info info;
  memcpy(&address, &function, sizeof address);
  const bool found = dladdr(address, &info) != 0 && info.dli_fname != NULL;
  char *real = found ? realpath(info.dli_fname, NULL) : NULL;
  icd_loader_words words;
  snprintf(text, size, "%s", real != NULL ? real : found ? info.dli_fname : "unknown");
  free(real);
  if (!icd_query_loader(&words)) return;
  const size_t used = strlen(text);
  snprintf(text + used, size - used, " (%s %s, %s)", words.name, words.version, words.vendor);
}

static bool is_khronos(void) {
  icd_loader_words words;
  return icd_query_loader(&words) && strstr(words.vendor, "Khronos") != NULL;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static icd *append(icd_list *list) {
  icd *grown = realloc(list->one, (list->count + 1) * sizeof *grown);
  if (grown == NULL) return NULL;
  list->one = grown;
  grown[list->count] = (icd){.file = ""};
  return &grown[list->count++];
}

/* As ocl-icd reads it: the first line, without spaces at its end. */
static void read_file(icd *one) {
  FILE *file = fopen(one->file, "r");
  if (file == NULL) {
    snprintf(one->trouble, sizeof one->trouble, "cannot be read: %s", strerror(errno));
    return;
  }
  if (fgets(one->library, sizeof one->library, file) == NULL) one->library[0] = '\0';
  fclose(file);
  one->library[strcspn(one->library, "\r\n")] = '\0';
  size_t end = strlen(one->library);
  while (end > 0 && (one->library[end - 1] == ' ' || one->library[end - 1] == '\t')) one->library[--end] = '\0';
  struct stat found;
  if (end == 0)
    snprintf(one->trouble, sizeof one->trouble, "broken: its first line is empty; it should name the driver's library");
  else if (one->library[0] == '/' && stat(one->library, &found) != 0)
    snprintf(one->trouble, sizeof one->trouble, "points nowhere: %s", strerror(errno));
}

static bool add_file(icd_list *list, const char *folder, const char *name) {
  icd *one = append(list);
  if (one == NULL) return false;
  const int length = snprintf(one->file, sizeof one->file, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", name);
  if (length < (int)sizeof one->file)
    read_file(one);
  else
    snprintf(one->trouble, sizeof one->trouble, "the path is too long");
  return true;
}

static bool add_library(icd_list *list, const char *name, size_t length) {
  icd *one = append(list);
  if (one == NULL) return false;
  if (length < sizeof one->library)
    snprintf(one->library, sizeof one->library, "%.*s", (int)length, name);
  else
    snprintf(one->trouble, sizeof one->trouble, "the name is too long");
  return true;
}

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int is_icd_file(const struct dirent *entry) {
  return ends_with(entry->d_name, ".icd");
}

static bool add_folder(icd_list *list, const char *folder) {
  struct dirent **entry = NULL;
  bool whole = true;
  const int count = scandir(folder, &entry, is_icd_file, alphasort);
  if (count < 0)
    snprintf(list->trouble, sizeof list->trouble, "%s: %s", folder, strerror(errno));
  else if (count == 0)
    snprintf(list->trouble, sizeof list->trouble, "%s: no .icd file in it: no driver is installed", folder);
  for (int i = 0; i < count; ++i) {
    whole = whole && add_file(list, folder, entry[i]->d_name);
    free(entry[i]);
  }
  free(entry);
  return whole;
}

/* ---- where the loader looks
 * --------------------------------------------------------------------------------------------------- */

static bool is_folder(const char *path) {
  struct stat found;
  return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static bool is_there(const char *folder, const char *name) {
  char path[ICD_PATH_BYTES];
  struct stat found;
  return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && stat(path, &found) == 0;
}

/* As in libOpenCL(7) of ocl-icd: a folder; or a file that ends in .icd, in the usual folder
 * first if it has no slash; else the driver's library. */
static bool add_as_ocl_icd(icd_list *list, const char *vendors, const char *usual) {
  if (is_folder(vendors)) return add_folder(list, vendors);
  if (!ends_with(vendors, ".icd")) return add_library(list, vendors, strlen(vendors));
  const bool in_usual = strchr(vendors, '/') == NULL && is_there(usual, vendors);
  return add_file(list, in_usual ? usual : "", vendors);
}

/* Libraries named in OCL_ICD_FILENAMES come first, then the folder. */
static bool add_as_khronos(icd_list *list, const char *vendors) {
  const char *names = getenv("OCL_ICD_FILENAMES");
  for (const char *at = names != NULL ? names : ""; *at != '\0';) {
    const size_t length = strcspn(at, ":");
    if (length > 0 && !add_library(list, at, length)) return false;
    at += length + (at[length] == ':');
  }
  if (!add_folder(list, vendors)) return false;
  if (list->trouble[0] != '\0' && !is_folder(vendors))
    snprintf(list->trouble, sizeof list->trouble,
             "%s is not a folder (allowed with the Khronos loader: a folder of .icd files)", vendors);
  return true;
}

/* The variable's value; NULL if it is not set or empty, which loaders treat alike. */
static const char *setting(icd_list *list, const char *variable) {
  const char *value = getenv(variable);
  if (value == NULL || value[0] == '\0') return NULL;
  if (list->from[0] == '\0') snprintf(list->from, sizeof list->from, "%s=%s", variable, value);
  return value;
}

bool icd_find(icd_list *list) {
  *list = (icd_list){.count = 0};
  const bool khronos = is_khronos();
  const char *vendors = setting(list, "OCL_ICD_VENDORS");
  const char *other = khronos ? NULL : setting(list, "OPENCL_VENDOR_PATH");
  const char *usual = other != NULL ? other : USUAL_FOLDER;
  bool whole = true;
  if (khronos)
    whole = add_as_khronos(list, vendors != NULL ? vendors : USUAL_FOLDER);
  else
    whole = vendors != NULL ? add_as_ocl_icd(list, vendors, usual) : add_folder(list, usual);
  if (!whole) icd_free(list);
  return whole;
}
#endif
