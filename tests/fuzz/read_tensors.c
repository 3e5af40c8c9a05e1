/* Says what the readers of .npy, .npz and .safetensors files make of many files, for compare_with_peers.py.
 *
 * Standard input is pairs of texts, each closed by a NUL: "npy=PATH", "npz=PATH" or "safetensors=PATH", and the name of
 * a tensor, which is nothing to the first. A line for each pair:
 *
 *     read TYPE RANK SHAPE... BITS...    the elements' bits in hexadecimal
 *     absent                             the file is as it should be, but has no tensor of that name
 *     refused MESSAGE
 */
#define _POSIX_C_SOURCE 200809L /* getdelim */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files/npy.h"
#include "cli/files/npz.h"
#include "cli/files/safetensors.h"

static void print_array(const array *a) {
  printf("read %s %d", element_name(a->type), a->rank);
  for (int axis = 0; axis < a->rank; ++axis) printf(" %zu", a->shape[axis]);
  for (size_t i = 0; i < a->count; ++i) {
    uint32_t bits;
    memcpy(&bits, &a->data[i], sizeof bits);
    printf(" %08" PRIx32, bits);
  }
  putchar('\n');
}

static bool read_pair(const char *path, const char *name) {
  static const char npy[] = "npy=", npz[] = "npz=", safetensors[] = "safetensors=";
  array a;
  char message[512] = "";
  file_status status;
  if (strncmp(path, npy, sizeof npy - 1) == 0)
    status = npy_read(path + sizeof npy - 1, &a, message, sizeof message);
  else if (strncmp(path, npz, sizeof npz - 1) == 0)
    status = npz_read(path + sizeof npz - 1, name, &a, message, sizeof message);
  else if (strncmp(path, safetensors, sizeof safetensors - 1) == 0)
    status = safetensors_read(path + sizeof safetensors - 1, name, &a, message, sizeof message);
  else
    return false;
  if (status == FILE_OK)
    print_array(&a);
  else if (status == FILE_NO_TENSOR)
    puts("absent");
  else
    printf("refused %s\n", message);
  array_free(&a);
  return true;
}

int main(void) {
  char *path = NULL, *name = NULL;
  size_t path_room = 0, name_room = 0;
  bool good = true;
  while (good && getdelim(&path, &path_room, '\0', stdin) > 0) {
    good = getdelim(&name, &name_room, '\0', stdin) > 0 && read_pair(path, name);
  }
  free(path);
  free(name);
  return good && fflush(stdout) == 0 ? 0 : 2;
}
