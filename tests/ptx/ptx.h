/* An interpreter of PTX, the language that NVIDIA's compilers write: what ptx.py calls, and what its own files share.
 *
 * Written from "PTX ISA", NVIDIA's document of the language, whose sections the comments name. parse.c reads a text;
 * table.c knows the instructions, whose actions are in arithmetic.c, convert.c, memory.c, shared.c and matrix.c; run.c
 * runs a launch. An instruction that is not known is refused when the text is read. */
#ifndef PTX_H
#define PTX_H
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what ptx.py calls ------------------------------------------------------------------------------------------- */

typedef struct ptx_module ptx_module;

typedef struct ptx_buffer {
  void *bytes;
  uint64_t size, address; /* the address is set by ptx_place */
} ptx_buffer;

typedef struct ptx_launch {
  uint32_t groups[3], items[3], offset[3]; /* items of a group */
  const void *arguments;                   /* the parameters' bytes, as ptx_parameter lays them out */
  ptx_buffer *buffers;
  uint32_t buffer_count, reverse; /* reverse: the last group first, and in it the last warp */
  uint64_t executed;              /* out: instructions of warps */
} ptx_launch;

enum { PTX_TEXT = 1024 };

/* A call that can fail returns NULL or -1 and writes the reason to `why`. */
ptx_module *ptx_load(const char *text, char why[PTX_TEXT]);
void ptx_free(ptx_module *module);
int ptx_kernel(const ptx_module *module, const char *name);                     /* its number, -1: none */
int ptx_figure(const ptx_module *module, int kernel, const char *what);         /* "parameters", "shared" ... */
int ptx_parameter(const ptx_module *module, int kernel, int number, int *size); /* where it lies in `arguments` */
void ptx_place(ptx_launch *launch); /* gives the buffers addresses, far from each other */
int ptx_run(const ptx_module *module, int kernel, ptx_launch *launch, char why[PTX_TEXT]);

/* ---- a program --------------------------------------------------------------------------------------------------- */

enum { LANES = 32, OPERANDS = 20, PARTS = 8, SPECIALS = 16 };
#define ALL_LANES 0xffffffffu

/* What a register or an operand holds. A predicate is one bit of a word for each lane. */
typedef enum width { PREDICATE = 'p', BITS16 = 'h', BITS32 = 'w', BITS64 = 'd' } width;

/* PTX ISA, "State Spaces". */
typedef enum space { GENERIC, GLOBAL, SHARED, LOCAL, CONSTANT, PARAMETER } space;

/* How run.c goes on after it. */
typedef enum flow {
  PLAIN,
  BRANCH,
  LEAVE,
  BARRIER,  /* of all threads of the group */
  TOGETHER, /* of all threads of the warp: shfl, mma ... */
} flow;

typedef struct warp warp;
typedef struct instruction instruction;
typedef void action(warp *w, const instruction *i);

/* A register: its number, for what is known about it, and where a warp keeps its values. */
typedef struct place {
  uint32_t id, offset;
} place;

struct instruction {
  action *run;
  flow flow;
  uint32_t outs, ins; /* at[0 .. outs) are written, at[outs .. outs + ins) are read */
  place at[OPERANDS];
  place guard; /* with `guarded`: runs where it is true, or with `negated` false */
  bool guarded, negated;
  uint32_t target; /* of a branch */
  /* What an action wants to know besides, as its binder in table.c sets it. */
  space space;
  width address_width;
  int64_t shift, second_shift; /* of an address, and of a second one */
  uint32_t bytes, count;
  char from, to; /* kinds of values, of a conversion or a load: 's', 'u', 'f', 'b' for bfloat16 */
  uint32_t from_bytes, to_bytes;
  char mode[4];
  bool saturates, second;
  bool whole_warp; /* TOGETHER: no lane may be missing */
  /* Compilers widen a number by a register that nobody has written, and then use the number alone. */
  bool packs;       /* the last operand becomes the upper half of the result, and may be unwritten */
  bool low_only;    /* the upper half of what it reads does not matter */
  const char *text; /* the source */
  uint32_t length, line;
};

typedef struct parameter {
  uint32_t offset, size;
} parameter;

typedef struct kernel {
  char *name;
  instruction *code;
  uint32_t code_count, code_room;
  parameter parameters[64];
  uint32_t parameter_count, parameter_bytes;
  uint32_t shared_end, local_bytes; /* shared memory lies in [SHARED_BEGIN, shared_end) */
  uint32_t shared_bytes;            /* of the variables, without the gaps between them */
  struct {
    uint32_t begin, end;
  } shared[64];
  uint32_t shared_count;
  uint32_t required[3]; /* items of a group; 0: any */
  width *width_of;      /* of each register; constants are registers, too, that begin with a value */
  uint32_t *offset_of;
  uint64_t *constant;
  bool *is_constant;
  uint32_t registers, register_room, register_bytes;
} kernel;

struct ptx_module {
  char *text;
  kernel *kernels;
  uint32_t kernel_count;
  unsigned char *constants; /* of the module */
  uint32_t constant_bytes;
};

/* The first bytes of shared memory belong to no variable, as on sm_80: address 0 is never right. Variables are apart,
 * so that an index that leaves one shows. */
enum { SHARED_BEGIN = 1024, GAP = 64 };

/* Generic addresses: PTX ISA, "Generic Addressing". A window for each space; those of global memory are below. */
#define SHARED_WINDOW (UINT64_C(1) << 60)
#define LOCAL_WINDOW (UINT64_C(2) << 60)
#define BUFFER_SHIFT 36 /* buffer n begins at (n + 1) << BUFFER_SHIFT */

/* Registers with a number that every kernel has: PTX ISA, "Special Registers". */
enum special { TID, NTID = 3, CTAID = 6, NCTAID = 9, LANEID = 12, ENVREG3 = 13 };

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* Where a call of ptx.py goes on after an error. One at a time for each thread of the process. */
typedef struct failure {
  jmp_buf back;
  char *why;
} failure;

extern _Thread_local failure *ptx_failure;
_Noreturn void ptx_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *ptx_more(void *memory, size_t count, size_t size); /* realloc, or the end of the process */

/* ---- parse.c to table.c ------------------------------------------------------------------------------------------ */

typedef struct item {
  enum { REGISTER, NUMBER, NOTHING } kind; /* NOTHING: "_" */
  uint32_t id;
  uint64_t value;
  char form; /* of a number: 'i', 'f' for 32 bits of a float, 'd' for 64 */
} item;

typedef struct operand {
  enum { ITEM, VECTOR, ADDRESS, LABEL } kind;
  item part[PARTS];
  uint32_t parts;
  int64_t shift;   /* of an address */
  bool negated;    /* !p */
  bool has_second; /* p|q */
  item second;
} operand;

typedef struct statement {
  kernel *kernel;
  const char *name;
  operand *given;
  uint32_t count;
  instruction *to;
} statement;

/* Sets the action and the operands of `to`, or fails. */
void ptx_bind(const statement *s);
/* A register with this value. */
uint32_t ptx_constant(kernel *k, width w, uint64_t value);
uint32_t ptx_new_register(kernel *k, width w);

/* ---- table.c to the binders of a family -------------------------------------------------------------------------- */

typedef struct rule {
  const char *name;
  const char *shape; /* the operands: a letter of `width` for each, those that are written before ":" */
  action *run;
} rule;

extern const rule ptx_arithmetic[];
bool ptx_bind_convert(const statement *s);
bool ptx_bind_memory(const statement *s);
bool ptx_bind_copy(const statement *s);
bool ptx_bind_matrix(const statement *s);

void ptx_add(const statement *s, const item *what, width w, bool out);
void ptx_add_item(const statement *s, uint32_t operand, width w, bool out);
void ptx_add_address(const statement *s, uint32_t operand);
void ptx_expect(const statement *s, uint32_t operands);
_Noreturn void ptx_refuse(const statement *s, const char *why);
width ptx_width_of(const statement *s, const item *what); /* of a register */
/* Cuts the name at its dots into words of their own, and returns how many. */
typedef char word[16];
uint32_t ptx_words(const statement *s, word words[12]);

/* ---- a launch ---------------------------------------------------------------------------------------------------- */

/* What is known about a byte of shared memory: who touched it last, and when. */
typedef struct cell {
  uint32_t wrote, read;    /* on the group's clock */
  uint16_t writer, reader; /* a thread, or for readers more than one: see shared.c */
  bool is_gap, is_awaited; /* between variables; a cp.async will write it */
} cell;

typedef struct copy { /* a cp.async that is not complete */
  uint32_t lane, group, to, bytes, source_bytes;
  uint64_t from;
} copy;

typedef struct group {
  const ptx_module *module;
  const kernel *kernel;
  ptx_launch *launch;
  uint32_t number[3], threads;
  unsigned char *shared;
  cell *cells;
  uint32_t clock, since; /* since: of the last barrier of all */
  warp *warps;
  uint32_t warp_count;
} group;

struct warp {
  group *group;
  const instruction *now;
  unsigned char *values;     /* of all registers */
  uint32_t *defined;         /* of each register, the lanes that have written it */
  uint32_t *half;            /* and those of them whose upper half was not written */
  uint32_t mask;             /* the lanes that carry out an instruction */
  uint32_t first, exist;     /* its first thread, and the lanes that have one */
  uint32_t since;            /* of the last barrier of the warp, on the group's clock */
  uint32_t running, waiting; /* lanes: the others have ended */
  uint32_t pc[LANES];
  unsigned char *local; /* of all lanes */
  copy *copies;
  uint32_t copy_count, copy_room, copy_groups[LANES];
};

/* Fails, and says which instruction of which thread. */
_Noreturn void ptx_fault(const warp *w, uint32_t lane, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* memory.c */
uint64_t ptx_address(const warp *w, const instruction *i, uint32_t in, uint32_t lane);
unsigned char *ptx_global(const warp *w, uint32_t lane, uint64_t address, uint32_t bytes);
/* shared.c: what a thread does to shared memory, whose races it reports. */
const unsigned char *ptx_shared_read(const warp *w, uint32_t lane, uint64_t address, uint32_t bytes);
void ptx_shared_write(const warp *w, uint32_t lane, uint64_t address, const void *from, uint32_t bytes);

/* convert.c */
float ptx_float_of_half(uint16_t half);
float ptx_float_of_bfloat(uint16_t bfloat);

/* An action's operands, as arrays of a value for each lane. */
#define OUT(type, number) ((type *)(void *)(w->values + i->at[number].offset))
#define IN(type, number) ((const type *)(const void *)(w->values + i->at[i->outs + (number)].offset))
#define PREDICATE_IN(number) (*IN(uint32_t, number))

/* gcc does not know that a register is either the same as another or apart from it. */
#if defined(__GNUC__) && !defined(__clang__)
#define LANES_ARE_APART _Pragma("GCC ivdep")
#else
#define LANES_ARE_APART
#endif
/* For each lane `l` that carries out the instruction. The first loop is the common one, and becomes vectors. */
#define FOR_LANES(...)                                                                                                 \
  do {                                                                                                                 \
    if (w->mask == ALL_LANES) {                                                                                        \
      LANES_ARE_APART for (uint32_t l = 0; l < LANES; ++l) {                                                           \
        __VA_ARGS__;                                                                                                   \
      }                                                                                                                \
    } else {                                                                                                           \
      for (uint32_t l = 0; l < LANES; ++l)                                                                             \
        if ((w->mask >> l & 1) != 0) {                                                                                 \
          __VA_ARGS__;                                                                                                 \
        }                                                                                                              \
    }                                                                                                                  \
  } while (0)

/* Actions that compute one value from one, two or three, in each lane: `value` is made of a, b and c. */
#define UNARY(name, to_type, from_type, value)                                                                         \
  static void name(warp *w, const instruction *i) {                                                                    \
    to_type *to = OUT(to_type, 0);                                                                                     \
    const from_type *from = IN(from_type, 0);                                                                          \
    FOR_LANES(const from_type a = from[l]; to[l] = (to_type)(value));                                                  \
  }

#define BINARY(name, to_type, a_type, b_type, value)                                                                   \
  static void name(warp *w, const instruction *i) {                                                                    \
    to_type *to = OUT(to_type, 0);                                                                                     \
    const a_type *as = IN(a_type, 0);                                                                                  \
    const b_type *bs = IN(b_type, 1);                                                                                  \
    FOR_LANES(const a_type a = as[l]; const b_type b = bs[l]; to[l] = (to_type)(value));                               \
  }

#define TERNARY(name, to_type, a_type, c_type, value)                                                                  \
  static void name(warp *w, const instruction *i) {                                                                    \
    to_type *to = OUT(to_type, 0);                                                                                     \
    const a_type *as = IN(a_type, 0), *bs = IN(a_type, 1);                                                             \
    const c_type *cs = IN(c_type, 2);                                                                                  \
    FOR_LANES(const a_type a = as[l]; const a_type b = bs[l]; const c_type c = cs[l]; to[l] = (to_type)(value));       \
  }

#endif
