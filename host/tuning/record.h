/* Tuning records: a JSON file of what was found best on one device, with one driver and these kernels. What is read is
 * not trusted: anything that is not as it should be is a reason not to use the record. */
#ifndef CLATTN_RECORD_H
#define CLATTN_RECORD_H

#include "tuning/tuning_key.h"

#define CLATTN_TUNED_TEXT 128

typedef struct clattn_record_entry {
  clattn_tuning_key key;
  char kernel[CLATTN_TUNED_TEXT]; /* letters, digits and : = _ alone, but not known to be a choice */
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
  CLATTN_RECORD_STALE, /* of this device, but of another driver or other kernels */
  CLATTN_RECORD_BAD    /* of another device, or no record, or it cannot be read */
} clattn_record_state;

/* Fills the record, or the error with the reason why it is of no use. Release the record in every case. */
clattn_record_state clattn_record_read(const char *path, const clattn_device_info *device, clattn_record *record,
                                       clattn_error *error);
void clattn_record_release(clattn_record *record);

/* The nearest entry; NULL where none is near enough. */
const clattn_record_entry *clattn_record_find(const clattn_record *record, const clattn_tuning_key *key);

/* Adds the entry, or puts it into the place of the one with the same key. */
clattn_status clattn_record_put(clattn_record *record, const clattn_record_entry *entry, clattn_error *error);

/* Through a file beside it that is renamed, so that the record is never half written. Dated now. */
clattn_status clattn_record_write(const char *path, const clattn_device_info *device, const clattn_record *record,
                                  clattn_error *error);

#endif
