/* The words of a place, drawn: which work-items load and store each. */
#ifndef CLATTN_ACCESS_WORDS_H
#define CLATTN_ACCESS_WORDS_H

#include <stdio.h>

#include "cli/access/cells.h"

enum { CELL = 10 }; /* pixels from a word to the next, across and down */

/* Where the words of a place are drawn. */
typedef struct words {
  const cell *cells;  /* one for each word */
  const size_t *line; /* one for each row of the place: the line that shows it, WORDS_HIDDEN for none */
  size_t count;       /* words */
  size_t columns;     /* words in a row */
  size_t items;       /* work-items in the group: they share the colours out */
  double x, y;        /* the upper left corner, in pixels */
} words;

#define WORDS_HIDDEN ((size_t)-1)

/* The style and the column headings that words_draw() and words_heading() refer to; once in a file. */
void words_style(FILE *to);
void words_definitions(FILE *to);

void words_heading(FILE *to, bool local, double x, double y);

/* What a file has already: the same words again refer to it. Starts as zeros. */
typedef struct words_drawn {
  char **text;
  size_t count;
} words_drawn;

/* Draws nothing without memory. */
void words_draw(FILE *to, words_drawn *drawn, const words *words);
void words_forget(words_drawn *drawn);

/* The colour of work-item `item` of `of`, "#rrggbb". */
void words_colour(size_t item, size_t of, char text[8]);

#endif
