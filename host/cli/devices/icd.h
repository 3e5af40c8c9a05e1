/* The .icd files that the OpenCL loader goes by: each names the library of a driver. Only where there are such files
 * (not on macOS and Windows, where the lists are empty). */
#ifndef CLATTN_CLI_ICD_H
#define CLATTN_CLI_ICD_H

#include <stdbool.h>
#include <stddef.h>

enum { ICD_PATH_BYTES = 4096, ICD_TEXT_BYTES = 512 };

typedef struct icd {
  char file[ICD_PATH_BYTES];    /* "": the loader is given the library itself */
  char library[ICD_PATH_BYTES]; /* as the file has it, "" where it cannot be read */
  char trouble[ICD_TEXT_BYTES]; /* why it cannot be loaded, as far as that is known without loading it; else "" */
} icd;

typedef struct icd_list {
  icd *one;
  size_t count;
  char from[ICD_PATH_BYTES + 32];                /* what says so: "OCL_ICD_VENDORS=..."; "": the usual folder */
  char trouble[ICD_PATH_BYTES + ICD_TEXT_BYTES]; /* of the place as a whole, else "" */
} icd_list;

/* What the loader will ask. False without memory, which leaves nothing to free. */
bool icd_find(icd_list *list);
void icd_free(icd_list *list);

/* The file, or the library where there is none; fit for a terminal. */
void icd_name(const icd *one, char *text, size_t size);

/* "PATH (NAME VERSION, VENDOR)" of the loader itself. */
void icd_loader(char *text, size_t size);

/* What a driver answers when it is asked for its platforms and devices, in a process of its own: a broken driver may
 * end that process, and drivers do not bear being loaded twice. */
typedef enum icd_verdict {
  ICD_HAS_DEVICES,
  ICD_HAS_NONE, /* it answers, but has no device */
  ICD_BROKEN,   /* it cannot be loaded, or is no driver */
  ICD_CRASHES,
  ICD_HANGS,
  ICD_NOT_ASKED /* there is no process to ask it in */
} icd_verdict;

/* What the loader says of itself; false where it has no words. */
typedef struct icd_loader_words {
  char name[64], version[64], vendor[64];
} icd_loader_words;
bool icd_ask_loader(icd_loader_words *words);

/* Waits at most so many seconds. `text` says it in words. */
icd_verdict icd_ask(const icd *one, unsigned seconds, char *text, size_t size);

#endif
