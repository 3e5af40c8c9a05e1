/* What libclc lacks for NVIDIA. */

/* The driver keeps a launch's offset in these registers. */
__attribute__((overloadable, always_inline)) size_t get_global_offset(uint dimension) {
  uint offset = 0;
  if (dimension == 0) __asm("mov.u32 %0, %%envreg3;" : "=r"(offset));
  if (dimension == 1) __asm("mov.u32 %0, %%envreg4;" : "=r"(offset));
  if (dimension == 2) __asm("mov.u32 %0, %%envreg5;" : "=r"(offset));
  return offset;
}

/* libclc computes these with polynomials, for any GPU. NVIDIA's compiler takes them from libdevice, which uses
 * instructions. */
float __nv_expf(float x);
float __nv_exp2f(float x);
float __nv_logf(float x);
float __nv_tanhf(float x);
float __nv_ldexpf(float x, int exponent);

__attribute__((overloadable, always_inline)) float exp(float x) {
  return __nv_expf(x);
}

__attribute__((overloadable, always_inline)) float exp2(float x) {
  return __nv_exp2f(x);
}

__attribute__((overloadable, always_inline)) float log(float x) {
  return __nv_logf(x);
}

__attribute__((overloadable, always_inline)) float tanh(float x) {
  return __nv_tanhf(x);
}

__attribute__((overloadable, always_inline)) float ldexp(float x, int exponent) {
  return __nv_ldexpf(x, exponent);
}
