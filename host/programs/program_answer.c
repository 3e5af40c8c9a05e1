/* Answers are kept with the program that gave them, and beside the compiled programs in a file of their own: under the
 * same key, so that another driver, device, kernel text or tile size asks again. */
#include "programs/program_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/program.h"
#include "programs/program_file.h"
#include "programs/program_store.h"

/* What follows the head of a file. Another number makes what earlier versions asked of no use. */
#define RIGHT "answer 1 right"
#define WRONG "answer 1 wrong: "

static bool place(clattn_stored *stored, const clattn_device *device, const char *folder, const clattn_program *p) {
  return folder != NULL && folder[0] != '\0' &&
         clattn_store_place(stored, device, folder, p->options, p->text, "answer") &&
         clattn_store_prepare(stored) == NULL;
}

static void set(clattn_program *p, clattn_answer answer, const char *text) {
  p->answer = answer;
  snprintf(p->answer_text, sizeof p->answer_text, "%.*s", CLATTN_ANSWER_TEXT - 1, text);
}

/* A file is the program's own words or it is not looked at. */
static void look_up(clattn_program *p, const clattn_stored *stored) {
  unsigned char *bytes = NULL;
  char text[CLATTN_ANSWER_TEXT + sizeof WRONG];
  size_t size = 0;
  if (clattn_program_file_read(stored->path, stored->key, &bytes, &size) != CLATTN_PROGRAM_FILE_READ) return;
  if (size < sizeof text && memchr(bytes, '\0', size) == NULL) {
    memcpy(text, bytes, size);
    text[size] = '\0';
    if (strcmp(text, RIGHT) == 0)
      set(p, CLATTN_ANSWER_RIGHT, "");
    else if (strncmp(text, WRONG, strlen(WRONG)) == 0)
      set(p, CLATTN_ANSWER_WRONG, text + strlen(WRONG));
  }
  free(bytes);
}

clattn_answer clattn_answer_of(const clattn_device *device, clattn_program *p, const char *folder, const char **text) {
  clattn_stored stored;
  if (p->answer == CLATTN_ANSWER_UNKNOWN && place(&stored, device, folder, p)) look_up(p, &stored);
  if (text != NULL) *text = p->answer_text;
  return p->answer;
}

void clattn_answer_keep(const clattn_device *device, clattn_program *p, const char *folder, clattn_answer answer,
                        const char *text) {
  clattn_stored stored;
  char line[CLATTN_ANSWER_TEXT + sizeof WRONG] = RIGHT;
  set(p, answer, text);
  if (!place(&stored, device, folder, p)) return;
  if (answer == CLATTN_ANSWER_WRONG) snprintf(line, sizeof line, "%s%s", WRONG, p->answer_text);
  clattn_program_file_write(stored.path, stored.key, (const unsigned char *)line, strlen(line));
}
