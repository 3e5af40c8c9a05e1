/* The list of reasons in a plan. */
#include "plan/reasons.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem/sized.h"

#define TEXT_BYTES 512

typedef struct reason_entry {
  clattn_reason_kind kind;
  clattn_stage stage;
  const clattn_kernel *row; /* NULL: the reason is about a tuning record */
  char choice[CLATTN_CHOICE_TEXT];
  char program[CLATTN_ORIGIN_TEXT];
  char text[TEXT_BYTES];
} reason_entry;

/* Appends an entry; NULL: no memory. */
static reason_entry *append(clattn_plan *plan, clattn_error *error) {
  clattn_reasons *list = &plan->reasons;
  if (list->count == list->room) {
    const size_t room = list->room == 0 ? 16 : 2 * list->room;
    reason_entry *grown = realloc(list->entry, room * sizeof *grown);
    if (grown == NULL) {
      clattn_fail_malloc(error, room * sizeof *grown, "a plan's reasons");
      return NULL;
    }
    list->entry = grown;
    list->room = room;
  }
  return &list->entry[list->count++];
}

/* Keeps only the first line: a compiler's log may follow it. */
static void fill_text(reason_entry *entry, const char *format, va_list values) {
  vsnprintf(entry->text, sizeof entry->text, format, values);
  entry->text[strcspn(entry->text, "\n")] = '\0';
}

clattn_status clattn_reason_add(clattn_plan *plan, clattn_reason_kind kind, const clattn_choice *choice,
                                clattn_error *error, const char *format, ...) {
  reason_entry *entry = append(plan, error);
  if (entry == NULL) return CLATTN_OUT_OF_HOST_MEMORY;
  *entry = (reason_entry){.kind = kind, .stage = choice->stage, .row = choice->row};
  clattn_write_choice(choice, entry->choice, sizeof entry->choice);
  memcpy(entry->program, choice->origin, sizeof entry->program);
  va_list values;
  va_start(values, format);
  fill_text(entry, format, values);
  va_end(values);
  return CLATTN_OK;
}

clattn_status clattn_reason_record(clattn_plan *plan, clattn_stage stage, clattn_error *error, const char *format,
                                   ...) {
  reason_entry *entry = append(plan, error);
  if (entry == NULL) return CLATTN_OUT_OF_HOST_MEMORY;
  *entry = (reason_entry){.kind = CLATTN_REASON_RECORD_REFUSED, .stage = stage};
  va_list values;
  va_start(values, format);
  fill_text(entry, format, values);
  va_end(values);
  return CLATTN_OK;
}

void clattn_reasons_release(clattn_plan *plan) {
  free(plan->reasons.entry);
  plan->reasons = (clattn_reasons){.entry = NULL};
}

size_t clattn_plan_reason_count(const clattn_plan *plan) {
  return plan->reasons.count;
}

bool clattn_plan_get_reason(const clattn_plan *plan, size_t index, clattn_reason *reason) {
  if (index >= plan->reasons.count) return false;
  const reason_entry *entry = &plan->reasons.entry[index];
  clattn_reason own = {.size = sizeof(clattn_reason), .kind = entry->kind, .stage = entry->stage, .text = entry->text};
  if (entry->row != NULL) {
    own.kernel = entry->row->name;
    own.rung = entry->row->rung;
    own.choice = entry->choice;
    if (entry->program[0] != '\0') own.program = entry->program;
  }
  return clattn_give_sized(&clattn_sized_reason, &own, reason);
}

const char *clattn_reason_kind_name(clattn_reason_kind kind) {
  static const char *const names[CLATTN_REASON_KIND_COUNT] = {"chosen",      "by hand",         "from the record",
                                                              "passed over", "record not used", "wrong"};
  if ((int)kind < 0 || kind >= CLATTN_REASON_KIND_COUNT) return "unknown reason";
  return names[kind];
}
