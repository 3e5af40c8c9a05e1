/* What a picture is drawn with: rectangles and text on a white ground, in pixels from the top left corner. */
#ifndef CLATTN_CLI_CANVAS_H
#define CLATTN_CLI_CANVAS_H

#include <stdbool.h>
#include <stdio.h>

typedef enum text_anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END } text_anchor;

typedef struct text_look {
  text_anchor anchor;
  unsigned colour; /* 0xRRGGBB */
  bool heading;    /* large and bold */
} text_look;

typedef struct canvas {
  void (*begin)(FILE *to, double width, double height);
  void (*rectangle)(FILE *to, double x, double y, double width, double height, unsigned colour);
  void (*text)(FILE *to, double x, double y, const text_look *look, const char *text); /* y: of the base line */
  void (*end)(FILE *to);
} canvas;

extern const canvas svg_canvas;     /* writes SVG */
extern const canvas gnuplot_canvas; /* writes commands for gnuplot */

#endif
