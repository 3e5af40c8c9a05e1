/* A self-test result is kept with its program, and in a file next to the compiled programs. The
 * file has the same key as the program, so the test runs again for another driver, device, kernel
 * text or tile size. */
#include "programs/program_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/program.h"
#include "programs/program_file.h"
#include "programs/program_store.h"

/* The contents after the file's head. Change the number to make results of earlier versions
 * invalid. */
#define RIGHT "answer 1 right"
#define WRONG "answer 1 wrong: "

static bool place(clattn_stored *stored, const clattn_device *device, const char *folder, const clattn_program *p,
                  clattn_test_kind kind) {
  static const char *const whats[CLATTN_TESTED_TYPES][2] = {
      {"answer", "pieces.answer"}, {"f16.answer", "f16.pieces.answer"}, {"bf16.answer", "bf16.pieces.answer"}};
  return folder != NULL && folder[0] != '\0' &&
         clattn_store_place(stored, device, folder, p->options, p->text, whats[kind.type][kind.in_pieces]) &&
         clattn_store_prepare(stored) == NULL;
}

static void set(clattn_program *p, clattn_test_kind kind, clattn_program_test test, const char *text) {
  p->tested[kind.type][kind.in_pieces].test = test;
  snprintf(p->tested[kind.type][kind.in_pieces].text, sizeof p->tested[kind.type][kind.in_pieces].text, "%.*s",
           CLATTN_TEST_TEXT - 1, text);
}

/* Accepts only the exact texts that this code writes. */
static void look_up(clattn_program *p, clattn_test_kind kind, const clattn_stored *stored) {
  unsigned char *bytes = NULL;
  char text[CLATTN_TEST_TEXT + sizeof WRONG];
  size_t size = 0;
  if (clattn_program_file_read(stored->path, stored->key, &bytes, &size) != CLATTN_PROGRAM_FILE_READ) return;
  if (size < sizeof text && memchr(bytes, '\0', size) == NULL) {
    memcpy(text, bytes, size);
    text[size] = '\0';
    if (strcmp(text, RIGHT) == 0)
      set(p, kind, CLATTN_TEST_PASSED, "");
    else if (strncmp(text, WRONG, strlen(WRONG)) == 0)
      set(p, kind, CLATTN_TEST_FAILED, text + strlen(WRONG));
  }
  free(bytes);
}

clattn_program_test clattn_program_test_of(const clattn_device *device, clattn_program *p, clattn_test_kind kind,
                                           const char *folder, const char **text) {
  clattn_stored stored;
  if (p->tested[kind.type][kind.in_pieces].test == CLATTN_TEST_NOT_RUN && place(&stored, device, folder, p, kind))
    look_up(p, kind, &stored);
  if (text != NULL) *text = p->tested[kind.type][kind.in_pieces].text;
  return p->tested[kind.type][kind.in_pieces].test;
}

void clattn_program_test_keep(const clattn_device *device, clattn_program *p, clattn_test_kind kind, const char *folder,
                              clattn_program_test test, const char *text) {
  clattn_stored stored;
  char line[CLATTN_TEST_TEXT + sizeof WRONG] = RIGHT;
  set(p, kind, test, text);
  if (!place(&stored, device, folder, p, kind)) return;
  if (test == CLATTN_TEST_FAILED) snprintf(line, sizeof line, "%s%s", WRONG, p->tested[kind.type][kind.in_pieces].text);
  clattn_program_file_write(stored.path, stored.key, (const unsigned char *)line, strlen(line));
}
