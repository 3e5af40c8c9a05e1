/* Element types: names, sizes, and conversion to float and back. The library converts half and
 * bfloat16. */
#include "cli/files/element.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "clattn_inspect.h"

_Static_assert(sizeof(double) == 8 && DBL_MANT_DIG == 53, "double must be IEEE binary64");

static const struct {
  size_t bytes;
  const char *name;
} types[] = {[NPY_F4] = {4, "f4"},     [NPY_F8] = {8, "f8"}, [NPY_F2] = {2, "f2"}, [NPY_BF16] = {2, "bfloat16"},
             [NPY_BOOL] = {1, "bool"}, [NPY_I4] = {4, "i4"}, [NPY_I8] = {8, "i8"}};

size_t element_bytes(npy_type type) {
  return types[type].bytes;
}

const char *element_name(npy_type type) {
  return types[type].name;
}

static bool narrow_double(uint64_t bits, float *element) {
  double value;
  memcpy(&value, &bits, sizeof value);
  if (isfinite(value) && !(value >= -(double)FLT_MAX && value <= (double)FLT_MAX)) return false;
  *element = (float)value;
  return true;
}

bool element_widen(npy_type type, uint64_t bits, float *element) {
  const uint32_t word = (uint32_t)bits;
  const uint16_t half_word = (uint16_t)bits;
  switch (type) {
  case NPY_F4:
    memcpy(element, &word, sizeof word);
    break;
  case NPY_F8:
    return narrow_double(bits, element);
  case NPY_F2:
    clattn_widen(CLATTN_F16, &half_word, 1, element);
    break;
  case NPY_BF16:
    clattn_widen(CLATTN_BF16, &half_word, 1, element);
    break;
  case NPY_BOOL:
    *element = bits == 1 ? 1.0f : 0.0f;
    return bits <= 1;
  case NPY_I4:
  case NPY_I8:
    return false;
  }
  return true;
}

uint32_t element_round(npy_type type, float element) {
  uint32_t word;
  uint16_t half_word;
  memcpy(&word, &element, sizeof word);
  if (type == NPY_F4) return word;
  clattn_narrow(type == NPY_F2 ? CLATTN_F16 : CLATTN_BF16, &element, 1, &half_word);
  return half_word;
}
