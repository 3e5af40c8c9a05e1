/* Compiles a program with two calls of clang and loads the result.
 *
 * The first call turns the kernels into LLVM IR without optimising. There, arrays in local memory
 * are variables private to the file. They are made visible to other files, because LLVM would
 * otherwise assume that no other work-item changes them at a barrier.
 *
 * The second call optimises that IR with -O1: two loads of the same address in a row become one, as
 * on any device, and nothing is vectorised. It then inserts a call in front of every remaining load
 * and store. This uses KernelAddressSanitizer, which handles accesses of any size; ThreadSanitizer
 * skips vectors larger than 16 bytes. */
#define _GNU_SOURCE
#include "recorder/compile.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recorder/builtins.h"

extern char **environ;

enum { WORDS_MOST = 96, PATH_TEXT = 256, WRAPPER_TEXT = 8192 };

static struct {
  char folder[PATH_TEXT / 2];
  unsigned programs;
} work;

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* Writes FOLDER/NAME.ENDING to path. */
static void place_file(char path[PATH_TEXT], const char *name, const char *ending) {
  snprintf(path, PATH_TEXT, "%s/%s.%s", work.folder, name, ending);
}

static bool write_file(const char *path, const char *text, size_t size) {
  FILE *stream = fopen(path, "wb");
  if (stream == NULL) return false;
  const bool good = fwrite(text, 1, size, stream) == size;
  return fclose(stream) == 0 && good;
}

/* Free with free(); ends with a NUL. NULL if the file cannot be read. */
static char *read_file(const char *path) {
  FILE *stream = fopen(path, "rb");
  if (stream == NULL) return NULL;
  char *text = NULL;
  size_t used = 0, room = 0, got = 0;
  do {
    char *grown = room - used < 4096 ? realloc(text, room + 65536) : text;
    if (grown == NULL) break;
    if (room - used < 4096) room += 65536;
    text = grown;
    got = fread(text + used, 1, room - used - 1, stream);
    used += got;
    text[used] = '\0';
  } while (got > 0);
  fclose(stream);
  return text;
}

static bool fail(compiled *c, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  free(c->log);
  c->log = strdup(text);
  return false;
}

/* ---- clang ------------------------------------------------------------------------------------------------------- */

/* A command line under construction. */
typedef struct command {
  char *word[WORDS_MOST + 1];
  size_t count;
} command;

static void add(command *c, const char *word) {
  if (c->count < WORDS_MOST) c->word[c->count++] = (char *)word;
}

static void add_all(command *c, const char *const *words) {
  for (; *words != NULL; ++words) add(c, *words);
}

/* Runs the command; its standard error goes to a file. Returns 0, an errno value, or -1 if the
 * command failed. */
static int call(const command *c, const char *log) {
  posix_spawn_file_actions_t actions;
  pid_t child = 0;
  int status = 0;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 2, 1);
  const int code = posix_spawnp(&child, c->word[0], &actions, NULL, c->word, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return code;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return errno;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* The OpenCL C version that the kernels use; those for sub-groups are built with an option for 3.0. Of
 * that they get nothing with generic pointers, for which builtins.cl has no functions. */
static const char *const language[] = {
    "clang",
    "-x",
    "cl",
    "-cl-std=CL1.2",
    "-Xclang",
    "-cl-ext=-__opencl_c_generic_address_space,-__opencl_c_device_enqueue,-__opencl_c_pipes",
    "-D__OPENCL_VERSION__=120",
    "-Xclang",
    "-finclude-default-header",
    "-Xclang",
    "-fdeclare-opencl-builtins",
    "-fno-builtin",
    "-fPIC",
    "-Wno-psabi",
    NULL};
/* -fwrapv makes int overflow wrap, as on a device. Without it clang would compute int offsets in 64
 * bits. */
static const char *const first_step[] = {"-O1",        "-fwrapv", "-fsanitize=kernel-address", "-gline-tables-only",
                                         "-gdwarf-4",  "-Xclang", "-disable-llvm-passes",      "-S",
                                         "-emit-llvm", NULL};
static const char *const second_step[] = {
    "clang",
    "-x",
    "ir",
    "-O1",
    "-fPIC",
    "-fno-builtin",
    "-fsanitize=kernel-address",
    "-mllvm",
    "-asan-instrumentation-with-call-threshold=0", /* always use calls, never inline checks */
    "-mllvm",
    "-asan-memory-access-callback-prefix=clattn_access_",
    "-mllvm",
    "-asan-opt=0", /* instrument every access */
    "-mllvm",
    "-asan-stack=0", /* keep variables where they are */
    "-mllvm",
    "-asan-globals=0",
    "-c",
    NULL};
static const char *const link_step[] = {"clang", "-shared", "-Wl,--wrap=memcpy,--wrap=memmove,--wrap=memset", NULL};

static bool run_step(compiled *c, const command *step, const char *what) {
  char log[PATH_TEXT];
  place_file(log, "clang", "log");
  const int code = call(step, log);
  if (code == 0) return true;
  if (code > 0) return fail(c, "cannot run clang: %s", strerror(code));
  free(c->log);
  c->log = read_file(log);
  return c->log != NULL && c->log[0] != '\0' ? false : fail(c, "clang failed while %s", what);
}

/* ---- rewriting the text ------------------------------------------------------------------------------------------ */

/* Writes a function that C can call, with each argument passed as a number. */
static bool write_wrapper(const signature *kernel, FILE *to) {
  fprintf(
      to,
      "\n__attribute__((no_sanitize(\"kernel-address\"))) void clattn_access_call_%s(private const ulong *at) {\n  %s(",
      kernel->name, kernel->name);
  for (size_t i = 0; i < kernel->count; ++i) {
    const parameter *p = &kernel->parameter[i];
    const char *comma = i > 0 ? ", " : "";
    if (p->pointer)
      fprintf(to, "%s(%s)at[%zu]", comma, p->type, i);
    else
      fprintf(to, "%s*(private %s *)at[%zu]", comma, p->type, i);
  }
  return fprintf(to, ");\n}\n") > 0;
}

static bool write_source(const char *source, const compiled *c, const char *path) {
  FILE *to = fopen(path, "wb");
  if (to == NULL) return false;
  bool good = fputs(source, to) >= 0;
  for (size_t i = 0; i < c->kernels && good; ++i) good = write_wrapper(&c->kernel[i].signature, to);
  return fclose(to) == 0 && good;
}

/* ---- local memory ------------------------------------------------------------------------------------------------ */

static bool add_local(compiled *c, const char *name, size_t length) {
  if (length >= sizeof c->local->name) return false;
  local_array *grown = realloc(c->local, (c->locals + 1) * sizeof *grown);
  if (grown == NULL) return false;
  c->local = grown;
  memset(&grown[c->locals], 0, sizeof *grown);
  memcpy(grown[c->locals].name, name, length);
  ++c->locals;
  return true;
}

/* "@scores.q_tile = internal global [16 x [17 x float]] undef, ..." loses its `internal`. */
static bool publish_locals(compiled *c, char *code) {
  static const char internal[] = " = internal global ";
  bool good = true;
  for (char *line = code; line != NULL && good; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (line[0] != '@') continue;
    char *end = strchr(line, '\n'), *at = strstr(line, internal);
    if (at == NULL || end == NULL || at > end) continue;
    memcpy(at, " =          global ", sizeof internal - 1);
    good = add_local(c, line + 1, (size_t)(at - line - 1));
  }
  return good;
}

static bool publish(compiled *c, const char *path) {
  char *code = read_file(path);
  const bool good = code != NULL && publish_locals(c, code) && write_file(path, code, strlen(code));
  free(code);
  return good;
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

/* The symbol table tells an array's size. */
static bool find_local(const compiled *c, local_array *local) {
  Dl_info info;
  void *symbol = NULL;
  local->data = dlsym(c->handle, local->name);
  if (local->data == NULL || dladdr1(local->data, &info, &symbol, RTLD_DL_SYMENT) == 0 || symbol == NULL) return false;
  local->bytes = ((const ElfW(Sym) *)symbol)->st_size;
  return true;
}

/* Finds the segments before the first writable one. */
static int find_constants(struct dl_phdr_info *info, size_t size, void *to) {
  compiled *c = to;
  (void)size;
  if ((const char *)info->dlpi_addr != c->base) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];
    if (p->p_type == PT_LOAD && (p->p_flags & PF_W)) {
      c->constants_end = c->base + p->p_vaddr;
      return 1;
    }
  }
  return 1;
}

static bool load(compiled *c) {
  struct link_map *map = NULL;
  c->handle = dlopen(c->path, RTLD_NOW | RTLD_LOCAL);
  if (c->handle == NULL)
    return fail(c, "the recorder lacks a built-in function (host/recorder/builtins.cl): %s", dlerror());
  if (dlinfo(c->handle, RTLD_DI_LINKMAP, &map) != 0) return fail(c, "%s", dlerror());
  c->base = c->constants_end = (const char *)map->l_addr;
  dl_iterate_phdr(find_constants, c);
  for (size_t i = 0; i < c->locals; ++i)
    if (!find_local(c, &c->local[i])) return fail(c, "cannot find local memory '%s'", c->local[i].name);
  for (size_t i = 0; i < c->kernels; ++i) {
    char name[128];
    snprintf(name, sizeof name, "clattn_access_call_%s", c->kernel[i].signature.name);
    *(void **)&c->kernel[i].call = dlsym(c->handle, name);
    if (c->kernel[i].call == NULL) return fail(c, "cannot find kernel '%s'", c->kernel[i].signature.name);
  }
  return true;
}

/* ---- the whole compilation --------------------------------------------------------------------------------------- */

typedef struct files {
  char source[PATH_TEXT], code[PATH_TEXT], object[PATH_TEXT], builtins[PATH_TEXT];
} files;

static bool to_code(compiled *c, const files *f, const char *options) {
  char *words = strdup(options), *rest = words;
  command step = {.count = 0};
  if (words == NULL) return false;
  add_all(&step, language);
  for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) add(&step, word);
  add_all(&step, first_step);
  add_all(&step, (const char *const[]){f->source, "-o", f->code, NULL});
  const bool good = run_step(c, &step, "reading the kernel");
  free(words);
  return good;
}

static bool to_object(compiled *c, const files *f) {
  command step = {.count = 0};
  add_all(&step, second_step);
  add_all(&step, (const char *const[]){f->code, "-o", f->object, NULL});
  return run_step(c, &step, "compiling the kernel");
}

/* Runs once, on first use. */
static bool compile_builtins(compiled *c, const char *object) {
  command step = {.count = 0};
  char source[PATH_TEXT];
  if (access(object, F_OK) == 0) return true;
  place_file(source, "builtins", "cl");
  if (!write_file(source, (const char *)clattn_access_files[0].text, clattn_access_files[0].size))
    return fail(c, "cannot write %s: %s", source, strerror(errno));
  add_all(&step, language);
  add_all(&step, (const char *const[]){"-O0", "-c", source, "-o", object, NULL});
  return run_step(c, &step, "compiling builtins.cl");
}

static bool to_shared(compiled *c, const files *f) {
  command step = {.count = 0};
  if (!compile_builtins(c, f->builtins)) return false;
  add_all(&step, link_step);
  add_all(&step, (const char *const[]){f->object, f->builtins, "-lm", "-o", c->path, NULL});
  return run_step(c, &step, "linking the kernel");
}

static bool run_steps(const char *source, const char *options, const files *f, compiled *c) {
  signature kernels[KERNELS_MOST];
  if (!signatures_read(source, kernels, &c->kernels)) return fail(c, "cannot parse the kernels' arguments");
  for (size_t i = 0; i < c->kernels; ++i) c->kernel[i].signature = kernels[i];
  if (!write_source(source, c, f->source)) return fail(c, "cannot write %s: %s", f->source, strerror(errno));
  if (!to_code(c, f, options)) return false;
  if (!publish(c, f->code)) return fail(c, "cannot rewrite %s", f->code);
  return to_object(c, f) && to_shared(c, f) && load(c);
}

void compile(const char *source, const char *options, compiled *c) {
  char name[32];
  files f;
  memset(c, 0, sizeof *c);
  snprintf(name, sizeof name, "program%u", work.programs++);
  place_file(f.source, name, "cl");
  place_file(f.code, name, "ll");
  place_file(f.object, name, "o");
  place_file(f.builtins, "builtins", "o");
  place_file(c->path, name, "so");
  c->good = run_steps(source, options, &f, c);
}

void compiled_free(compiled *c) {
  if (c->handle != NULL) dlclose(c->handle);
  free(c->local);
  free(c->log);
  memset(c, 0, sizeof *c);
}

/* ---- the temporary folder ---------------------------------------------------------------------------------------- */

const char *compile_begin(void) {
  const command version = {.word = {"clang", "--version"}, .count = 2};
  char log[PATH_TEXT];
  const char *temporary = getenv("TMPDIR");
  if (temporary == NULL || temporary[0] == '\0') temporary = "/tmp";
  const int length = snprintf(work.folder, sizeof work.folder, "%s/clattn-access-XXXXXX", temporary);
  if (length < 0 || (size_t)length >= sizeof work.folder || mkdtemp(work.folder) == NULL) {
    work.folder[0] = '\0';
    return "cannot make a temporary folder (in TMPDIR, else /tmp)";
  }
  place_file(log, "clang", "log");
  return call(&version, log) == 0 ? NULL : "clang is not installed (Debian: clang); it compiles the kernels";
}

void compile_end(void) {
  static const char *const endings[] = {"cl", "ll", "o", "so"};
  char path[PATH_TEXT], name[32];
  if (work.folder[0] == '\0') return;
  for (unsigned i = 0; i <= work.programs; ++i)
    for (size_t e = 0; e < sizeof endings / sizeof endings[0]; ++e) {
      snprintf(name, sizeof name, i == work.programs ? "builtins" : "program%u", i);
      place_file(path, name, endings[e]);
      unlink(path);
    }
  place_file(path, "clang", "log");
  unlink(path);
  rmdir(work.folder);
}
