/* The .icd files that the OpenCL loader reads: each names the library of a driver. macOS and
 * Windows have none; the lists are empty there. */
#ifndef CLATTN_CLI_ICD_H
#define CLATTN_CLI_ICD_H

#include <stdbool.h>
#include <stddef.h>

enum { ICD_PATH_BYTES = 4096, ICD_TEXT_BYTES = 512 };

typedef struct icd {
  char file[ICD_PATH_BYTES];    /* "": the loader gets the library directly */
  char library[ICD_PATH_BYTES]; /* as written in the file; "" if that cannot be read */
  char trouble[ICD_TEXT_BYTES]; /* why it cannot be loaded, if that is known without loading it; else "" */
} icd;

typedef struct icd_list {
  icd *one;
  size_t count;
  char from[ICD_PATH_BYTES + 32]; /* the variable that sets the place, "OCL_ICD_VENDORS=..."; "": the usual folder */
  char trouble[ICD_PATH_BYTES + ICD_TEXT_BYTES]; /* what is wrong with the place; else "" */
} icd_list;

/* Finds the drivers that the loader will use. False without memory; then there is nothing to
 * free. */
bool icd_find(icd_list *list);
void icd_free(icd_list *list);

/* The name of the file, or of the library if there is no file, without control characters. */
void icd_name(const icd *one, char *text, size_t size);

/* "PATH (NAME VERSION, VENDOR)" of the loader. */
void icd_loader(char *text, size_t size);

/* How a driver responds to a query of its platforms and devices. The query runs in a process of
 * its own: a broken driver may end that process, and drivers cannot be loaded twice. */
typedef enum icd_response {
  ICD_HAS_DEVICES,
  ICD_HAS_NONE, /* it responds, but has no device */
  ICD_BROKEN,   /* it cannot be loaded, or is not a driver */
  ICD_CRASHES,
  ICD_HANGS,
  ICD_NOT_QUERIED /* no process could be started for the query */
} icd_response;

/* How the loader names itself. */
typedef struct icd_loader_words {
  char name[64], version[64], vendor[64];
} icd_loader_words;
bool icd_query_loader(icd_loader_words *words); /* false if the loader cannot tell */

/* Queries a driver, for at most that many seconds. `text` gets the result in words. */
icd_response icd_query(const icd *one, unsigned seconds, char *text, size_t size);

#endif
