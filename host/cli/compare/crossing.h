/* From which length on one is faster than another. */
#ifndef CLATTN_CLI_CROSSING_H
#define CLATTN_CLI_CROSSING_H

#include <stddef.h>

typedef enum crossing_kind {
  CROSSING_UNKNOWN, /* there is no length at which both have a time */
  CROSSING_NEVER,   /* behind at all lengths */
  CROSSING_ALWAYS,  /* ahead at all lengths */
  CROSSING_FROM,    /* ahead from `length` on, up to the last */
  CROSSING_UNTIL,   /* ahead before `length`, behind from there on */
  CROSSING_KINDS
} crossing_kind;

typedef struct crossing {
  crossing_kind kind;
  double length; /* of the last change of places; on a logarithmic axis, where the lines between the two lengths meet */
  double seconds; /* what both take there */
  double last;    /* the last length at which both have a time */
  size_t changes; /* of places, all in all */
} crossing;

/* Times of one and the other at lengths that ascend; 0 where there is none. Who is only as fast is behind. */
crossing crossing_of(const double *lengths, const double *one, const double *other, size_t count);

/* "never", "from", ...; never NULL. */
const char *crossing_kind_name(crossing_kind kind);

#endif
