/* Numbers as words. */
#ifndef CLATTN_WORDS_H
#define CLATTN_WORDS_H

/* "64.0 %", "< 0.1 %"; returns text. */
const char *clattn_words_share(double weight, char text[16]);

#endif
