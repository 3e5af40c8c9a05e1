/* Starts gnuplot and sends it commands. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "cli/report/gnuplot.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cli/command.h"

#ifdef _WIN32
#include <io.h>
#define close _close
#define dup _dup
#define dup2 _dup2
#define fileno _fileno
#define popen _popen
#define pclose _pclose
#define NOWHERE "NUL"
#else
#include <unistd.h>
#define NOWHERE "/dev/null"
#endif

bool gnuplot_is_there(const char *option) {
  FILE *tried = popen("gnuplot --version >" NOWHERE " 2>&1", "w");
  if (tried != NULL && pclose(tried) == 0) return true;
  complain("%s needs gnuplot, which is not installed (Debian: gnuplot-nox; elsewhere: gnuplot)", option);
  return false;
}

bool gnuplot_prepare(const char *option, const char *folder) {
  if (!gnuplot_is_there(option)) return false;
  if (clattn_make_folder(folder, CLATTN_FOR_ALL)) return true;
  complain("%s %s: cannot make the folder: %s", option, folder, strerror(errno));
  return false;
}

void gnuplot_text(FILE *script, const char *text) {
  fputc('\'', script);
  for (; *text != '\0'; ++text) {
    if (*text == '\'') fputc('\'', script);
    fputc(*text == '\n' ? ' ' : *text, script);
  }
  fputc('\'', script);
}

/* Keeps the program alive if gnuplot closes the pipe early. */
static void ignore_broken_pipe(gnuplot *g) {
#ifdef SIGPIPE
  g->broken_pipe = signal(SIGPIPE, SIG_IGN);
#else
  (void)g;
#endif
}

static void restore_broken_pipe(const gnuplot *g) {
#ifdef SIGPIPE
  if (g->broken_pipe != SIG_ERR) signal(SIGPIPE, g->broken_pipe);
#else
  (void)g;
#endif
}

/* gnuplot draws to its standard output, which becomes the file, so that the file may be a pipe
 * or have no name. */
static FILE *start_into(FILE *file) {
  fflush(stdout);
  const int own = dup(fileno(stdout));
  if (own < 0 || dup2(fileno(file), fileno(stdout)) < 0) {
    const int code = errno;
    if (own >= 0) close(own);
    errno = code;
    return NULL;
  }
  FILE *script = popen("gnuplot", "w");
  const int code = errno;
  dup2(own, fileno(stdout));
  close(own);
  errno = code;
  return script;
}

bool gnuplot_begin(gnuplot *g, gnuplot_format format, const char *folder, const char *name) {
  g->format = format;
  if (snprintf(g->path, sizeof g->path, "%s/%s", folder, name) >= (int)sizeof g->path) {
    complain("the path of %s would be longer than %zu bytes", name, sizeof g->path);
    return false;
  }
  if (!clattn_part_open(&g->part, g->path)) {
    complain("%s: cannot be written: %s", g->path, strerror(errno));
    return false;
  }
  ignore_broken_pipe(g);
  g->script = start_into(g->part.file);
  if (g->script == NULL) {
    complain("%s: gnuplot cannot be started: %s", g->path, strerror(errno));
    restore_broken_pipe(g);
    clattn_part_drop(&g->part);
    return false;
  }
  fputs("set encoding utf8\n", g->script);
  if (format == GNUPLOT_PNG) return true;
  fputs("set terminal svg size 1200,675 font 'Helvetica,16' background '#ffffff' noenhanced\n"
        "set grid back linecolor rgb '#dddddd' linetype 1\nset border linecolor rgb '#444444'\n",
        g->script);
  return true;
}

/* gnuplot does not report a full disk, but then the end of the file is missing. path NULL:
 * nothing to look into. */
static bool is_whole(gnuplot_format format, const char *path) {
  static const char *const ends[] = {[GNUPLOT_SVG] = "</svg>", [GNUPLOT_PNG] = "IEND"};
  char tail[32];
  if (path == NULL) return true;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return false;
  const bool found = fseek(file, -(long)sizeof tail, SEEK_END) == 0;
  const size_t count = found ? fread(tail, 1, sizeof tail, file) : 0, length = strlen(ends[format]);
  fclose(file);
  for (size_t i = 0; i + length <= count; ++i)
    if (memcmp(tail + i, ends[format], length) == 0) return true;
  return false;
}

bool gnuplot_end(gnuplot *g) {
  fputs("\nunset output\n", g->script);
  const bool drawn = pclose(g->script) == 0 && is_whole(g->format, g->part.name);
  restore_broken_pipe(g);
  if (clattn_part_place(&g->part, drawn)) return true;
  if (drawn)
    complain("%s: cannot be written: %s", g->path, strerror(errno));
  else
    complain("%s: gnuplot could not draw it, or the disk is full", g->path);
  return false;
}
