#include "report.h"
void report_picture(const subject *s, FILE *to) { (void)s; (void)to; }
