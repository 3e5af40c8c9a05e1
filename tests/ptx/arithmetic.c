/* What instructions compute in each lane: PTX ISA, "Integer Arithmetic Instructions", "Floating Point Instructions",
 * "Comparison and Selection Instructions" and "Logic and Shift Instructions". */
#include <math.h>
#include <string.h>

#include "ptx.h"

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* ---- integers ---------------------------------------------------------------------------------------------------- */

#define INTEGERS(bits)                                                                                                 \
  BINARY(add##bits, uint##bits##_t, uint##bits##_t, uint##bits##_t, a + b)                                             \
  BINARY(sub##bits, uint##bits##_t, uint##bits##_t, uint##bits##_t, a - b)                                             \
  BINARY(mul##bits, uint##bits##_t, uint##bits##_t, uint##bits##_t, (uint64_t)a *b)                                    \
  TERNARY(mad##bits, uint##bits##_t, uint##bits##_t, uint##bits##_t, (uint64_t)a *b + c)                               \
  BINARY(min_s##bits, int##bits##_t, int##bits##_t, int##bits##_t, a < b ? a : b)                                      \
  BINARY(max_s##bits, int##bits##_t, int##bits##_t, int##bits##_t, a > b ? a : b)                                      \
  BINARY(min_u##bits, uint##bits##_t, uint##bits##_t, uint##bits##_t, a < b ? a : b)                                   \
  BINARY(max_u##bits, uint##bits##_t, uint##bits##_t, uint##bits##_t, a > b ? a : b)                                   \
  UNARY(neg##bits, uint##bits##_t, uint##bits##_t, 0u - (uint64_t)a)                                                   \
  UNARY(abs##bits, uint##bits##_t, int##bits##_t, a < 0 ? 0u - (uint64_t)a : (uint64_t)a)                              \
  BINARY(and##bits, uint##bits##_t, uint##bits##_t, uint##bits##_t, a &b)                                              \
  BINARY(or ##bits, uint##bits##_t, uint##bits##_t, uint##bits##_t, a | b)                                             \
  BINARY(xor##bits, uint##bits##_t, uint##bits##_t, uint##bits##_t, a ^ b)                                             \
  UNARY(not ##bits, uint##bits##_t, uint##bits##_t, ~a)                                                                \
  BINARY(shl##bits, uint##bits##_t, uint##bits##_t, uint32_t, b < bits ? (uint64_t)a << b : 0)                         \
  BINARY(shr_u##bits, uint##bits##_t, uint##bits##_t, uint32_t, b < bits ? a >> b : 0)                                 \
  BINARY(shr_s##bits, int##bits##_t, int##bits##_t, uint32_t, a >> (b < bits ? b : bits - 1))                          \
  DIVISION(div_u##bits, uint##bits##_t, a / b)                                                                         \
  DIVISION(rem_u##bits, uint##bits##_t, a % b)                                                                         \
  DIVISION(div_s##bits, int##bits##_t, b == -1 ? (int##bits##_t)(0u - (uint64_t)a) : (int##bits##_t)(a / b))           \
  DIVISION(rem_s##bits, int##bits##_t, b == -1 ? 0 : a % b)

/* PTX ISA leaves open what a division by zero gives. */
#define DIVISION(name, type, value)                                                                                    \
  static void name(warp *w, const instruction *i) {                                                                    \
    type *to = OUT(type, 0);                                                                                           \
    const type *as = IN(type, 0), *bs = IN(type, 1);                                                                   \
    for (uint32_t l = 0; l < LANES; ++l) {                                                                             \
      if ((w->mask >> l & 1) == 0) continue;                                                                           \
      const type a = as[l], b = bs[l];                                                                                 \
      if (b == 0) ptx_fault(w, l, "division by 0");                                                                    \
      to[l] = (type)(value);                                                                                           \
    }                                                                                                                  \
  }

INTEGERS(16)
INTEGERS(32)
INTEGERS(64)
BINARY(mul_hi_u16, uint16_t, uint16_t, uint16_t, (uint32_t)a *b >> 16)
BINARY(mul_hi_s16, int16_t, int16_t, int16_t, (int32_t)a *b >> 16)
BINARY(mul_hi_u32, uint32_t, uint32_t, uint32_t, (uint64_t)a *b >> 32)
BINARY(mul_hi_s32, int32_t, int32_t, int32_t, (int64_t)a *b >> 32)
BINARY(mul_wide_u16, uint32_t, uint16_t, uint16_t, (uint32_t)a *b)
BINARY(mul_wide_s16, int32_t, int16_t, int16_t, (int32_t)a *b)
BINARY(mul_wide_u32, uint64_t, uint32_t, uint32_t, (uint64_t)a *b)
BINARY(mul_wide_s32, int64_t, int32_t, int32_t, (int64_t)a *b)
__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;
BINARY(mul_hi_u64, uint64_t, uint64_t, uint64_t, (wide)a *b >> 64)
BINARY(mul_hi_s64, int64_t, int64_t, int64_t, (signed_wide)a *b >> 64)
TERNARY(mad_wide_u32, uint64_t, uint32_t, uint64_t, (uint64_t)a *b + c)
TERNARY(mad_wide_s32, uint64_t, int32_t, uint64_t, (uint64_t)((int64_t)a *b) + c)

static uint32_t leading_zeros(uint32_t a) {
  uint32_t count = 0;
  for (uint32_t bit = 1u << 31; bit != 0 && (a & bit) == 0; bit >>= 1) ++count;
  return count;
}

static uint32_t ones_of(uint32_t a) {
  uint32_t count = 0;
  for (; a != 0; a &= a - 1) ++count;
  return count;
}

static uint32_t reversed(uint32_t a) {
  uint32_t result = 0;
  for (int bit = 0; bit < 32; ++bit) result |= (a >> bit & 1) << (31 - bit);
  return result;
}

/* "prmt": four of the eight bytes of b and a; a selector's highest bit takes the byte's sign instead. */
static uint32_t permuted(uint32_t a, uint32_t b, uint32_t choice) {
  const uint64_t bytes = (uint64_t)b << 32 | a;
  uint32_t result = 0;
  for (int n = 0; n < 4; ++n) {
    const uint32_t selector = choice >> 4 * n & 15, byte = (uint32_t)(bytes >> 8 * (selector & 7)) & 255;
    result |= ((selector & 8) != 0 ? (byte >> 7) * 255u : byte) << 8 * n;
  }
  return result;
}

static uint32_t field(uint32_t a, uint32_t at, uint32_t length, bool is_signed) {
  at &= 255;
  length &= 255;
  const uint32_t last = at + length - 1 < 31 ? at + length - 1 : 31;
  const bool sign = is_signed && length != 0 && (a >> last & 1) != 0;
  uint32_t result = 0;
  for (uint32_t n = 0; n < 32; ++n) {
    const bool bit = n < length && at + n <= 31 ? (a >> (at + n) & 1) != 0 : sign;
    result |= (uint32_t)bit << n;
  }
  return result;
}

UNARY(clz32, uint32_t, uint32_t, leading_zeros(a))
UNARY(popc32, uint32_t, uint32_t, ones_of(a))
UNARY(brev32, uint32_t, uint32_t, reversed(a))
TERNARY(prmt, uint32_t, uint32_t, uint32_t, permuted(a, b, c))
TERNARY(bfe_u32, uint32_t, uint32_t, uint32_t, field(a, b, c, false))
TERNARY(bfe_s32, uint32_t, uint32_t, uint32_t, field(a, b, c, true))
/* "shf": the upper, or the lower, 32 bits of b and a moved left, or right. */
TERNARY(shf_l_wrap, uint32_t, uint32_t, uint32_t, ((uint64_t)b << 32 | a) << (c & 31) >> 32)
TERNARY(shf_r_wrap, uint32_t, uint32_t, uint32_t, ((uint64_t)b << 32 | a) >> (c & 31))

/* "lop3": bit n of the last operand is the result where the bits of a, b and c are those of n. */
static void lop3(warp *w, const instruction *i) {
  uint32_t *to = OUT(uint32_t, 0);
  const uint32_t *as = IN(uint32_t, 0), *bs = IN(uint32_t, 1), *cs = IN(uint32_t, 2), *tables = IN(uint32_t, 3);
  FOR_LANES(uint32_t result = 0;
            for (uint32_t n = 0; n < 8; ++n) if ((tables[l] >> n & 1) != 0) result |=
            ((n & 4) != 0 ? as[l] : ~as[l]) & ((n & 2) != 0 ? bs[l] : ~bs[l]) & ((n & 1) != 0 ? cs[l] : ~cs[l]);
            to[l] = result);
}

/* ---- floats: subnormal numbers stay, as without .ftz ------------------------------------------------------------- */

/* -0 is less than +0; of a number and NaN it is the number; of two NaNs the one that NVIDIA calls canonical. */
static float least(float a, float b) {
  if (isnan(a)) return isnan(b) ? float_of(0x7fffffff) : b;
  if (isnan(b)) return a;
  if (a == b) return signbit(a) ? a : b;
  return a < b ? a : b;
}

static float largest(float a, float b) {
  if (isnan(a)) return isnan(b) ? float_of(0x7fffffff) : b;
  if (isnan(b)) return a;
  if (a == b) return signbit(a) ? b : a;
  return a > b ? a : b;
}

/* .ftz: subnormal numbers are zeros of the same sign. */
static float flushed(float a) {
  return fabsf(a) < 0x1p-126f ? copysignf(0.0f, a) : a;
}

BINARY(add_f32, float, float, float, a + b)
BINARY(sub_f32, float, float, float, a - b)
BINARY(mul_f32, float, float, float, a *b)
BINARY(div_f32, float, float, float, a / b)
BINARY(min_f32, float, float, float, least(a, b))
BINARY(max_f32, float, float, float, largest(a, b))
UNARY(neg_f32, uint32_t, uint32_t, a ^ 0x80000000u)
UNARY(abs_f32, uint32_t, uint32_t, a & 0x7fffffffu)
BINARY(copysign_f32, uint32_t, uint32_t, uint32_t, (a & 0x80000000u) | (b & 0x7fffffffu))
UNARY(rcp_f32, float, float, 1.0f / a)
UNARY(sqrt_f32, float, float, sqrtf(a))
/* The functions that a GPU approximates: computed in double and rounded once, so they are nearer than on a GPU, whose
 * errors PTX ISA gives (2^-22 for ex2 and lg2, relative or absolute). */
UNARY(ex2_f32, float, float, exp2((double)a))
UNARY(lg2_f32, float, float, log2((double)a))
UNARY(rsqrt_f32, float, float, 1.0 / sqrt((double)a))
UNARY(sin_f32, float, float, sin((double)a))
UNARY(cos_f32, float, float, cos((double)a))
UNARY(tanh_f32, float, float, tanh((double)a))
UNARY(ex2_ftz, float, float, flushed((float)exp2((double)flushed(a))))
UNARY(lg2_ftz, float, float, log2((double)flushed(a)))
UNARY(rcp_ftz, float, float, flushed(1.0f / flushed(a)))

/* One rounding, by the processor's own instruction where it has one: what kernels do most. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("fma", "default")))
#endif
static void
fma_f32(warp *w, const instruction *i) {
  float *to = OUT(float, 0);
  const float *as = IN(float, 0), *bs = IN(float, 1), *cs = IN(float, 2);
  FOR_LANES(to[l] = fmaf(as[l], bs[l], cs[l]));
}

/* a * b + c, rounded down. The product is exact in double, and `beyond` is what their sum in double lost (Knuth's
 * TwoSum), so that it is known whether the nearest float is above. A sum of 0 from different signs is -0 then. */
static float fma_down(float a, float b, float c) {
  const float nearest = fmaf(a, b, c);
  const double product = (double)a * (double)b, sum = product + (double)c;
  const double second = sum - product, beyond = (product - (sum - second)) + ((double)c - second);
  if (sum == 0.0 && signbit(product) != signbit(c)) return -0.0f;
  return (double)nearest > sum || ((double)nearest == sum && beyond < 0.0) ? nextafterf(nearest, -INFINITY) : nearest;
}

TERNARY(fma_rm_f32, float, float, float, fma_down(a, b, c))

/* ---- comparison and selection ------------------------------------------------------------------------------------ */

/* PTX ISA, "setp": `bits` are the lanes where the comparison holds. */
static void set(warp *w, const instruction *i, uint32_t bits) {
  uint32_t more[] = {bits, ~bits};
  if (i->mode[0] != '\0') {
    const uint32_t other = i->mode[1] == '!' ? ~PREDICATE_IN(2) : PREDICATE_IN(2);
    for (int n = 0; n < 2; ++n)
      more[n] = i->mode[0] == 'a' ? more[n] & other : i->mode[0] == 'o' ? more[n] | other : more[n] ^ other;
  }
  for (uint32_t n = 0; n < i->outs; ++n) {
    uint32_t *to = OUT(uint32_t, n);
    *to = (*to & ~w->mask) | (more[n] & w->mask);
  }
}

#define COMPARISON(name, type, value)                                                                                  \
  static void name(warp *w, const instruction *i) {                                                                    \
    const type *as = IN(type, 0), *bs = IN(type, 1);                                                                   \
    uint32_t bits = 0;                                                                                                 \
    for (uint32_t l = 0; l < LANES; ++l) {                                                                             \
      const type a = as[l], b = bs[l];                                                                                 \
      bits |= (uint32_t)(value) << l;                                                                                  \
    }                                                                                                                  \
    set(w, i, bits);                                                                                                   \
  }

#define COMPARISONS(kind, type)                                                                                        \
  COMPARISON(setp_eq_##kind, type, a == b)                                                                             \
  COMPARISON(setp_ne_##kind, type, a != b)                                                                             \
  COMPARISON(setp_lt_##kind, type, a < b)                                                                              \
  COMPARISON(setp_le_##kind, type, a <= b)                                                                             \
  COMPARISON(setp_gt_##kind, type, a > b)                                                                              \
  COMPARISON(setp_ge_##kind, type, a >= b)

COMPARISONS(s16, int16_t)
COMPARISONS(u16, uint16_t)
COMPARISONS(s32, int32_t)
COMPARISONS(u32, uint32_t)
COMPARISONS(s64, int64_t)
COMPARISONS(u64, uint64_t)
COMPARISON(setp_eq_f32, float, a == b)
COMPARISON(setp_ne_f32, float, a<b || a> b)
COMPARISON(setp_lt_f32, float, a < b)
COMPARISON(setp_le_f32, float, a <= b)
COMPARISON(setp_gt_f32, float, a > b)
COMPARISON(setp_ge_f32, float, a >= b)
COMPARISON(setp_equ_f32, float, !(a < b || a > b))
COMPARISON(setp_neu_f32, float, a != b)
COMPARISON(setp_ltu_f32, float, !(a >= b))
COMPARISON(setp_leu_f32, float, !(a > b))
COMPARISON(setp_gtu_f32, float, !(a <= b))
COMPARISON(setp_geu_f32, float, !(a < b))
COMPARISON(setp_num_f32, float, !isnan(a) && !isnan(b))
COMPARISON(setp_nan_f32, float, isnan(a) || isnan(b))

#define SELECTION(bits)                                                                                                \
  static void selp##bits(warp *w, const instruction *i) {                                                              \
    uint##bits##_t *to = OUT(uint##bits##_t, 0);                                                                       \
    const uint##bits##_t *as = IN(uint##bits##_t, 0), *bs = IN(uint##bits##_t, 1);                                     \
    const uint32_t choice = PREDICATE_IN(2);                                                                           \
    FOR_LANES(to[l] = (choice >> l & 1) != 0 ? as[l] : bs[l]);                                                         \
  }

SELECTION(16)
SELECTION(32)
SELECTION(64)

#define LOGIC(name, value)                                                                                             \
  static void name(warp *w, const instruction *i) {                                                                    \
    uint32_t *to = OUT(uint32_t, 0);                                                                                   \
    const uint32_t a = PREDICATE_IN(0), b = i->ins == 2 ? PREDICATE_IN(1) : 0;                                         \
    (void)b;                                                                                                           \
    *to = (*to & ~w->mask) | ((value)&w->mask);                                                                        \
  }

LOGIC(and_pred, a &b)
LOGIC(or_pred, a | b)
LOGIC(xor_pred, a ^ b)
LOGIC(not_pred, ~a)

/* ---- names ------------------------------------------------------------------------------------------------------- */

#define RULES_OF_INTEGERS(bits, letter)                                                                                \
  {"add.s" #bits, letter ":" letter letter, add##bits}, {"add.u" #bits, letter ":" letter letter, add##bits},          \
      {"sub.s" #bits, letter ":" letter letter, sub##bits}, {"sub.u" #bits, letter ":" letter letter, sub##bits},      \
      {"mul.lo.s" #bits, letter ":" letter letter, mul##bits},                                                         \
      {"mul.lo.u" #bits, letter ":" letter letter, mul##bits},                                                         \
      {"mad.lo.s" #bits, letter ":" letter letter letter, mad##bits},                                                  \
      {"mad.lo.u" #bits, letter ":" letter letter letter, mad##bits},                                                  \
      {"min.s" #bits, letter ":" letter letter, min_s##bits}, {"max.s" #bits, letter ":" letter letter, max_s##bits},  \
      {"min.u" #bits, letter ":" letter letter, min_u##bits}, {"max.u" #bits, letter ":" letter letter, max_u##bits},  \
      {"neg.s" #bits, letter ":" letter, neg##bits}, {"abs.s" #bits, letter ":" letter, abs##bits},                    \
      {"and.b" #bits, letter ":" letter letter, and##bits}, {"or.b" #bits, letter ":" letter letter, or ##bits},       \
      {"xor.b" #bits, letter ":" letter letter, xor##bits}, {"not.b" #bits, letter ":" letter, not ##bits},            \
      {"shl.b" #bits, letter ":" letter "w", shl##bits}, {"shr.u" #bits, letter ":" letter "w", shr_u##bits},          \
      {"shr.b" #bits, letter ":" letter "w", shr_u##bits}, {"shr.s" #bits, letter ":" letter "w", shr_s##bits},        \
      {"div.u" #bits, letter ":" letter letter, div_u##bits}, {"rem.u" #bits, letter ":" letter letter, rem_u##bits},  \
      {"div.s" #bits, letter ":" letter letter, div_s##bits}, {"rem.s" #bits, letter ":" letter letter, rem_s##bits},  \
      {"selp.b" #bits, letter ":" letter letter "p", selp##bits},                                                      \
      {"selp.s" #bits, letter ":" letter letter "p", selp##bits},                                                      \
      {"selp.u" #bits, letter ":" letter letter "p", selp##bits},                                                      \
      {"setp.eq.b" #bits, "p:" letter letter, setp_eq_u##bits}, {                                                      \
    "setp.ne.b" #bits, "p:" letter letter, setp_ne_u##bits                                                             \
  }

#define RULES_OF_COMPARISONS(kind, letter)                                                                             \
  {"setp.eq." #kind, "p:" letter letter, setp_eq_##kind}, {"setp.ne." #kind, "p:" letter letter, setp_ne_##kind},      \
      {"setp.lt." #kind, "p:" letter letter, setp_lt_##kind}, {"setp.le." #kind, "p:" letter letter, setp_le_##kind},  \
      {"setp.gt." #kind, "p:" letter letter, setp_gt_##kind}, {                                                        \
    "setp.ge." #kind, "p:" letter letter, setp_ge_##kind                                                               \
  }

#define RULE_OF_UNSIGNED(kind, letter)                                                                                 \
  {"setp.lo." #kind, "p:" letter letter, setp_lt_##kind}, {"setp.ls." #kind, "p:" letter letter, setp_le_##kind},      \
      {"setp.hi." #kind, "p:" letter letter, setp_gt_##kind}, {                                                        \
    "setp.hs." #kind, "p:" letter letter, setp_ge_##kind                                                               \
  }

const rule ptx_arithmetic[] = {RULES_OF_INTEGERS(16, "h"),
                               RULES_OF_INTEGERS(32, "w"),
                               RULES_OF_INTEGERS(64, "d"),
                               {"mul.hi.u16", "h:hh", mul_hi_u16},
                               {"mul.hi.s16", "h:hh", mul_hi_s16},
                               {"mul.hi.u32", "w:ww", mul_hi_u32},
                               {"mul.hi.s32", "w:ww", mul_hi_s32},
                               {"mul.hi.u64", "d:dd", mul_hi_u64},
                               {"mul.hi.s64", "d:dd", mul_hi_s64},
                               {"mul.wide.u16", "w:hh", mul_wide_u16},
                               {"mul.wide.s16", "w:hh", mul_wide_s16},
                               {"mul.wide.u32", "d:ww", mul_wide_u32},
                               {"mul.wide.s32", "d:ww", mul_wide_s32},
                               {"mad.wide.u32", "d:wwd", mad_wide_u32},
                               {"mad.wide.s32", "d:wwd", mad_wide_s32},
                               {"clz.b32", "w:w", clz32},
                               {"popc.b32", "w:w", popc32},
                               {"brev.b32", "w:w", brev32},
                               {"prmt.b32", "w:www", prmt},
                               {"bfe.u32", "w:www", bfe_u32},
                               {"bfe.s32", "w:www", bfe_s32},
                               {"shf.l.wrap.b32", "w:www", shf_l_wrap},
                               {"shf.r.wrap.b32", "w:www", shf_r_wrap},
                               {"lop3.b32", "w:wwww", lop3},
                               {"add.f32", "w:ww", add_f32},
                               {"add.rn.f32", "w:ww", add_f32},
                               {"sub.f32", "w:ww", sub_f32},
                               {"sub.rn.f32", "w:ww", sub_f32},
                               {"mul.f32", "w:ww", mul_f32},
                               {"mul.rn.f32", "w:ww", mul_f32},
                               {"fma.rn.f32", "w:www", fma_f32},
                               {"fma.rm.f32", "w:www", fma_rm_f32},
                               {"div.rn.f32", "w:ww", div_f32},
                               {"div.full.f32", "w:ww", div_f32},
                               {"div.approx.f32", "w:ww", div_f32},
                               {"min.f32", "w:ww", min_f32},
                               {"max.f32", "w:ww", max_f32},
                               {"neg.f32", "w:w", neg_f32},
                               {"abs.f32", "w:w", abs_f32},
                               {"copysign.f32", "w:ww", copysign_f32},
                               {"rcp.rn.f32", "w:w", rcp_f32},
                               {"rcp.approx.f32", "w:w", rcp_f32},
                               {"rcp.approx.ftz.f32", "w:w", rcp_ftz},
                               {"sqrt.rn.f32", "w:w", sqrt_f32},
                               {"sqrt.approx.f32", "w:w", sqrt_f32},
                               {"rsqrt.approx.f32", "w:w", rsqrt_f32},
                               {"ex2.approx.f32", "w:w", ex2_f32},
                               {"ex2.approx.ftz.f32", "w:w", ex2_ftz},
                               {"lg2.approx.f32", "w:w", lg2_f32},
                               {"lg2.approx.ftz.f32", "w:w", lg2_ftz},
                               {"sin.approx.f32", "w:w", sin_f32},
                               {"cos.approx.f32", "w:w", cos_f32},
                               {"tanh.approx.f32", "w:w", tanh_f32},
                               {"selp.f32", "w:wwp", selp32},
                               {"selp.f64", "d:ddp", selp64},
                               {"and.pred", "p:pp", and_pred},
                               {"or.pred", "p:pp", or_pred},
                               {"xor.pred", "p:pp", xor_pred},
                               {"not.pred", "p:p", not_pred},
                               RULES_OF_COMPARISONS(s16, "h"),
                               RULES_OF_COMPARISONS(u16, "h"),
                               RULES_OF_COMPARISONS(s32, "w"),
                               RULES_OF_COMPARISONS(u32, "w"),
                               RULES_OF_COMPARISONS(s64, "d"),
                               RULES_OF_COMPARISONS(u64, "d"),
                               RULES_OF_COMPARISONS(f32, "w"),
                               RULE_OF_UNSIGNED(u16, "h"),
                               RULE_OF_UNSIGNED(u32, "w"),
                               RULE_OF_UNSIGNED(u64, "d"),
                               {"setp.equ.f32", "p:ww", setp_equ_f32},
                               {"setp.neu.f32", "p:ww", setp_neu_f32},
                               {"setp.ltu.f32", "p:ww", setp_ltu_f32},
                               {"setp.leu.f32", "p:ww", setp_leu_f32},
                               {"setp.gtu.f32", "p:ww", setp_gtu_f32},
                               {"setp.geu.f32", "p:ww", setp_geu_f32},
                               {"setp.num.f32", "p:ww", setp_num_f32},
                               {"setp.nan.f32", "p:ww", setp_nan_f32},
                               {NULL, NULL, NULL}};
