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

float16 exp2_16(float16 x) {
  const float magic = 12582912.0f + 127.0f;
  const float16 shifted = x + magic, f = x - (shifted - magic);
  float16 power = 0.00132764725f;
  power = fma(power, f, 0.00967554096f);
  power = fma(power, f, 0.0555071309f);
  power = fma(power, f, 0.240221202f);
  power = fma(power, f, 0.693146944f);
  power = fma(power, f, 1.0f);
  return x < -126.0f ? 0.0f : power * as_float16(as_int16(shifted) << 23);
}
