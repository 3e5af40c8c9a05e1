/* OpenCL's built-in functions for the hot loops of kernels for CPUs, as a driver for ARM inlines
 * them; clang alone only declares them. The others remain calls. */
#define BUILTIN static __attribute__((overloadable, always_inline))

/* ---- multiply-add: of four floats it is an instruction --------------------------------------------------------- */

float4 __attribute__((const)) fma_of_four(float4, float4, float4) __asm("llvm.fma.v4f32");

BUILTIN float inlined_fma(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
BUILTIN float4 inlined_fma(float4 a, float4 b, float4 c) {
  return fma_of_four(a, b, c);
}
BUILTIN float8 inlined_fma(float8 a, float8 b, float8 c) {
  return (float8)(fma_of_four(a.lo, b.lo, c.lo), fma_of_four(a.hi, b.hi, c.hi));
}
BUILTIN float16 inlined_fma(float16 a, float16 b, float16 c) {
  return (float16)(inlined_fma(a.lo, b.lo, c.lo), inlined_fma(a.hi, b.hi, c.hi));
}
#define fma inlined_fma

/* ---- loads and stores: as aligned as an element ------------------------------------------------------------------ */

#define LOAD(type, n, space)                                                                                           \
  BUILTIN type##n inlined_vload##n(size_t i, const space type *p) {                                                    \
    return *(const space any_##type##n *)(p + i * n);                                                                  \
  }
#define LOAD_AND_STORE(type, n, space)                                                                                 \
  LOAD(type, n, space)                                                                                                 \
  BUILTIN void inlined_vstore##n(type##n x, size_t i, space type *p) {                                                 \
    *(space any_##type##n *)(p + i * n) = x;                                                                           \
  }
#define ACCESS(type, n)                                                                                                \
  typedef type##n __attribute__((aligned(sizeof(type)))) any_##type##n;                                                \
  LOAD(type, n, constant)                                                                                              \
  LOAD_AND_STORE(type, n, global)                                                                                      \
  LOAD_AND_STORE(type, n, local)                                                                                       \
  LOAD_AND_STORE(type, n, private)
ACCESS(float, 4)
ACCESS(float, 8)
ACCESS(float, 16)
ACCESS(int, 4)
ACCESS(int, 8)
ACCESS(int, 16)
ACCESS(char, 4)
ACCESS(char, 8)
ACCESS(char, 16)
ACCESS(uchar, 4)
ACCESS(uchar, 8)
ACCESS(uchar, 16)
ACCESS(ushort, 4)
ACCESS(ushort, 8)
ACCESS(ushort, 16)
#define vload4 inlined_vload4
#define vload8 inlined_vload8
#define vload16 inlined_vload16
#define vstore4 inlined_vstore4
#define vstore8 inlined_vstore8
#define vstore16 inlined_vstore16

#define LOAD_HALVES(n, space)                                                                                          \
  BUILTIN float##n inlined_vload_half##n(size_t i, const space half *p) {                                              \
    return __builtin_convertvector(*(const space any_half##n *)(p + i * n), float##n);                                 \
  }
#define ACCESS_HALVES(n)                                                                                               \
  typedef half half_##n __attribute__((ext_vector_type(n)));                                                           \
  typedef half_##n __attribute__((aligned(2))) any_half##n;                                                            \
  LOAD_HALVES(n, global)                                                                                               \
  LOAD_HALVES(n, local)
ACCESS_HALVES(4)
ACCESS_HALVES(8)
ACCESS_HALVES(16)
#define vload_half4 inlined_vload_half4
#define vload_half8 inlined_vload_half8
#define vload_half16 inlined_vload_half16

/* ---- conversions ------------------------------------------------------------------------------------------------- */

BUILTIN uint16 inlined_convert_uint16(ushort16 x) {
  return __builtin_convertvector(x, uint16);
}
BUILTIN uint16 inlined_convert_uint16(uchar16 x) {
  return __builtin_convertvector(x, uint16);
}
#define convert_uint16 inlined_convert_uint16
