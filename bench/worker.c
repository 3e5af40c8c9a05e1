/* Reads requests and writes answers; see worker.h. */
#include "worker.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"

void give_up(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

void need(clattn_status status, const clattn_error *error) {
  if (status != CLATTN_OK) give_up("%s: %s", clattn_status_name(status), error->message);
}

const char *words_text(const words *w, const char *key) {
  for (int i = 0; i < w->count; ++i)
    if (strcmp(w->key[i], key) == 0) return w->value[i];
  give_up("the case has no value for %s", key);
}

size_t words_number(const words *w, const char *key) {
  const char *text = words_text(w, key);
  char *end = NULL;
  const unsigned long long number = strtoull(text, &end, 10);
  if (end == text || *end != '\0') give_up("%s=%s is not a number", key, text);
  return (size_t)number;
}

/* Splits w->text into its words. */
static void cut_words(words *w) {
  w->count = 0;
  for (char *word = strtok(w->text, " \n"); word != NULL; word = strtok(NULL, " \n")) {
    char *equals = strchr(word, '=');
    if (equals == NULL || w->count == sizeof w->key / sizeof w->key[0]) give_up("not understood: '%s'", word);
    *equals = '\0';
    w->key[w->count] = word;
    w->value[w->count++] = equals + 1;
  }
}

static FILE *open_or_give_up(const char *path, const char *mode) {
  FILE *file = fopen(path, mode);
  if (file == NULL) give_up("cannot open '%s'", path);
  return file;
}

void greet(const clattn_device *device, const char *engine, char answer[ANSWER_SIZE]) {
  const clattn_device_info *info = clattn_device_get_info(device);
  snprintf(answer, ANSWER_SIZE, "%s | %s | %s | %s | %u lanes", engine, info->name, info->platform,
           info->driver_version, info->native_float_width);
}

void *read_numbers(const char *folder, const char *name, size_t bytes) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.bin", folder, name);
  FILE *file = open_or_give_up(path, "rb");
  void *data = malloc(bytes);
  if (data == NULL || fread(data, 1, bytes, file) != bytes) give_up("'%s' has not the expected %zu bytes", path, bytes);
  fclose(file);
  return data;
}

void write_numbers(const char *path, const void *data, size_t bytes) {
  FILE *file = open_or_give_up(path, "wb");
  if (fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0) give_up("cannot write '%s'", path);
}

static void answer_case(const worker *w, const char *text) {
  words of_case;
  char answer[ANSWER_SIZE] = "";
  snprintf(of_case.text, sizeof of_case.text, "%s", text);
  cut_words(&of_case);
  const int ready = w->prepare(&of_case, answer);
  answer[strcspn(answer, "\n")] = '\0';
  printf("%s %s\n", ready ? "ready" : "unsupported", answer);
}

static void answer_run(double (*run)(void), long count) {
  const double first = run();
  for (long i = count; i > 0; --i) {
    const bool first_counts = i == 1 && first > WARM_SECONDS;
    printf("%.9f%s", first_counts ? first : run(), i > 1 ? " " : "\n");
  }
}

/* "limit NAME BYTES" and "probe NAME N"; false if the line is neither. */
static int answer_limit(const worker *w, const char *line) {
  char name[32];
  unsigned long long number = 0;
  if (w->device == NULL) return 0;
  if (sscanf(line, "limit %31s %llu", name, &number) == 2) {
    printf("%.9g\n", limit_prepare(w->device, name, (size_t)number));
    return 1;
  }
  if (sscanf(line, "probe %31s %llu", name, &number) != 2) return 0;
  limit_choose(name);
  answer_run(limit_run, (long)number);
  return 1;
}

int worker_serve(const worker *w) {
  char line[4096];
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (strncmp(line, "case ", 5) == 0) {
      answer_case(w, line + 5);
    } else if (strncmp(line, "run ", 4) == 0) {
      answer_run(w->run, strtol(line + 4, NULL, 10));
    } else if (!answer_limit(w, line)) {
      give_up("not understood: '%s'", line);
    }
    fflush(stdout);
  }
  limit_close();
  return 0;
}
