/* The weight of a masked key. A masked key's weight is 0, but a visible key's weight can be 0 too: exp underflows for a
 * score far below the largest one. The product with the values must tell the two apart. It skips a masked key, whatever
 * its value holds, but a NaN in a visible key's value must reach the result, as 0 * NaN is NaN.
 *
 * A masked key's weight is therefore -0. It counts as 0 in every sum, and no other weight has this sign, because exps
 * and their sums are never negative. is_masked() compares bits, because -0 == 0.
 */
#ifndef MASKED_WEIGHT
#define MASKED_BITS ((int)0x80000000)
#define MASKED_WEIGHT as_float(MASKED_BITS)

int is_masked(float weight) {
  return as_int(weight) == MASKED_BITS;
}
#endif
