/* Draws with gnuplot: objects and labels in a plot without axes, whose coordinates are pixels. */
#include "cli/report/canvas.h"
#include "cli/report/gnuplot.h"

/* gnuplot centres labels on their line: this far above the base line. */
enum { ABOVE_BASE = 5 };

static void begin(FILE *to, double width, double height) {
  fprintf(to,
          "set terminal pngcairo size %.0f,%.0f font 'Helvetica,12' background '#ffffff' noenhanced\n"
          "unset border\nunset tics\nunset key\nunset grid\n"
          "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\nset tmargin at screen 1\n"
          "set xrange [0:%.0f]\nset yrange [%.0f:0]\n",
          width, height, width, height);
}

static void rectangle(FILE *to, double x, double y, double width, double height, unsigned colour) {
  fprintf(to, "set object rectangle from %.0f,%.0f to %.0f,%.0f fillcolor rgb '#%06x' fillstyle solid noborder\n", x, y,
          x + width, y + height, colour);
}

static void text(FILE *to, double x, double y, const text_look *look, const char *text) {
  static const char *const anchors[] = {"left", "center", "right"};
  fputs("set label ", to);
  gnuplot_text(to, text);
  fprintf(to, " at %.0f,%.0f %s front textcolor rgb '#%06x'%s\n", x, y - ABOVE_BASE, anchors[look->anchor],
          look->colour, look->heading ? " font 'Helvetica Bold,15'" : "");
}

static void end(FILE *to) {
  fputs("plot NaN notitle\n", to);
}

const canvas gnuplot_canvas = {begin, rectangle, text, end};
