/* The .safetensors files of a checkpoint folder. */
#ifndef CLATTN_CLI_CHECKPOINT_H
#define CLATTN_CLI_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct checkpoint {
  char *path; /* of model.safetensors or of its index */
  bool indexed;
} checkpoint;

/* Looks for DIR/model.safetensors or DIR/model.safetensors.index.json. False after a complaint. Free in every case. */
bool checkpoint_find(const char *folder, checkpoint *c);
void checkpoint_free(checkpoint *c);

bool checkpoint_has(const checkpoint *c, const char *tensor);

/* "PATH:TENSOR", as options of files take it; NULL without memory. Free it. */
char *checkpoint_argument(const checkpoint *c, const char *tensor);

#endif
