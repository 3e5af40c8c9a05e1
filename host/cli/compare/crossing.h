/* From which length on one contestant is faster than another. */
#ifndef CLATTN_CLI_CROSSING_H
#define CLATTN_CLI_CROSSING_H

#include <stddef.h>

typedef enum crossing_kind {
  CROSSING_UNKNOWN, /* no length has a time of both */
  CROSSING_NEVER,   /* slower at all lengths */
  CROSSING_ALWAYS,  /* faster at all lengths */
  CROSSING_FROM,    /* faster from `length` to the last one */
  CROSSING_UNTIL,   /* faster before `length`, slower from there on */
  CROSSING_KINDS
} crossing_kind;

typedef struct crossing {
  crossing_kind kind;
  double length;  /* of the last crossing, interpolated on logarithmic axes */
  double seconds; /* of both, there */
  double last;    /* the last length at which both have a time */
  size_t changes; /* number of crossings */
} crossing;

/* Times of both at ascending lengths; 0: no time. With equal times `one` counts as slower. */
crossing crossing_of(const double *lengths, const double *one, const double *other, size_t count);

/* "never", "from", ...; never NULL. */
const char *crossing_kind_name(crossing_kind kind);

#endif
