/* Reads a text of PTX: PTX ISA, "Syntax" and "Directives". */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

_Thread_local failure *ptx_failure;

void ptx_fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(ptx_failure->why, PTX_TEXT, format, values);
  va_end(values);
  longjmp(ptx_failure->back, 1);
}

void *ptx_more(void *memory, size_t count, size_t size) {
  void *more = realloc(memory, (count != 0 ? count : 1) * size);
  if (more == NULL) abort();
  return more;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

typedef struct token {
  enum { WORD, DIGITS, SIGN, STRING, END } kind;
  const char *at;
  uint32_t length, line;
} token;

typedef struct symbol {
  const char *name;
  uint32_t length;
  bool is_register, has_numbers; /* has_numbers: %r<9> stands for %r0 to %r8 */
  uint32_t id, count;            /* of registers */
  width width;
  uint64_t address; /* of a variable */
} symbol;

typedef struct jump {
  uint32_t from;
  token label;
} jump;

typedef struct label {
  token name;
  uint32_t to;
} label;

enum { SYMBOLS = 512 };

typedef struct reader {
  ptx_module *module;
  const char *at;
  uint32_t line;
  token now;
  kernel *kernel; /* NULL outside of one */
  symbol symbols[SYMBOLS];
  uint32_t symbol_count;
  jump *jumps;
  label *labels;
  uint32_t jump_count, jump_room, label_count, label_room;
} reader;

static bool is_word_character(char c) {
  return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$' || c == '%';
}

static void skip_blanks(reader *r) {
  for (;;) {
    if (*r->at == '\n') ++r->line;
    if (isspace((unsigned char)*r->at)) {
      ++r->at;
    } else if (strncmp(r->at, "//", 2) == 0) {
      r->at += strcspn(r->at, "\n");
    } else if (strncmp(r->at, "/*", 2) == 0) {
      const char *end = strstr(r->at, "*/");
      if (end == NULL) ptx_fail("line %u: a comment does not end", r->line);
      for (; r->at != end + 2; ++r->at) r->line += *r->at == '\n';
    } else {
      return;
    }
  }
}

static void next(reader *r) {
  skip_blanks(r);
  const char *begin = r->at;
  r->now = (token){.at = begin, .line = r->line};
  if (*begin == '\0') {
    r->now.kind = END;
  } else if (isdigit((unsigned char)*begin)) {
    r->now.kind = DIGITS;
    while (isalnum((unsigned char)*r->at)) ++r->at;
  } else if (*begin == '"') {
    r->now.kind = STRING;
    r->at += 1 + strcspn(begin + 1, "\"\n");
    if (*r->at++ != '"') ptx_fail("line %u: a string does not end", r->line);
  } else if (*begin == '_' && !is_word_character(begin[1])) {
    r->now.kind = SIGN;
    ++r->at;
  } else if (is_word_character(*begin)) {
    r->now.kind = WORD;
    while (is_word_character(*r->at) || strncmp(r->at, "::", 2) == 0) r->at += *r->at == ':' ? 2 : 1;
  } else {
    r->now.kind = SIGN;
    ++r->at;
  }
  r->now.length = (uint32_t)(r->at - begin);
}

static bool is(const reader *r, const char *text) {
  return r->now.length == strlen(text) && memcmp(r->now.at, text, r->now.length) == 0;
}

static bool take(reader *r, const char *text) {
  if (!is(r, text)) return false;
  next(r);
  return true;
}

static _Noreturn void wrong(const reader *r, const char *wanted) {
  ptx_fail("line %u: '%.*s' instead of %s", r->now.line, (int)r->now.length, r->now.at, wanted);
}

static void must_take(reader *r, const char *text) {
  if (!take(r, text)) wrong(r, text);
}

static token take_word(reader *r, const char *what) {
  const token taken = r->now;
  if (taken.kind != WORD) wrong(r, what);
  next(r);
  return taken;
}

/* PTX ISA, "Constants". */
static item take_number(reader *r) {
  const bool negative = take(r, "-");
  if (r->now.kind != DIGITS) wrong(r, "a number");
  item number = {.kind = NUMBER, .form = 'i'};
  const char *text = r->now.at;
  char *end = NULL;
  if (text[0] == '0' && strchr("fFdD", text[1]) != NULL && text[1] != '\0') {
    number.form = (char)tolower((unsigned char)text[1]);
    number.value = strtoull(text + 2, &end, 16);
    if (end != text + 2 + (number.form == 'f' ? 8 : 16)) wrong(r, "a float's digits");
    if (negative) wrong(r, "a float without a sign");
  } else {
    number.value = strtoull(text, &end, 0);
    if (*end == 'U') ++end;
    if (negative) number.value = 0 - number.value;
  }
  if (end != text + r->now.length) wrong(r, "a number");
  next(r);
  return number;
}

static uint32_t take_size(reader *r) {
  const item number = take_number(r);
  if (number.form != 'i' || number.value > 1u << 30) ptx_fail("line %u: a size is not below 2^30", r->line);
  return (uint32_t)number.value;
}

/* ---- registers and variables ------------------------------------------------------------------------------------- */

uint32_t ptx_new_register(kernel *k, width w) {
  if (k->registers == k->register_room) {
    k->register_room = k->register_room * 2 + 64;
    k->width_of = ptx_more(k->width_of, k->register_room, sizeof *k->width_of);
    k->offset_of = ptx_more(k->offset_of, k->register_room, sizeof *k->offset_of);
    k->constant = ptx_more(k->constant, k->register_room, sizeof *k->constant);
    k->is_constant = ptx_more(k->is_constant, k->register_room, sizeof *k->is_constant);
  }
  const uint32_t id = k->registers++;
  k->width_of[id] = w;
  k->offset_of[id] = k->register_bytes;
  k->is_constant[id] = false;
  k->register_bytes += w == PREDICATE ? 64 : w == BITS16 ? 2 * LANES : w == BITS32 ? 4 * LANES : 8 * LANES;
  return id;
}

/* The newest first: a value is often used again soon. */
uint32_t ptx_constant(kernel *k, width w, uint64_t value) {
  for (uint32_t id = k->registers; id-- > SPECIALS && k->is_constant[id];)
    if (k->width_of[id] == w && k->constant[id] == value) return id;
  const uint32_t id = ptx_new_register(k, w);
  k->is_constant[id] = true;
  k->constant[id] = value;
  return id;
}

static symbol *add_symbol(reader *r, const token *name) {
  if (r->symbol_count == SYMBOLS) ptx_fail("line %u: more than %d names", name->line, SYMBOLS);
  symbol *s = &r->symbols[r->symbol_count++];
  *s = (symbol){.name = name->at, .length = name->length};
  return s;
}

/* NULL: there is none. *number is the register's number behind the name. */
static const symbol *find(const reader *r, const token *name, uint32_t *number) {
  *number = 0;
  for (uint32_t n = r->symbol_count; n-- > 0;) {
    const symbol *s = &r->symbols[n];
    if (name->length < s->length || memcmp(name->at, s->name, s->length) != 0) continue;
    if (!s->has_numbers && name->length == s->length) return s;
    if (!s->has_numbers || name->length == s->length || !isdigit((unsigned char)name->at[s->length])) continue;
    char *end;
    const unsigned long given = strtoul(name->at + s->length, &end, 10);
    if (end != name->at + name->length) continue;
    if (given >= s->count) ptx_fail("line %u: register %.*s is not declared", name->line, (int)name->length, name->at);
    *number = (uint32_t)given;
    return s;
  }
  return NULL;
}

static int special_of(const token *name) {
  static const struct {
    const char *name;
    int id;
  } known[] = {{"%tid.x", TID},         {"%tid.y", TID + 1},   {"%tid.z", TID + 2},       {"%ntid.x", NTID},
               {"%ntid.y", NTID + 1},   {"%ntid.z", NTID + 2}, {"%ctaid.x", CTAID},       {"%ctaid.y", CTAID + 1},
               {"%ctaid.z", CTAID + 2}, {"%nctaid.x", NCTAID}, {"%nctaid.y", NCTAID + 1}, {"%nctaid.z", NCTAID + 2},
               {"%laneid", LANEID},     {"%envreg3", ENVREG3}, {"%envreg4", ENVREG3 + 1}, {"%envreg5", ENVREG3 + 2}};
  for (size_t n = 0; n < sizeof known / sizeof known[0]; ++n)
    if (strlen(known[n].name) == name->length && memcmp(known[n].name, name->at, name->length) == 0) return known[n].id;
  return -1;
}

/* Bytes of a type such as ".b32"; 0: it is none that is known. */
static uint32_t bytes_of(const token *type) {
  static const char *const known[] = {".b8",  ".u8",  ".s8",  ".b16", ".u16", ".s16", ".f16", ".b32",
                                      ".u32", ".s32", ".f32", ".b64", ".u64", ".s64", ".f64"};
  for (size_t n = 0; n < sizeof known / sizeof known[0]; ++n)
    if (strlen(known[n]) == type->length && memcmp(known[n], type->at, type->length) == 0)
      return n < 3 ? 1 : n < 7 ? 2 : n < 11 ? 4 : 8;
  return 0;
}

/* "[.align N] .TYPE [.ptr ...] NAME[COUNT]" without what may follow. */
typedef struct variable {
  token name;
  uint32_t align, unit, bytes;
} variable;

static variable take_variable(reader *r) {
  variable v = {.align = 0};
  if (take(r, ".align")) v.align = take_size(r);
  const token type = take_word(r, "a type");
  v.unit = bytes_of(&type);
  if (v.unit == 0) ptx_fail("line %u: type %.*s is not known", type.line, (int)type.length, type.at);
  if (v.align == 0) v.align = v.unit;
  if (take(r, ".ptr")) { /* what is known about what a parameter points to */
    while (is(r, ".global") || is(r, ".shared") || is(r, ".const") || is(r, ".local")) next(r);
    if (take(r, ".align")) take_size(r);
  }
  v.name = take_word(r, "a name");
  v.bytes = v.unit;
  if (take(r, "[")) {
    v.bytes = v.unit * take_size(r);
    must_take(r, "]");
  }
  if ((v.align & (v.align - 1)) != 0 || v.bytes > 1u << 30) ptx_fail("line %u: a variable's size", v.name.line);
  return v;
}

static uint32_t aligned(uint32_t offset, uint32_t align) {
  return (offset + align - 1) / align * align;
}

static void read_parameter(reader *r) {
  kernel *k = r->kernel;
  must_take(r, ".param");
  const variable v = take_variable(r);
  if (k->parameter_count == sizeof k->parameters / sizeof k->parameters[0])
    ptx_fail("line %u: more than %u parameters", v.name.line, k->parameter_count);
  const uint32_t offset = aligned(k->parameter_bytes, v.align);
  add_symbol(r, &v.name)->address = offset;
  k->parameters[k->parameter_count++] = (parameter){offset, v.bytes};
  k->parameter_bytes = offset + v.bytes;
}

/* A variable in one of a kernel's own spaces. */
static variable take_own_variable(reader *r, const char *directive) {
  if (r->kernel == NULL) ptx_fail("line %u: %s outside of a kernel is not known", r->line, directive);
  const variable v = take_variable(r);
  must_take(r, ";");
  return v;
}

static void read_shared(reader *r) {
  kernel *k = r->kernel;
  const variable v = take_own_variable(r, ".shared");
  if (k->shared_count == sizeof k->shared / sizeof k->shared[0])
    ptx_fail("line %u: more than %u variables in shared memory", v.name.line, k->shared_count);
  const uint32_t begin = aligned(k->shared_end + GAP, v.align);
  add_symbol(r, &v.name)->address = begin;
  k->shared[k->shared_count].begin = begin;
  k->shared[k->shared_count++].end = begin + v.bytes;
  k->shared_bytes += v.bytes;
  k->shared_end = begin + v.bytes;
}

static void read_local(reader *r) {
  kernel *k = r->kernel;
  const variable v = take_own_variable(r, ".local");
  const uint32_t begin = aligned(k->local_bytes, v.align);
  add_symbol(r, &v.name)->address = begin;
  k->local_bytes = begin + v.bytes;
}

static void read_constant(reader *r) {
  ptx_module *m = r->module;
  const variable v = take_variable(r);
  const uint32_t begin = aligned(m->constant_bytes, v.align), end = begin + v.bytes;
  m->constants = ptx_more(m->constants, end, 1);
  memset(m->constants + m->constant_bytes, 0, end - m->constant_bytes); /* PTX ISA, "Initializers": the rest is 0 */
  m->constant_bytes = end;
  add_symbol(r, &v.name)->address = begin;
  if (take(r, "=")) {
    const bool is_list = take(r, "{");
    uint32_t at = begin;
    do {
      const item number = take_number(r);
      if (at + v.unit > end) ptx_fail("line %u: more values than the variable has", r->line);
      memcpy(m->constants + at, &number.value, v.unit); /* a little-endian machine, as all that have these compilers */
      at += v.unit;
    } while (is_list && take(r, ","));
    if (is_list) must_take(r, "}");
  }
  must_take(r, ";");
}

static void read_registers(reader *r) {
  const token type = take_word(r, "a type");
  const uint32_t bytes = bytes_of(&type);
  const bool is_predicate = type.length == 5 && memcmp(type.at, ".pred", 5) == 0;
  if (!is_predicate && bytes < 2) ptx_fail("line %u: registers of type %.*s", type.line, (int)type.length, type.at);
  const width w = is_predicate ? PREDICATE : bytes == 2 ? BITS16 : bytes == 4 ? BITS32 : BITS64;
  do {
    const token name = take_word(r, "a register");
    uint32_t count = 1;
    symbol *s = add_symbol(r, &name);
    if (take(r, "<")) {
      count = take_size(r);
      must_take(r, ">");
      s->has_numbers = true;
    }
    s->is_register = true;
    s->count = count;
    s->width = w;
    s->id = r->kernel->registers;
    for (uint32_t n = 0; n < count; ++n) ptx_new_register(r->kernel, w);
  } while (take(r, ","));
  must_take(r, ";");
}

/* ---- instructions ------------------------------------------------------------------------------------------------ */

static item take_item(reader *r) {
  if (take(r, "_")) return (item){.kind = NOTHING};
  if (r->now.kind != WORD) return take_number(r);
  const token name = r->now;
  const int special = special_of(&name);
  uint32_t number;
  const symbol *s = special < 0 ? find(r, &name, &number) : NULL;
  next(r);
  if (special >= 0) return (item){.kind = REGISTER, .id = (uint32_t)special};
  if (s == NULL) ptx_fail("line %u: '%.*s' is not known", name.line, (int)name.length, name.at);
  if (s->is_register) return (item){.kind = REGISTER, .id = s->id + number};
  return (item){.kind = NUMBER, .form = 'i', .value = s->address};
}

static operand take_operand(reader *r) {
  operand o = {.kind = ITEM, .parts = 1};
  if (take(r, "[")) {
    o.kind = ADDRESS;
    o.part[0] = take_item(r);
    if (take(r, "+")) o.shift = (int64_t)take_number(r).value;
    must_take(r, "]");
  } else if (take(r, "{")) {
    o.kind = VECTOR;
    o.parts = 0;
    do {
      if (o.parts == PARTS) wrong(r, "at most eight parts of a vector");
      o.part[o.parts++] = take_item(r);
    } while (take(r, ","));
    must_take(r, "}");
  } else {
    o.negated = take(r, "!");
    o.part[0] = take_item(r);
    o.has_second = take(r, "|");
    if (o.has_second) o.second = take_item(r);
  }
  return o;
}

static void read_instruction(reader *r) {
  kernel *k = r->kernel;
  instruction i = {.text = r->now.at, .line = r->now.line};
  if (take(r, "@")) {
    i.guarded = true;
    i.negated = take(r, "!");
    const item guard = take_item(r);
    if (guard.kind != REGISTER || k->width_of[guard.id] != PREDICATE) wrong(r, "a predicate");
    i.guard = (place){guard.id, k->offset_of[guard.id]};
  }
  const token name = take_word(r, "an instruction");
  i.length = (uint32_t)(strcspn(i.text, ";\n"));
  char text[64];
  snprintf(text, sizeof text, "%.*s", (int)name.length, name.at);
  if (name.length >= sizeof text) ptx_fail("line %u: instruction '%s' is not known", name.line, text);
  operand operands[8];
  uint32_t count = 0;
  if (strcmp(text, "bra") == 0 || strcmp(text, "bra.uni") == 0) {
    i.flow = BRANCH;
    if (r->jump_count == r->jump_room)
      r->jumps = ptx_more(r->jumps, r->jump_room = r->jump_room * 2 + 64, sizeof *r->jumps);
    r->jumps[r->jump_count++] = (jump){k->code_count, take_word(r, "a label")};
  } else {
    while (!is(r, ";")) {
      if (count == sizeof operands / sizeof operands[0]) wrong(r, "at most eight operands");
      operands[count++] = take_operand(r);
      if (!is(r, ";")) must_take(r, ",");
    }
    ptx_bind(&(statement){k, text, operands, count, &i});
  }
  must_take(r, ";");
  if (k->code_count == k->code_room)
    k->code = ptx_more(k->code, k->code_room = k->code_room * 2 + 256, sizeof *k->code);
  k->code[k->code_count++] = i;
}

/* A word that begins a line: a label if ":" follows, else an instruction. */
static bool take_label(reader *r) {
  const char *after = r->at;
  while (*after == ' ' || *after == '\t') ++after;
  if (r->now.kind != WORD || *after != ':') return false;
  if (r->label_count == r->label_room)
    r->labels = ptx_more(r->labels, r->label_room = r->label_room * 2 + 64, sizeof *r->labels);
  r->labels[r->label_count++] = (label){r->now, r->kernel->code_count};
  next(r);
  must_take(r, ":");
  return true;
}

static void set_jumps(reader *r) {
  for (uint32_t j = 0; j < r->jump_count; ++j) {
    const token *to = &r->jumps[j].label;
    uint32_t n = 0;
    while (n < r->label_count &&
           (r->labels[n].name.length != to->length || memcmp(r->labels[n].name.at, to->at, to->length) != 0))
      ++n;
    if (n == r->label_count) ptx_fail("line %u: label '%.*s' is not known", to->line, (int)to->length, to->at);
    r->kernel->code[r->jumps[j].from].target = r->labels[n].to;
  }
  r->jump_count = r->label_count = 0;
}

/* Between braces, which may be in others: PTX ISA, "Identifiers", names of registers are known until the brace. */
static void read_body(reader *r) {
  const uint32_t outside = r->symbol_count;
  must_take(r, "{");
  while (!is(r, "}")) {
    if (is(r, "{")) {
      read_body(r);
    } else if (take(r, ".reg")) {
      read_registers(r);
    } else if (take(r, ".shared")) {
      read_shared(r);
    } else if (take(r, ".local")) {
      read_local(r);
    } else if (take(r, ".pragma")) { /* a hint to ptxas */
      next(r);
      must_take(r, ";");
    } else if (!take_label(r)) {
      if (r->now.kind == END || (r->now.kind == WORD && r->now.at[0] == '.')) wrong(r, "an instruction");
      read_instruction(r);
    }
  }
  next(r);
  r->symbol_count = outside;
}

static void read_kernel(reader *r) {
  ptx_module *m = r->module;
  const uint32_t outside = r->symbol_count;
  const token name = take_word(r, "a kernel's name");
  m->kernels = ptx_more(m->kernels, m->kernel_count + 1, sizeof *m->kernels);
  kernel *k = r->kernel = &m->kernels[m->kernel_count++];
  *k = (kernel){.shared_end = SHARED_BEGIN};
  k->name = ptx_more(NULL, name.length + 1, 1);
  memcpy(k->name, name.at, name.length);
  k->name[name.length] = '\0';
  for (int n = 0; n < SPECIALS; ++n) ptx_new_register(k, BITS32);
  if (take(r, "(") && !take(r, ")")) {
    do read_parameter(r);
    while (take(r, ","));
    must_take(r, ")");
  }
  while (!is(r, "{")) {
    if (!take(r, ".reqntid")) wrong(r, "a kernel's body");
    k->required[0] = take_size(r);
    k->required[1] = take(r, ",") ? take_size(r) : 1;
    k->required[2] = take(r, ",") ? take_size(r) : 1;
  }
  read_body(r);
  set_jumps(r);
  k->shared_end += GAP;
  /* A kernel may end without "ret". */
  if (k->code_count == k->code_room) k->code = ptx_more(k->code, k->code_room = k->code_room + 1, sizeof *k->code);
  k->code[k->code_count++] = (instruction){.flow = LEAVE, .text = "the kernel's end", .length = 16, .line = r->line};
  r->kernel = NULL;
  r->symbol_count = outside;
}

static void read_module(reader *r) {
  next(r);
  while (r->now.kind != END) {
    if (take(r, ".version") || take(r, ".target") || take(r, ".address_size")) { /* "9.3", "sm_80", "64" */
      if (r->now.kind == DIGITS) take_size(r);
      if (r->now.kind == WORD && r->now.at[0] == '.' && isdigit((unsigned char)r->now.at[1])) next(r);
      if (r->now.kind == WORD && r->now.at[0] == 's') next(r);
    } else if (take(r, ".const")) {
      read_constant(r);
    } else if (take(r, ".visible")) { /* outside of its file; kernels always are */
      if (!is(r, ".entry")) wrong(r, ".entry");
    } else if (take(r, ".entry")) {
      read_kernel(r);
    } else {
      wrong(r, "a directive that is known");
    }
  }
}

/* ---- what ptx.py calls ------------------------------------------------------------------------------------------- */

ptx_module *ptx_load(const char *text, char why[PTX_TEXT]) {
  ptx_module *m = ptx_more(NULL, 1, sizeof *m);
  *m = (ptx_module){.text = NULL};
  m->text = ptx_more(NULL, strlen(text) + 1, 1);
  memcpy(m->text, text, strlen(text) + 1);
  reader *r = ptx_more(NULL, 1, sizeof *r);
  *r = (reader){.module = m, .at = m->text, .line = 1};
  failure here = {.why = why};
  ptx_failure = &here;
  bool volatile failed = true;
  if (setjmp(here.back) == 0) {
    read_module(r);
    failed = false;
  }
  free(r->jumps);
  free(r->labels);
  free(r);
  if (!failed) return m;
  ptx_free(m);
  return NULL;
}

void ptx_free(ptx_module *m) {
  for (uint32_t n = 0; n < m->kernel_count; ++n) {
    kernel *k = &m->kernels[n];
    free(k->name);
    free(k->code);
    free(k->width_of);
    free(k->offset_of);
    free(k->constant);
    free(k->is_constant);
  }
  free(m->kernels);
  free(m->constants);
  free(m->text);
  free(m);
}

int ptx_kernel(const ptx_module *m, const char *name) {
  for (uint32_t n = 0; n < m->kernel_count; ++n)
    if (strcmp(m->kernels[n].name, name) == 0) return (int)n;
  return -1;
}

int ptx_figure(const ptx_module *m, int number, const char *what) {
  const kernel *k = &m->kernels[number];
  if (strcmp(what, "parameters") == 0) return (int)k->parameter_count;
  if (strcmp(what, "parameter bytes") == 0) return (int)k->parameter_bytes;
  if (strcmp(what, "shared") == 0) return (int)k->shared_bytes;
  if (strcmp(what, "local") == 0) return (int)k->local_bytes;
  if (strcmp(what, "items") == 0) return (int)(k->required[0] * k->required[1] * k->required[2]);
  return -1;
}

int ptx_parameter(const ptx_module *m, int number, int which, int *size) {
  const parameter *p = &m->kernels[number].parameters[which];
  *size = (int)p->size;
  return (int)p->offset;
}
