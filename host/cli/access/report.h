/* What was found out about a subject, and the ways to show it. */
#ifndef CLATTN_ACCESS_REPORT_H
#define CLATTN_ACCESS_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "cli/access/subject.h"

void report_text(const subject *subject);
/* NULL without memory. */
json_t *report_json(const subject *subject);
/* The first work-group of the first launch, as a picture. */
void report_picture(const subject *subject, FILE *to);

#endif
