/* 2^x for x <= 0, 16 at a time: x = n + f with an integer n and |f| <= 1/2,
 *
 *     2^x = 2^f * 2^n      a polynomial of degree 5 gives 2^f; 2^n is made by writing n into the exponent
 *
 * Adding 1.5 * 2^23 + 127 rounds x to an integer and leaves n + 127, the form in which an exponent is stored, in the
 * lowest bits. The polynomial is the best of its degree (Remez) whose first coefficient is 1, so that 2^0 is exactly 1.
 * Its error is at most 2.5 units of 2^-24.
 *
 * Below -126 the result would be subnormal; it becomes 0, and so does the result for -infinity. A NaN stays NaN: the
 * test x < -126 is false for it, and the product is NaN whatever bits 2^n got.
 */
#define LOG2_E 1.44269504f /* e^x = 2^(x * LOG2_E) */

#define EXP2_MAGIC (12582912.0f + 127.0f)
#define MOST_BELOW 2097152.0f

/* 2^f for |f| <= 1/2. */
float16 power2_16(float16 f) {
  float16 power = 0.00132764725f;
  power = fma(power, f, 0.00967554096f);
  power = fma(power, f, 0.0555071309f);
  power = fma(power, f, 0.240221202f);
  power = fma(power, f, 0.693146944f);
  return fma(power, f, 1.0f);
}

float16 exp2_16(float16 x) {
  const float16 shifted = x + EXP2_MAGIC, f = x - (shifted - EXP2_MAGIC);
  return x < -126.0f ? 0.0f : power2_16(f) * as_float16(as_int16(shifted) << 23);
}

/* 2^(x - above) for x <= above and integers `above` of at most MOST_BELOW: the constant that rounds x subtracts `above`
 * in the same addition. */
float16 exp2_below_16(float16 x, float16 above) {
  const float16 magic = EXP2_MAGIC - above, shifted = x + magic, f = x - (shifted - magic);
  return x < above - 126.0f ? 0.0f : power2_16(f) * as_float16(as_int16(shifted) << 23);
}
