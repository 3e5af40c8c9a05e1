/* Copies from global to local memory that go on while the work-item computes, where the GPU has them: cp.async of
 * NVIDIA's, from compute capability 8.0 on, as inline PTX. Include common/matrix_unit.cl first, whose unit tells.
 *
 *     COPIES_BY_ITSELF              whether there are such copies
 *     copy_16(to, from, exists)     starts to copy 16 bytes, both at multiples of 16; 0s if they do not exist
 *     await_copies()                waits for what this work-item has started; others have it after a barrier
 */
#define COPIES_BY_ITSELF (MATRIX_UNIT == MATRIX_MMA_16 && !SOFTWARE_UNIT)

#if COPIES_BY_ITSELF
void copy_16(local ushort *to, global const ushort *from, int exists) {
  __asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(shared_address(to)), "l"(from), "r"(exists ? 16 : 0)
                 : "memory");
}

void await_copies(void) {
  __asm volatile("cp.async.wait_all;" : : : "memory");
}
#endif
