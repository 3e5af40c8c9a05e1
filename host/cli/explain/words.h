/* Numbers as words. */
#ifndef CLATTN_CLI_WORDS_H
#define CLATTN_CLI_WORDS_H

/* "64.0 %", "< 0.1 %"; returns text. */
const char *words_share(double weight, char text[16]);

#endif
