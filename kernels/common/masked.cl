/* The weight of a masked key. It is 0, and so can be the weight of a key that is seen: exp of a score far below the
 * largest one underflows. The product with the values has to tell the two apart: a masked key's value is left out,
 * whatever it holds, but 0 times a NaN in the value of a key that is seen is NaN.
 *
 * So a masked key's weight is -0. It counts as 0 in every sum, and no other weight has that sign, since exps and their
 * sums are never negative. The bits are compared, because -0 == 0.
 */
#ifndef MASKED_WEIGHT
#define MASKED_BITS ((int)0x80000000)
#define MASKED_WEIGHT as_float(MASKED_BITS)

int is_masked(float weight) {
  return as_int(weight) == MASKED_BITS;
}
#endif
