/* What libclc lacks for NVIDIA: the driver keeps a launch's offset in these registers. */
__attribute__((overloadable, always_inline)) size_t get_global_offset(uint dimension) {
  uint offset = 0;
  if (dimension == 0) __asm("mov.u32 %0, %%envreg3;" : "=r"(offset));
  if (dimension == 1) __asm("mov.u32 %0, %%envreg4;" : "=r"(offset));
  if (dimension == 2) __asm("mov.u32 %0, %%envreg5;" : "=r"(offset));
  return offset;
}
