/* Conversions between numbers: PTX ISA, "Data Movement and Conversion Instructions: cvt". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

/* ---- floats of 16 bits ------------------------------------------------------------------------------------------- */

float ptx_float_of_half(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
  uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13;
  if (exponent == 31) bits = sign | 0x7f800000u | fraction << 13;
  float value;
  memcpy(&value, &bits, sizeof value);
  if (exponent == 0) value = copysignf((float)fraction * 0x1p-24f, sign != 0 ? -1.0f : 1.0f);
  return value;
}

float ptx_float_of_bfloat(uint16_t bfloat) {
  const uint32_t bits = (uint32_t)bfloat << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* The nearest number with `digits` bits of fraction and `exponent_bits` of exponent, ties to even; `zero`: towards 0.
 */
static uint16_t narrow(double value, int digits, int exponent_bits, bool zero) {
  const int bias = (1 << (exponent_bits - 1)) - 1, least = 1 - bias;
  const uint16_t sign = signbit(value) ? 0x8000 : 0, infinite = (uint16_t)(((1 << exponent_bits) - 1) << digits);
  if (isnan(value)) return 0x7fff; /* as PTX ISA writes for NaN */
  if (isinf(value)) return sign | infinite;
  int exponent = least + 1; /* of 0 */
  if (value != 0.0) frexp(value, &exponent);
  exponent = exponent - 1 < least ? least : exponent - 1;
  const double units = ldexp(fabs(value), digits - exponent), whole = zero ? trunc(units) : nearbyint(units);
  /* A subnormal number has fewer than 2^digits units; rounding up to a power of two carries into the exponent. */
  const uint64_t bits = (uint64_t)whole + ((uint64_t)(exponent - least) << digits);
  if (bits >= infinite) return sign | (uint16_t)(zero ? infinite - 1 : infinite);
  return sign | (uint16_t)bits;
}

/* ---- cvt --------------------------------------------------------------------------------------------------------- */

/* A value on its way: one of the two, as the type it comes from says. */
typedef struct any {
  bool is_float;
  double real;
  uint64_t whole;
} any;

static uint64_t bits_at(const unsigned char *values, uint32_t register_bytes, uint32_t lane) {
  uint64_t bits = 0;
  memcpy(&bits, values + (size_t)register_bytes * lane, register_bytes);
  return bits;
}

static any loaded(const instruction *i, uint64_t bits) {
  any value = {.is_float = i->from == 'f' || i->from == 'b'};
  if (i->from == 'b') {
    value.real = ptx_float_of_bfloat((uint16_t)bits);
  } else if (i->from == 'f' && i->from_bytes == 2) {
    value.real = ptx_float_of_half((uint16_t)bits);
  } else if (i->from == 'f' && i->from_bytes == 4) {
    float real;
    const uint32_t low = (uint32_t)bits;
    memcpy(&real, &low, sizeof real);
    value.real = real;
  } else if (i->from == 'f') {
    memcpy(&value.real, &bits, sizeof value.real);
  } else {
    const uint32_t unused = 64 - 8 * i->from_bytes;
    value.whole = bits << unused >> unused;
    if (i->from == 's') value.whole = (uint64_t)((int64_t)(bits << unused) >> unused);
  }
  return value;
}

/* By the second letter of "rni", "rn" ... */
static double rounded(double value, char how) {
  return how == 'n' ? nearbyint(value) : how == 'z' ? trunc(value) : how == 'm' ? floor(value) : ceil(value);
}

/* An integer out of its type's range becomes the nearest that is in it, and NaN 0. */
static uint64_t integer_of(const instruction *i, const any *value) {
  const bool to_signed = i->to == 's';
  const uint32_t bits = 8 * i->to_bytes - (to_signed ? 1 : 0);
  const uint64_t most = UINT64_MAX >> (64 - bits);
  if (value->is_float) {
    if (isnan(value->real)) return 0;
    const double whole = rounded(value->real, i->mode[1]), limit = ldexp(1.0, (int)bits);
    if (whole >= limit) return most;
    if (to_signed && whole <= -limit) return 0 - most - 1;
    if (!to_signed && whole <= 0.0) return 0;
    return whole < 0.0 ? (uint64_t)(int64_t)whole : (uint64_t)whole;
  }
  if (!i->saturates) return value->whole;
  if (i->from == 's' && (int64_t)value->whole < 0) {
    if (!to_signed) return 0;
    return (int64_t)value->whole < -(int64_t)most - 1 ? 0 - most - 1 : value->whole;
  }
  return value->whole > most ? most : value->whole;
}

static double saturated(const instruction *i, double value) {
  return !i->saturates ? value : value > 1.0 ? 1.0 : value > 0.0 ? value : 0.0; /* NaN gives 0 */
}

static uint64_t float_bits(const instruction *i, const any *value) {
  if (i->to_bytes == 8) { /* a float of 32 or 64 bits, or an integer, which may be rounded */
    double real = !value->is_float    ? (i->from == 's' ? (double)(int64_t)value->whole : (double)value->whole)
                  : i->mode[2] == 'i' ? rounded(value->real, i->mode[1])
                                      : value->real;
    uint64_t bits;
    real = saturated(i, real);
    memcpy(&bits, &real, sizeof bits);
    return bits;
  }
  /* From an integer at once to float: by way of double it would be rounded twice. */
  float real = i->from == 's' ? (float)(int64_t)value->whole : (float)value->whole;
  if (value->is_float) {
    const double exact = saturated(i, i->mode[2] == 'i' ? rounded(value->real, i->mode[1]) : value->real);
    const bool zero = i->mode[1] == 'z' && i->mode[2] != 'i';
    if (i->to == 'b') return narrow(exact, 7, 8, zero);
    if (i->to_bytes == 2) return narrow(exact, 10, 5, zero);
    real = (float)exact;
  }
  uint32_t bits;
  memcpy(&bits, &real, sizeof bits);
  return bits;
}

static uint32_t register_bytes(const warp *w, const place *p) {
  const width of = w->group->kernel->width_of[p->id];
  return of == BITS16 ? 2 : of == BITS32 ? 4 : 8;
}

static void convert(warp *w, const instruction *i) {
  const uint32_t out = register_bytes(w, &i->at[0]), in = register_bytes(w, &i->at[1]);
  unsigned char *to = OUT(unsigned char, 0);
  const unsigned char *from = IN(unsigned char, 0);
  const uint32_t unused = 64 - 8 * i->to_bytes;
  for (uint32_t l = 0; l < LANES; ++l) {
    if ((w->mask >> l & 1) == 0) continue;
    const any value = loaded(i, bits_at(from, in, l));
    uint64_t bits = i->to == 'f' || i->to == 'b' ? float_bits(i, &value) : integer_of(i, &value);
    /* A wider register is filled with the sign, or with zeros. */
    bits = i->to == 's' ? (uint64_t)((int64_t)(bits << unused) >> unused) : bits << unused >> unused;
    memcpy(to + (size_t)out * l, &bits, out);
  }
}

/* What most loops convert. */
UNARY(half_to_float, float, uint16_t, ptx_float_of_half(a))
UNARY(signed_to_wide, int64_t, int32_t, a)

/* cvt.rn.f16x2.f32 d, a, b: a becomes the upper half. */
static void two_halves(warp *w, const instruction *i) {
  uint32_t *to = OUT(uint32_t, 0);
  const float *high = IN(float, 0), *low = IN(float, 1);
  const int digits = i->to == 'b' ? 7 : 10, exponent = i->to == 'b' ? 8 : 5;
  const bool zero = i->mode[1] == 'z';
  FOR_LANES(to[l] = narrow(low[l], digits, exponent, zero) | (uint32_t)narrow(high[l], digits, exponent, zero) << 16);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* false: no type that is known. */
static bool set_type(const char *name, char *kind, uint32_t *bytes) {
  const bool is_bfloat = strcmp(name, "bf16") == 0;
  if (!is_bfloat && (strchr("suf", name[0]) == NULL || name[0] == '\0')) return false;
  const char *digits = is_bfloat ? "16" : name + 1;
  *bytes = strcmp(digits, "8") == 0    ? 1
           : strcmp(digits, "16") == 0 ? 2
           : strcmp(digits, "32") == 0 ? 4
           : strcmp(digits, "64") == 0 ? 8
                                       : 0;
  *kind = name[0];
  return *bytes != 0 && (*kind != 'f' || *bytes > 1);
}

static width register_for(const statement *s, uint32_t number, uint32_t bytes, bool exactly) {
  const operand *o = &s->given[number];
  const width least = bytes <= 2 ? BITS16 : bytes == 4 ? BITS32 : BITS64;
  if (exactly || o->kind != ITEM || o->part[0].kind != REGISTER) return least;
  const width own = ptx_width_of(s, &o->part[0]); /* a register may be wider than an integer type */
  const uint32_t own_bytes = own == BITS16 ? 2 : own == BITS32 ? 4 : own == BITS64 ? 8 : 0;
  return own_bytes >= bytes ? own : least;
}

static bool is_float_kind(char kind) {
  return kind == 'f' || kind == 'b';
}

/* The rounding must be there where the types want it: PTX ISA, "cvt", "Description". */
static void check_rounding(const statement *s) {
  const instruction *i = s->to;
  const bool from_float = is_float_kind(i->from), to_float = is_float_kind(i->to);
  const bool is_given = i->mode[0] != '\0', is_integer = i->mode[2] == 'i';
  const bool wants = from_float != to_float || (from_float && i->to_bytes < i->from_bytes);
  if (wants && !is_given) ptx_refuse(s, "a rounding is wanted");
  if (is_given && !wants && !(from_float && is_integer)) ptx_refuse(s, "no rounding is allowed");
  if (from_float && !to_float && !is_integer) ptx_refuse(s, "a rounding to an integer is wanted");
  if (to_float && is_integer && i->to_bytes != i->from_bytes) ptx_refuse(s, "no rounding to an integer is allowed");
  if (to_float && is_given && !is_integer && i->mode[1] != 'n' &&
      !(i->mode[1] == 'z' && from_float && i->to_bytes == 2))
    ptx_refuse(s, "this rounding to a float is not known");
  if (to_float && !from_float && i->to_bytes == 2) ptx_refuse(s, "an integer to 16 bits of float is not known");
  if (from_float && to_float && i->from_bytes == 8 && i->to_bytes < 4) ptx_refuse(s, "f64 to 16 bits is not known");
  if (i->to == 'b' && i->from == 'f' && i->from_bytes == 2) ptx_refuse(s, "f16 to bf16 is not known");
}

bool ptx_bind_convert(const statement *s) {
  word words[12];
  const uint32_t count = ptx_words(s, words);
  instruction *i = s->to;
  if (strcmp(words[0], "cvt") != 0) return false;
  uint32_t at = 1;
  static const char *const roundings[] = {"rn", "rz", "rni", "rzi", "rmi", "rpi"};
  for (size_t n = 0; at < count && n < sizeof roundings / sizeof roundings[0]; ++n)
    if (i->mode[0] == '\0' && strcmp(words[at], roundings[n]) == 0) {
      memcpy(i->mode, roundings[n], strlen(roundings[n]));
      ++at;
    }
  if (at < count && strcmp(words[at], "sat") == 0) i->saturates = ++at != 0;
  if (count - at != 2) return false;
  if ((strcmp(words[at], "f16x2") == 0 || strcmp(words[at], "bf16x2") == 0) && strcmp(words[at + 1], "f32") == 0) {
    if (i->mode[0] == '\0' || i->mode[2] == 'i' || i->saturates) return false;
    ptx_expect(s, 3);
    i->to = words[at][0];
    for (uint32_t n = 0; n < 3; ++n) ptx_add_item(s, n, BITS32, n == 0);
    i->run = two_halves;
    return true;
  }
  if (!set_type(words[at], &i->to, &i->to_bytes) || !set_type(words[at + 1], &i->from, &i->from_bytes)) return false;
  check_rounding(s);
  ptx_expect(s, 2);
  const width to = register_for(s, 0, i->to_bytes, is_float_kind(i->to));
  const width from = register_for(s, 1, i->from_bytes, is_float_kind(i->from));
  ptx_add_item(s, 0, to, true);
  ptx_add_item(s, 1, from, false);
  const uint32_t from_register = from == BITS16 ? 2 : from == BITS32 ? 4 : 8;
  i->low_only = 2 * i->from_bytes <= from_register;
  i->run = convert;
  if (strcmp(s->name, "cvt.f32.f16") == 0) i->run = half_to_float;
  if (strcmp(s->name, "cvt.s64.s32") == 0 && from == BITS32) i->run = signed_to_wide;
  return true;
}
