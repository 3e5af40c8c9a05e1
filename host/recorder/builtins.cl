/* The built-in functions that kernels can call in the access recorder: plain OpenCL C on top of C's
 * library, one lane at a time.
 *
 * This file is compiled separately from the kernels and without recording calls. Only the loads and
 * stores of vectors report what they touch. If a kernel calls a function that is missing here, it
 * cannot be loaded, and the message names the function. */
#define BUILTIN __attribute__((overloadable))

/* From C's library and from exported.h. */
float expf(float), exp2f(float), exp10f(float), logf(float), log2f(float), log10f(float), sqrtf(float), sinf(float),
    cosf(float), tanf(float), tanhf(float), fabsf(float), ceilf(float), floorf(float), roundf(float), rintf(float),
    truncf(float), fmaxf(float, float), fminf(float, float), powf(float, float), fmodf(float, float),
    ldexpf(float, int), fmaf(float, float, float), copysignf(float, float);
size_t clattn_access_item(uint question, uint dimension);
void clattn_access_barrier(uint fences);
void clattn_access_exchange(uint bits, ulong from);
void clattn_access_sub_group_barrier(uint fences, ulong from);
uint clattn_access_lane(uint lane);
void clattn_access_vector(ulong address, ulong bytes, uint store, ulong from);

/* ---- work-items -------------------------------------------------------------------------------------------------- */

/* Numbers of the queries, as in exported.h. */
size_t BUILTIN get_local_id(uint d) {
  return clattn_access_item(1, d);
}
size_t BUILTIN get_group_id(uint d) {
  return clattn_access_item(2, d);
}
size_t BUILTIN get_global_id(uint d) {
  return clattn_access_item(3, d);
}
size_t BUILTIN get_local_size(uint d) {
  return clattn_access_item(6, d);
}
size_t BUILTIN get_num_groups(uint d) {
  return clattn_access_item(7, d);
}
size_t BUILTIN get_global_size(uint d) {
  return clattn_access_item(8, d);
}
uint BUILTIN get_work_dim(void) {
  return (uint)clattn_access_item(9, 0);
}
size_t BUILTIN get_global_offset(uint d) {
  return 0;
}
void BUILTIN barrier(cl_mem_fence_flags fences) {
  clattn_access_barrier(fences);
}
void BUILTIN mem_fence(cl_mem_fence_flags fences) {
}

/* ---- sub-groups -------------------------------------------------------------------------------------------------- */

uint BUILTIN get_sub_group_local_id(void) {
  return (uint)clattn_access_item(4, 0);
}
uint BUILTIN get_sub_group_id(void) {
  return (uint)clattn_access_item(5, 0);
}
uint BUILTIN get_sub_group_size(void) {
  return (uint)clattn_access_item(10, 0);
}
uint BUILTIN get_max_sub_group_size(void) {
  return (uint)clattn_access_item(11, 0);
}
uint BUILTIN get_num_sub_groups(void) {
  return (uint)clattn_access_item(12, 0);
}

#define FROM ((ulong)__builtin_return_address(0))
void BUILTIN sub_group_barrier(cl_mem_fence_flags fences) {
  clattn_access_sub_group_barrier(fences, FROM);
}

/* The standard leaves the order of the joins open; here it is that of the lanes. */
#define SUB_GROUP_REDUCE(name, type, joined)                                                                           \
  type BUILTIN name(type mine) {                                                                                       \
    clattn_access_exchange(as_uint(mine), FROM);                                                                       \
    type x = as_##type(clattn_access_lane(0));                                                                         \
    for (uint i = 1; i < get_sub_group_size(); ++i) {                                                                  \
      const type y = as_##type(clattn_access_lane(i));                                                                 \
      x = joined;                                                                                                      \
    }                                                                                                                  \
    return x;                                                                                                          \
  }
#define SUB_GROUP(type)                                                                                                \
  SUB_GROUP_REDUCE(sub_group_reduce_add, type, x + y)                                                                  \
  SUB_GROUP_REDUCE(sub_group_reduce_max, type, x < y ? y : x)                                                          \
  type BUILTIN sub_group_broadcast(type mine, uint lane) {                                                             \
    clattn_access_exchange(as_uint(mine), FROM);                                                                       \
    return as_##type(clattn_access_lane(lane));                                                                        \
  }
SUB_GROUP(int)
SUB_GROUP(uint)
SUB_GROUP(float)

/* ---- float functions --------------------------------------------------------------------------------------------- */

#define LANES_1(name, result, type, n)                                                                                 \
  result##n BUILTIN name(type##n x) {                                                                                  \
    result##n r;                                                                                                       \
    for (int i = 0; i < n; ++i) r[i] = name(x[i]);                                                                     \
    return r;                                                                                                          \
  }
#define LANES_2(name, type, other, n)                                                                                  \
  type##n BUILTIN name(type##n x, other##n y) {                                                                        \
    type##n r;                                                                                                         \
    for (int i = 0; i < n; ++i) r[i] = name(x[i], y[i]);                                                               \
    return r;                                                                                                          \
  }
#define LANES_3(name, type, n)                                                                                         \
  type##n BUILTIN name(type##n x, type##n y, type##n z) {                                                              \
    type##n r;                                                                                                         \
    for (int i = 0; i < n; ++i) r[i] = name(x[i], y[i], z[i]);                                                         \
    return r;                                                                                                          \
  }
#define ONE_FOR_ALL_2(name, type, n)                                                                                   \
  type##n BUILTIN name(type##n x, type y) {                                                                            \
    return name(x, (type##n)y);                                                                                        \
  }
#define ONE_FOR_ALL_3(name, type, n)                                                                                   \
  type##n BUILTIN name(type##n x, type y, type z) {                                                                    \
    return name(x, (type##n)y, (type##n)z);                                                                            \
  }
#define WIDTHS(macro, ...)                                                                                             \
  macro(__VA_ARGS__, 2) macro(__VA_ARGS__, 3) macro(__VA_ARGS__, 4) macro(__VA_ARGS__, 8) macro(__VA_ARGS__, 16)

#define FLOAT_1(name, value)                                                                                           \
  float BUILTIN name(float x) {                                                                                        \
    return value;                                                                                                      \
  }                                                                                                                    \
  WIDTHS(LANES_1, name, float, float)
#define FLOAT_2(name, value)                                                                                           \
  float BUILTIN name(float x, float y) {                                                                               \
    return value;                                                                                                      \
  }                                                                                                                    \
  WIDTHS(LANES_2, name, float, float)
#define FLOAT_3(name, value)                                                                                           \
  float BUILTIN name(float x, float y, float z) {                                                                      \
    return value;                                                                                                      \
  }                                                                                                                    \
  WIDTHS(LANES_3, name, float)

FLOAT_1(exp, expf(x))
FLOAT_1(exp2, exp2f(x))
FLOAT_1(exp10, exp10f(x))
FLOAT_1(log, logf(x))
FLOAT_1(log2, log2f(x))
FLOAT_1(log10, log10f(x))
FLOAT_1(sqrt, sqrtf(x))
FLOAT_1(rsqrt, 1.0f / sqrtf(x))
FLOAT_1(sin, sinf(x))
FLOAT_1(cos, cosf(x))
FLOAT_1(tan, tanf(x))
FLOAT_1(tanh, tanhf(x))
FLOAT_1(fabs, fabsf(x))
FLOAT_1(ceil, ceilf(x))
FLOAT_1(floor, floorf(x))
FLOAT_1(round, roundf(x))
FLOAT_1(rint, rintf(x))
FLOAT_1(trunc, truncf(x))
FLOAT_1(native_exp, expf(x))
FLOAT_1(native_exp2, exp2f(x))
FLOAT_1(native_log, logf(x))
FLOAT_1(native_log2, log2f(x))
FLOAT_1(native_sqrt, sqrtf(x))
FLOAT_1(native_rsqrt, 1.0f / sqrtf(x))
FLOAT_1(native_recip, 1.0f / x)
FLOAT_2(fmax, fmaxf(x, y))
FLOAT_2(fmin, fminf(x, y))
FLOAT_2(max, x < y ? y : x)
FLOAT_2(min, y < x ? y : x)
FLOAT_2(pow, powf(x, y))
FLOAT_2(fmod, fmodf(x, y))
FLOAT_2(copysign, copysignf(x, y))
FLOAT_2(native_divide, x / y)
FLOAT_3(fma, fmaf(x, y, z))
FLOAT_3(mad, fmaf(x, y, z))
FLOAT_3(mix, x + (y - x) * z)
FLOAT_3(clamp, fminf(fmaxf(x, y), z))
WIDTHS(ONE_FOR_ALL_2, fmax, float)
WIDTHS(ONE_FOR_ALL_2, fmin, float)
WIDTHS(ONE_FOR_ALL_3, clamp, float)

float BUILTIN ldexp(float x, int n) {
  return ldexpf(x, n);
}
WIDTHS(LANES_2, ldexp, float, int)

#define DOT(n)                                                                                                         \
  float BUILTIN dot(float##n x, float##n y) {                                                                          \
    float sum = 0.0f;                                                                                                  \
    for (int i = 0; i < n; ++i) sum += x[i] * y[i];                                                                    \
    return sum;                                                                                                        \
  }
DOT(2)
DOT(3)
DOT(4)

/* ---- questions: 1 for yes, of vectors -1, all bits -------------------------------------------------------------- */

#define QUESTION_LANES(name, n)                                                                                        \
  int##n BUILTIN name(float##n x) {                                                                                    \
    int##n r;                                                                                                          \
    for (int i = 0; i < n; ++i) r[i] = -name(x[i]);                                                                    \
    return r;                                                                                                          \
  }
#define QUESTION(name, value)                                                                                          \
  int BUILTIN name(float x) {                                                                                          \
    return value;                                                                                                      \
  }                                                                                                                    \
  WIDTHS(QUESTION_LANES, name)
QUESTION(isnan, (as_uint(x) & 0x7fffffff) > 0x7f800000)
QUESTION(isinf, (as_uint(x) & 0x7fffffff) == 0x7f800000)
QUESTION(isfinite, (as_uint(x) & 0x7fffffff) < 0x7f800000)

#define ANY_AND_ALL(unused, n)                                                                                         \
  int BUILTIN any(int##n x) {                                                                                          \
    int r = 0;                                                                                                         \
    for (int i = 0; i < n; ++i) r |= x[i] < 0;                                                                         \
    return r;                                                                                                          \
  }                                                                                                                    \
  int BUILTIN all(int##n x) {                                                                                          \
    int r = 1;                                                                                                         \
    for (int i = 0; i < n; ++i) r &= x[i] < 0;                                                                         \
    return r;                                                                                                          \
  }
WIDTHS(ANY_AND_ALL, )

#define SELECT_LANES(type, chooser, n)                                                                                 \
  type##n BUILTIN select(type##n no, type##n yes, chooser##n which) {                                                  \
    type##n r;                                                                                                         \
    for (int i = 0; i < n; ++i) r[i] = which[i] < 0 ? yes[i] : no[i];                                                  \
    return r;                                                                                                          \
  }
#define SELECT(type, chooser)                                                                                          \
  type BUILTIN select(type no, type yes, chooser which) {                                                              \
    return which ? yes : no;                                                                                           \
  }                                                                                                                    \
  WIDTHS(SELECT_LANES, type, chooser)
SELECT(float, int)
SELECT(int, int)
SELECT(uint, int)

/* ---- integers ---------------------------------------------------------------------------------------------------- */

#define WHOLE(type)                                                                                                    \
  type BUILTIN min(type x, type y) {                                                                                   \
    return y < x ? y : x;                                                                                              \
  }                                                                                                                    \
  type BUILTIN max(type x, type y) {                                                                                   \
    return x < y ? y : x;                                                                                              \
  }                                                                                                                    \
  type BUILTIN clamp(type x, type least, type most) {                                                                  \
    return x < least ? least : x > most ? most : x;                                                                    \
  }                                                                                                                    \
  WIDTHS(LANES_2, min, type, type)                                                                                     \
  WIDTHS(LANES_2, max, type, type)                                                                                     \
  WIDTHS(LANES_3, clamp, type)
WHOLE(char)
WHOLE(uchar)
WHOLE(short)
WHOLE(ushort)
WHOLE(int)
WHOLE(uint)
WHOLE(long)
WHOLE(ulong)

uint BUILTIN abs(int x) {
  return x < 0 ? -(uint)x : (uint)x;
}
int BUILTIN clz(int x) {
  return x == 0 ? 32 : __builtin_clz((uint)x);
}
uint BUILTIN clz(uint x) {
  return x == 0 ? 32 : (uint)__builtin_clz(x);
}
int BUILTIN mul24(int x, int y) {
  return x * y;
}
uint BUILTIN mul24(uint x, uint y) {
  return x * y;
}
int BUILTIN mad24(int x, int y, int z) {
  return x * y + z;
}
uint BUILTIN mad24(uint x, uint y, uint z) {
  return x * y + z;
}

/* ---- conversions ------------------------------------------------------------------------------------------------- */

#define CONVERT_LANES(to, from, n)                                                                                     \
  to##n BUILTIN convert_##to##n(from##n x) {                                                                           \
    return __builtin_convertvector(x, to##n);                                                                          \
  }
#define CONVERT(to, from)                                                                                              \
  to BUILTIN convert_##to(from x) {                                                                                    \
    return (to)x;                                                                                                      \
  }                                                                                                                    \
  WIDTHS(CONVERT_LANES, to, from)
#define CONVERT_TO(to)                                                                                                 \
  CONVERT(to, char)                                                                                                    \
  CONVERT(to, uchar)                                                                                                   \
  CONVERT(to, ushort)                                                                                                  \
  CONVERT(to, int)                                                                                                     \
  CONVERT(to, uint)                                                                                                    \
  CONVERT(to, float)
CONVERT_TO(char)
CONVERT_TO(uchar)
CONVERT_TO(ushort)
CONVERT_TO(int)
CONVERT_TO(uint)
CONVERT_TO(float)

/* Rounds to nearest, ties to even. Out-of-range values saturate; NaN becomes 0. */
#define SATURATE(to, least, most)                                                                                      \
  to BUILTIN convert_##to##_sat_rte(float x) {                                                                         \
    return isnan(x) ? 0 : x <= least ? (to)least : x >= most ? (to)most : (to)rintf(x);                                \
  }                                                                                                                    \
  to BUILTIN convert_##to##_rte(float x) {                                                                             \
    return (to)rintf(x);                                                                                               \
  }
SATURATE(char, -128.0f, 127.0f)
SATURATE(uchar, 0.0f, 255.0f)
SATURATE(short, -32768.0f, 32767.0f)
SATURATE(ushort, 0.0f, 65535.0f)

/* ---- vectors in memory ------------------------------------------------------------------------------------------- */

#define RECORD(pointer, size, store)                                                                                   \
  clattn_access_vector((ulong)(pointer), size, store, (ulong)__builtin_return_address(0))

#define VECTOR_LOAD(type, space, n)                                                                                    \
  type##n BUILTIN vload##n(size_t at, const space type *from) {                                                        \
    type##n r;                                                                                                         \
    from += at * n;                                                                                                    \
    RECORD(from, n * sizeof(type), 0);                                                                                 \
    for (int i = 0; i < n; ++i) r[i] = from[i];                                                                        \
    return r;                                                                                                          \
  }
#define VECTOR_STORE(type, space, n)                                                                                   \
  void BUILTIN vstore##n(type##n x, size_t at, space type *to) {                                                       \
    to += at * n;                                                                                                      \
    RECORD(to, n * sizeof(type), 1);                                                                                   \
    for (int i = 0; i < n; ++i) to[i] = x[i];                                                                          \
  }
#define VECTORS_OF(type)                                                                                               \
  WIDTHS(VECTOR_LOAD, type, global)                                                                                    \
  WIDTHS(VECTOR_LOAD, type, local)                                                                                     \
  WIDTHS(VECTOR_LOAD, type, private)                                                                                   \
  WIDTHS(VECTOR_STORE, type, global)                                                                                   \
  WIDTHS(VECTOR_STORE, type, local)                                                                                    \
  WIDTHS(VECTOR_STORE, type, private)
VECTORS_OF(char)
VECTORS_OF(uchar)
VECTORS_OF(ushort)
VECTORS_OF(int)
VECTORS_OF(uint)
VECTORS_OF(float)

/* ---- half: 1 sign, 5 exponent, 10 fraction bits -------------------------------------------------------------------
 */

float from_half(ushort bits) {
  const uint sign = (uint)(bits & 0x8000) << 16, rest = bits & 0x7fff;
  if (rest >= 0x7c00) return as_float(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  if (rest < 0x400) return copysignf((float)rest * 0x1p-24f, as_float(sign));
  return as_float(sign | ((rest << 13) + 0x38000000));
}

/* Rounds to nearest, ties to even. */
ushort to_half(float x) {
  const uint sign = as_uint(x) >> 16 & 0x8000, rest = as_uint(x) & 0x7fffffff;
  if (rest > 0x7f800000) return (ushort)(sign | 0x7e00);
  if (rest >= 0x47800000) return (ushort)(sign | 0x7c00);
  if (rest < 0x38800000) return (ushort)(sign | (as_uint(as_float(rest) + 0.5f) - 0x3f000000));
  return (ushort)(sign | (rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13);
}

/* What clang calls for half arithmetic on a processor that has none. */
ushort __gnu_f2h_ieee(float x) {
  return to_half(x);
}
float __gnu_h2f_ieee(ushort bits) {
  return from_half(bits);
}

#pragma OPENCL EXTENSION cl_khr_fp16 : enable
half BUILTIN fma(half x, half y, half z) {
  const double sum = (double)from_half(as_ushort(x)) * from_half(as_ushort(y)) + from_half(as_ushort(z));
  return as_half(to_half((float)sum));
}
WIDTHS(LANES_3, fma, half)

#define HALF_IN(space)                                                                                                 \
  float BUILTIN vload_half(size_t at, const space half *from) {                                                        \
    const space ushort *bits = (const space ushort *)from + at;                                                        \
    RECORD(bits, 2, 0);                                                                                                \
    return from_half(*bits);                                                                                           \
  }                                                                                                                    \
  void BUILTIN vstore_half(float x, size_t at, space half *to) {                                                       \
    space ushort *bits = (space ushort *)to + at;                                                                      \
    RECORD(bits, 2, 1);                                                                                                \
    *bits = to_half(x);                                                                                                \
  }                                                                                                                    \
  void BUILTIN vstore_half_rte(float x, size_t at, space half *to) {                                                   \
    space ushort *bits = (space ushort *)to + at;                                                                      \
    RECORD(bits, 2, 1);                                                                                                \
    *bits = to_half(x);                                                                                                \
  }                                                                                                                    \
  WIDTHS(HALF_VECTOR, space)
#define HALF_VECTOR(space, n)                                                                                          \
  float##n BUILTIN vload_half##n(size_t at, const space half *from) {                                                  \
    float##n r;                                                                                                        \
    const space ushort *bits = (const space ushort *)from + at * n;                                                    \
    RECORD(bits, 2 * n, 0);                                                                                            \
    for (int i = 0; i < n; ++i) r[i] = from_half(bits[i]);                                                             \
    return r;                                                                                                          \
  }                                                                                                                    \
  float##n BUILTIN vloada_half##n(size_t at, const space half *from) {                                                 \
    return vload_half##n(0, from + at * (n == 3 ? 4 : n));                                                             \
  }                                                                                                                    \
  HALF_VECTOR_STORE(vstore_half##n, space, n)                                                                          \
  HALF_VECTOR_STORE(vstore_half##n##_rte, space, n)
#define HALF_VECTOR_STORE(name, space, n)                                                                              \
  void BUILTIN name(float##n x, size_t at, space half *to) {                                                           \
    space ushort *bits = (space ushort *)to + at * n;                                                                  \
    RECORD(bits, 2 * n, 1);                                                                                            \
    for (int i = 0; i < n; ++i) bits[i] = to_half(x[i]);                                                               \
  }
HALF_IN(global)
HALF_IN(local)
HALF_IN(private)
