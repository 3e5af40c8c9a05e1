/* For common/matrix_unit.cl: NVIDIA's mma.sync and ldmatrix as inline PTX, which NVIDIA's drivers take in OpenCL C. A
 * register has two operands; the one with the lower depth is in its lower half.
 *
 * ldmatrix loads matrices of 8 rows of 8 elements. Lane 8 m + r gives the address of row r of matrix m, and receives
 * two elements of row lane / 4 of each matrix: what a fragment needs.
 */
#define LEFT_WORDS (LEFT_VALUES / 2)
#define RIGHT_WORDS (RIGHT_VALUES / 2)

typedef struct left_fragment {
  uint word[LEFT_WORDS];
} left_fragment;

typedef struct right_fragment {
  uint word[RIGHT_WORDS];
} right_fragment;

uint shared_address(local const ushort *at) {
  return (uint)(size_t)at;
}

#if BFLOAT16
#define MMA_TYPE "bf16"
#else
#define MMA_TYPE "f16"
#endif

left_fragment load_left(const matrix_unit unit, local const ushort *from, int row) {
  left_fragment left;
  /* On GPUs of compute capability 7.5 lanes beyond the last matrix must give the address of a row, too. */
  const uint at = shared_address(from + unit.lane % 16 * row + unit.lane / 16 % (UNIT_DEPTH / 8) * 8);
#if MATRIX_UNIT == MATRIX_MMA_16
  __asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(left.word[0]), "=r"(left.word[1]), "=r"(left.word[2]), "=r"(left.word[3])
                 : "r"(at)
                 : "memory");
#else
  __asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(left.word[0]), "=r"(left.word[1])
                 : "r"(at)
                 : "memory");
#endif
  return left;
}

#if MATRIX_UNIT == MATRIX_MMA_16
#define LOAD_RIGHT(right, at, transposed)                                                                              \
  __asm volatile("ldmatrix.sync.aligned.m8n8.x2" transposed ".shared.b16 {%0,%1}, [%2];"                               \
                 : "=r"((right).word[0]), "=r"((right).word[1])                                                        \
                 : "r"(at)                                                                                             \
                 : "memory")
#define LOAD_STRIP(first, second, at, transposed)                                                                      \
  __asm volatile("ldmatrix.sync.aligned.m8n8.x4" transposed ".shared.b16 {%0,%1,%2,%3}, [%4];"                         \
                 : "=r"((first).word[0]), "=r"((first).word[1]), "=r"((second).word[0]), "=r"((second).word[1])        \
                 : "r"(at)                                                                                             \
                 : "memory")
#else
#define LOAD_RIGHT(right, at, transposed)                                                                              \
  __asm volatile("ldmatrix.sync.aligned.m8n8.x1" transposed ".shared.b16 {%0}, [%1];"                                  \
                 : "=r"((right).word[0])                                                                               \
                 : "r"(at)                                                                                             \
                 : "memory")
#define LOAD_STRIP(first, second, at, transposed)                                                                      \
  __asm volatile("ldmatrix.sync.aligned.m8n8.x2" transposed ".shared.b16 {%0,%1}, [%2];"                               \
                 : "=r"((first).word[0]), "=r"((second).word[0])                                                       \
                 : "r"(at)                                                                                             \
                 : "memory")
#endif

right_fragment load_right(const matrix_unit unit, local const ushort *from, int row) {
  right_fragment right;
  const uint at = shared_address(from + unit.lane % 8 * row + unit.lane / 8 % (UNIT_DEPTH / 8) * 8);
  LOAD_RIGHT(right, at, "");
  return right;
}

right_fragment load_right_across(const matrix_unit unit, local const ushort *from, int row) {
  right_fragment right;
  const uint at = shared_address(from + unit.lane % UNIT_DEPTH * row);
  LOAD_RIGHT(right, at, ".trans");
  return right;
}

/* The lanes that give the second fragment's addresses follow those that give the first one's. */
#define LOADS_STRIPS
typedef struct right_strip {
  right_fragment right[STRIP];
} right_strip;

right_strip load_strip(const matrix_unit unit, local const ushort *from, int row) {
  right_strip strip;
  const int second = unit.lane / UNIT_DEPTH % 2;
  const uint at = shared_address(from + (second * 8 + unit.lane % 8) * row + unit.lane / 8 % (UNIT_DEPTH / 8) * 8);
  LOAD_STRIP(strip.right[0], strip.right[1], at, "");
  return strip;
}

right_strip load_strip_across(const matrix_unit unit, local const ushort *from, int row) {
  right_strip strip;
  const int second = unit.lane / UNIT_DEPTH % 2;
  const uint at = shared_address(from + unit.lane % UNIT_DEPTH * row + second * 8);
  LOAD_STRIP(strip.right[0], strip.right[1], at, ".trans");
  return strip;
}

void multiply_add(const matrix_unit unit, const left_fragment left, const right_fragment right, sum_fragment *sum) {
#if MATRIX_UNIT == MATRIX_MMA_16
  __asm("mma.sync.aligned.m16n8k16.row.col.f32." MMA_TYPE "." MMA_TYPE
        ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(sum->value[0]), "+f"(sum->value[1]), "+f"(sum->value[2]), "+f"(sum->value[3])
        : "r"(left.word[0]), "r"(left.word[1]), "r"(left.word[2]), "r"(left.word[3]), "r"(right.word[0]),
          "r"(right.word[1]));
#else
  __asm("mma.sync.aligned.m16n8k8.row.col.f32." MMA_TYPE "." MMA_TYPE
        ".f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(sum->value[0]), "+f"(sum->value[1]), "+f"(sum->value[2]), "+f"(sum->value[3])
        : "r"(left.word[0]), "r"(left.word[1]), "r"(right.word[0]));
#endif
}

float from_lane(const matrix_unit unit, float value, int bit) {
  float other;
  __asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=f"(other) : "f"(value), "r"(bit));
  return other;
}

int any_lane(const matrix_unit unit, int condition) {
  int any;
  __asm volatile("{.reg .pred p; setp.ne.s32 p, %1, 0; vote.sync.any.pred p, p, 0xffffffff; selp.s32 %0, 1, 0, p;}"
                 : "=r"(any)
                 : "r"(condition));
  return any;
}

/* Without .ftz, which makes subnormal numbers 0, the compiler adds three instructions that keep them. */
float power_of_2(float x) {
  float power;
  __asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}

left_fragment left_of_sums(const matrix_unit unit, const sum_fragment sums[HANDED_SUMS]) {
  left_fragment left;
#pragma unroll
  for (int i = 0; i < LEFT_WORDS; ++i) {
    const float first = sums[i / 2].value[i % 2 * 2], second = sums[i / 2].value[i % 2 * 2 + 1];
#if MATRIX_UNIT == MATRIX_MMA_16
    __asm("cvt.rn." MMA_TYPE "x2.f32 %0, %1, %2;" : "=r"(left.word[i]) : "f"(second), "f"(first));
#else
    left.word[i] = two_operands(first, second);
#endif
  }
  return left;
}
