/* Texts that select kernels: "scores=2,softmax=register:LOCAL_X=64", and for one stage
 * "register:LOCAL_X=64". */
#include <stdio.h>
#include <string.h>

#include "plan/choice.h"
#include "problem/stages.h"
#include "base/status.h"
#include "catalog/tiles.h"
#include "probe/matrix.h"

/* Returns the part of `text` before the first `separator` and moves `text` to just after it. */
static clattn_text cut(clattn_text *text, char separator) {
  const char *at = memchr(text->start, separator, text->length);
  const clattn_text part = {text->start, at == NULL ? text->length : (size_t)(at - text->start)};
  const size_t used = at == NULL ? text->length : part.length + 1;
  text->start += used;
  text->length -= used;
  return part;
}

static bool equals(clattn_text part, const char *text) {
  return part.length == strlen(text) && strncmp(part.start, text, part.length) == 0;
}

static clattn_status fail_syntax(clattn_text item, clattn_error *error) {
  char allowed[256] = "";
  size_t used = 0;
  for (int s = 0; s < CLATTN_STAGE_COUNT && used < sizeof allowed; ++s)
    if (clattn_is_of_plans((clattn_stage)s))
      used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", s > 0 ? ", " : "",
                               clattn_stage_name((clattn_stage)s));
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                     "kernel selection '%.*s' (allowed: STAGE=RUNG or STAGE=NAME, optionally followed by :TILE=SIZE; "
                     "STAGE is one of %s)",
                     (int)item.length, item.start, allowed);
}

/* "scores=2:TILE=8,softmax=naive" -> wanted[CLATTN_STAGE_SCORES] = "2:TILE=8", ... */
clattn_status clattn_split_kernels(const char *kernels, clattn_text wanted[CLATTN_STAGE_COUNT], clattn_error *error) {
  clattn_text text = {kernels, kernels == NULL ? 0 : strlen(kernels)};
  while (text.length > 0) {
    clattn_text kernel = cut(&text, ',');
    const clattn_text item = kernel, name = cut(&kernel, '=');
    int stage = 0;
    while (stage < CLATTN_STAGE_COUNT && !equals(name, clattn_stage_name((clattn_stage)stage))) ++stage;
    const bool known = stage < CLATTN_STAGE_COUNT && clattn_is_of_plans((clattn_stage)stage);
    if (!known || kernel.length == 0) return fail_syntax(item, error);
    if (wanted[stage].start != NULL)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "stage %s is named twice in '%s'",
                         clattn_stage_name((clattn_stage)stage), kernels);
    wanted[stage] = kernel;
  }
  return CLATTN_OK;
}

static clattn_status fail_unknown_kernel(clattn_stage stage, clattn_text name, clattn_error *error) {
  char allowed[1024] = "";
  for (size_t i = 0; i < clattn_kernel_count(); ++i) {
    const clattn_kernel *row = clattn_catalog_at(i);
    if (row->stage != clattn_stage_kernels(stage)) continue;
    const size_t used = strlen(allowed);
    if (row->rung > 0)
      snprintf(allowed + used, sizeof allowed - used, "%s%d %s", used > 0 ? ", " : "", row->rung, row->name);
    else
      snprintf(allowed + used, sizeof allowed - used, "%s%s", used > 0 ? ", " : "", row->name);
  }
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "stage %s has no kernel '%.*s' (allowed: %s)",
                     clattn_stage_name(stage), (int)name.length, name.start, allowed);
}

static clattn_status set_tile(clattn_choice *choice, clattn_text setting, clattn_error *error) {
  const clattn_text item = setting;
  const clattn_text name = cut(&setting, '=');
  char valid[128] = "none", number[16];
  for (size_t i = 0; choice->row->tile[i].name != NULL; ++i) {
    const clattn_tile *tile = &choice->row->tile[i];
    if (!equals(name, tile->name)) continue;
    size_t used = 0;
    for (int v = 0; v < CLATTN_VALID_MOST && tile->valid[v] != 0; ++v) {
      snprintf(number, sizeof number, "%d", tile->valid[v]);
      if (equals(setting, number)) {
        choice->value[i] = tile->valid[v];
        return CLATTN_OK;
      }
      used += (size_t)snprintf(valid + used, sizeof valid - used, "%s%s", v > 0 ? ", " : "", number);
    }
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "tile setting '%.*s' of kernel %s (allowed: %s)",
                       (int)item.length, item.start, choice->row->name, valid);
  }
  size_t used = 0;
  for (size_t i = 0; choice->row->tile[i].name != NULL; ++i)
    used += (size_t)snprintf(valid + used, sizeof valid - used, "%s%s", i > 0 ? ", " : "", choice->row->tile[i].name);
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "tile setting '%.*s' of kernel %s (allowed: %s)", (int)item.length,
                     item.start, choice->row->name, valid);
}

clattn_status clattn_parse_choice(const clattn_plan *plan, clattn_stage stage, clattn_text text, clattn_choice *choice,
                                  clattn_error *error) {
  const clattn_text name = cut(&text, ':');
  const clattn_kernel *row = clattn_catalog_find(stage, name.start, name.length);
  if (row == NULL) return fail_unknown_kernel(stage, name, error);
  *choice = (clattn_choice){.stage = stage, .row = row};
  if (row->matrix_unit) clattn_matrix_find(plan->device, &plan->problem, stage);
  const clattn_extent extent = clattn_extent_of(&plan->problem, stage, &plan->device->info);
  const bool sized = text.length > 0;
  if (sized || clattn_fit_tiles(row, &extent, &plan->device->info, choice->value, NULL) != CLATTN_OK)
    clattn_standard_tiles(row, &extent, &plan->device->info, choice->value);
  clattn_status status = CLATTN_OK;
  while (status == CLATTN_OK && text.length > 0) status = set_tile(choice, cut(&text, ':'), error);
  return status;
}

void clattn_write_choice(const clattn_choice *choice, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "%s", choice->row->name);
  for (size_t i = 0; choice->row->tile[i].name != NULL && used < size; ++i)
    used += (size_t)snprintf(text + used, size - used, ":%s=%d", choice->row->tile[i].name, choice->value[i]);
}
