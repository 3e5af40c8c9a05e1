/* Finds tensors in a checkpoint folder: see checkpoint.h. */
#include "cli/model/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files/file.h"
#include "cli/files/safetensors.h"
#include "cli/files/safetensors_index.h"

bool checkpoint_find(const char *folder, checkpoint *c) {
  static const char *const names[] = {"model.safetensors", "model.safetensors.index.json"};
  *c = (checkpoint){.path = NULL};
  for (int i = 0; i < 2; ++i) {
    c->path = file_join(folder, names[i]);
    c->indexed = i == 1;
    if (c->path == NULL || file_exists(c->path)) break;
    checkpoint_free(c);
  }
  if (c->path == NULL)
    complain("--model: %s has no %s and no %s (allowed: weights as .safetensors; transformers' save_pretrained makes "
             "them of others)",
             folder, names[0], names[1]);
  return c->path != NULL;
}

void checkpoint_free(checkpoint *c) {
  free(c->path);
  c->path = NULL;
}

bool checkpoint_has(const checkpoint *c, const char *tensor) {
  char *shard = NULL;
  if (!c->indexed) return safetensors_has(c->path, tensor);
  const bool has = safetensors_index_find(c->path, tensor, &shard, NULL, 0) == FILE_OK;
  free(shard);
  return has;
}

char *checkpoint_argument(const checkpoint *c, const char *tensor) {
  const size_t size = strlen(c->path) + strlen(tensor) + 2;
  char *text = malloc(size);
  if (text != NULL) snprintf(text, size, "%s:%s", c->path, tensor);
  return text;
}
