/* Tuning records: JSON files with the fastest kernels on one device, with one driver and this
 * library's kernels. Files are not trusted: any irregularity is a reason to ignore the record. */
#ifndef CLATTN_RECORD_H
#define CLATTN_RECORD_H

#include "tuning/tuning_key.h"

#define CLATTN_TUNED_TEXT 128

typedef struct clattn_record_entry {
  clattn_tuning_key key;
  char kernel[CLATTN_TUNED_TEXT]; /* only letters, digits and :=_; may still name no kernel of the catalogue */
  char standard[CLATTN_TUNED_TEXT];
  double gflops, standard_gflops;
  unsigned repeats;
} clattn_record_entry;

typedef struct clattn_record {
  char date[32];
  clattn_record_entry *entry;
  size_t count;
} clattn_record;

typedef enum clattn_record_state {
  CLATTN_RECORD_READ,
  CLATTN_RECORD_MISSING,
  CLATTN_RECORD_STALE, /* for this device, but made with another driver or other kernels */
  CLATTN_RECORD_BAD    /* for another device, not a record, or unreadable */
} clattn_record_state;

/* Fills the record, or the error with the reason why it cannot be used. Release the record in every
 * case. */
clattn_record_state clattn_record_read(const char *path, const clattn_device_info *device, clattn_record *record,
                                       clattn_error *error);
void clattn_record_release(clattn_record *record);

/* The entry with the nearest key; NULL if none is near enough. */
const clattn_record_entry *clattn_record_find(const clattn_record *record, const clattn_tuning_key *key);

/* Adds the entry, or replaces the one with the same key. */
clattn_status clattn_record_put(clattn_record *record, const clattn_record_entry *entry, clattn_error *error);

/* Writes a new file and renames it, so that the record is never incomplete. Sets its date to
 * now. */
clattn_status clattn_record_write(const char *path, const clattn_device_info *device, const clattn_record *record,
                                  clattn_error *error);

#endif
