/* Ways to print what was recorded about a subject. */
#ifndef CLATTN_ACCESS_REPORT_H
#define CLATTN_ACCESS_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "cli/access/subject.h"

void report_text(const subject *subject);
/* NULL without memory. */
json_t *report_json(const subject *subject);
/* Draws the first work-group of the first launch as SVG. */
void report_picture(const subject *subject, FILE *to);

#endif
