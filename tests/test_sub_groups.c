/* Sub-groups on the recorder's device (host/recorder): what their functions return, which accesses
 * they order, and what is reported where a kernel uses them wrongly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recorder/compile.h"
#include "recorder/device.h"
#include "recorder/programs.h"

#define SKIPPED 77

/* No width below divides it. */
enum { ITEMS = 40 };
static const size_t widths[] = {8, 16, 32};

static cl_context context;
static cl_command_queue queue;
static cl_mem out;

/* Runs a kernel with one work-group of ITEMS work-items, in rows of 8. `body` is the kernel's text, with
 * these names: out is a buffer of ITEMS floats, box local memory, me the work-item, lane its number in
 * the sub-group. Returns the launch. */
static const launch *run(const char *body, size_t width) {
  static const size_t size[3] = {8, ITEMS / 8, 1};
  char text[4096];
  const char *source = text;
  cl_int code = CL_SUCCESS;
  size_t count = 0;
  snprintf(text, sizeof text,
           "#pragma OPENCL EXTENSION cl_khr_subgroups : enable\n#line 1 \"kernels/test/try.cl\"\n"
           "kernel void try(global float *out) {\n  local float box[%d];\n  local float *b = box;\n"
           "  const int me = get_local_id(0) + 8 * get_local_id(1), lane = get_sub_group_local_id();\n%s\n}\n",
           ITEMS, body);
  device_forget();
  device_keep("test");
  device_set_sub_group(width);
  memset(out->data, 0, out->bytes);
  cl_program program = clCreateProgramWithSource(context, 1, &source, NULL, &code);
  assert_int_equal(code, CL_SUCCESS);
  code = clBuildProgram(program, 0, NULL, "-cl-std=CL3.0", NULL, NULL);
  if (code != CL_SUCCESS) {
    char log[2048] = "";
    clGetProgramBuildInfo(program, NULL, CL_PROGRAM_BUILD_LOG, sizeof log, log, NULL);
    fail_msg("%s", log);
  }
  cl_kernel kernel = clCreateKernel(program, "try", &code);
  assert_int_equal(code, CL_SUCCESS);
  assert_int_equal(clSetKernelArg(kernel, 0, sizeof out, &out), CL_SUCCESS);
  assert_int_equal(clEnqueueNDRangeKernel(queue, kernel, 3, NULL, size, size, 0, NULL, NULL), CL_SUCCESS);
  clReleaseKernel(kernel);
  clReleaseProgram(program);
  const launch *launches = device_launches(&count);
  assert_int_equal(count, 1);
  return launches;
}

static void assert_quiet(const char *body, size_t width) {
  const launch *l = run(body, width);
  if (l->findings > 0) fail_msg("width %zu: %s\nin: %s", width, l->finding[0], body);
}

/* One finding has both words. */
static void assert_finds(const char *body, size_t width, const char *word, const char *other) {
  const launch *l = run(body, width);
  for (size_t i = 0; i < l->findings; ++i)
    if (strstr(l->finding[i], word) != NULL && strstr(l->finding[i], other) != NULL) return;
  fail_msg("width %zu: no finding of '%s' and '%s', the first is: %s\nin: %s", width, word, other,
           l->findings > 0 ? l->finding[0] : "none", body);
}

#define EACH_WIDTH(width)                                                                                              \
  for (size_t n = 0, width = widths[0]; n < sizeof widths / sizeof widths[0]; ++n, width = n < 3 ? widths[n] : 0)

static float result(size_t item) {
  return ((const float *)(const void *)out->data)[item];
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

static void functions_return_what_the_sub_group_has(void **state) {
  (void)state;
  EACH_WIDTH(width) {
    const size_t groups = (ITEMS + width - 1) / width;
    assert_quiet("out[me] = sub_group_reduce_add((float)me);", width);
    for (size_t i = 0; i < ITEMS; ++i) {
      const size_t first = i - i % width, end = smaller(first + width, ITEMS);
      assert_true(result(i) == (float)((first + end - 1) * (end - first) / 2));
    }
    assert_quiet("out[me] = sub_group_reduce_max(-me) + 2.0f * sub_group_reduce_max((float)me);", width);
    for (size_t i = 0; i < ITEMS; ++i) {
      const size_t first = i - i % width, end = smaller(first + width, ITEMS);
      assert_true(result(i) == 2.0f * (float)(end - 1) - (float)first);
    }
    assert_quiet("out[me] = sub_group_broadcast((float)me, 3) + sub_group_broadcast((uint)me, 0);", width);
    for (size_t i = 0; i < ITEMS; ++i) assert_true(result(i) == (float)(2 * (i - i % width) + 3));
    assert_quiet("out[me] = get_sub_group_id() * 10000 + get_sub_group_size() * 100 + lane;", width);
    for (size_t i = 0; i < ITEMS; ++i) {
      const size_t first = i - i % width, end = smaller(first + width, ITEMS);
      assert_true(result(i) == (float)(i / width * 10000 + (end - first) * 100 + i % width));
    }
    assert_quiet("out[me] = get_num_sub_groups() * 100 + get_max_sub_group_size();", width);
    assert_true(result(0) == (float)(groups * 100 + width));
  }
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

/* Each work-item stores its own element and loads that of the next lane. */
#define NEXT_LANE "me - lane + (lane + 1) % get_sub_group_size()"
#define EXCHANGE_WITH(order) "b[me] = me; " order " out[me] = b[" NEXT_LANE "];"

static void a_barrier_of_the_sub_group_orders_its_accesses(void **state) {
  (void)state;
  EACH_WIDTH(width) {
    assert_quiet(EXCHANGE_WITH("sub_group_barrier(CLK_LOCAL_MEM_FENCE);"), width);
    for (size_t i = 0; i < ITEMS; ++i) {
      const size_t first = i - i % width, end = smaller(first + width, ITEMS);
      assert_true(result(i) == (float)(i + 1 < end ? i + 1 : first));
    }
    /* in global memory, and again and again */
    assert_quiet(
        "for (int i = 0; i < 3; ++i) { out[me] = i; sub_group_barrier(CLK_GLOBAL_MEM_FENCE); b[me] = out[" NEXT_LANE
        "]; sub_group_barrier(CLK_GLOBAL_MEM_FENCE); }",
        width);
    /* loads, then a store by one of those that loaded */
    assert_quiet("if (lane == 0) b[me] = 1; sub_group_barrier(CLK_LOCAL_MEM_FENCE); out[me] = b[me - lane]; "
                 "sub_group_barrier(CLK_LOCAL_MEM_FENCE); out[me] += b[me - lane]; "
                 "sub_group_barrier(CLK_LOCAL_MEM_FENCE); if (lane == 1) b[me - lane] = 2;",
                 width);
  }
}

static void nothing_else_orders_them(void **state) {
  (void)state;
  EACH_WIDTH(width) {
    assert_finds(EXCHANGE_WITH(""), width, "local box", "no barrier between them");
    assert_finds(EXCHANGE_WITH("sub_group_reduce_add(1.0f);"), width, "local box", "no barrier between them");
    assert_finds(EXCHANGE_WITH("sub_group_broadcast(me, 0);"), width, "local box", "no barrier between them");
    assert_finds(EXCHANGE_WITH("sub_group_barrier(CLK_GLOBAL_MEM_FENCE);"), width, "local box",
                 "no barrier between them");
    assert_finds("out[me] = me; sub_group_barrier(CLK_LOCAL_MEM_FENCE); b[me] = out[" NEXT_LANE "];", width,
                 "loads out", "no barrier between them");
    /* no barrier between the loads and the next store */
    assert_finds("if (lane == 0) b[me] = 1; sub_group_barrier(CLK_LOCAL_MEM_FENCE); out[me] = b[me - lane]; "
                 "if (lane == 1) b[me - lane] = 2;",
                 width, "stores to local box", "no barrier between them");
    assert_finds("if (lane == 0) b[me] = 1; sub_group_barrier(CLK_LOCAL_MEM_FENCE); out[me] = b[me - lane]; "
                 "sub_group_barrier(CLK_LOCAL_MEM_FENCE); out[me] += b[me - lane]; if (lane == 1) b[me - lane] = 2;",
                 width, "stores to local box", "several others");
  }
}

/* The next work-item of the last one of a sub-group belongs to another sub-group. */
static void sub_groups_race_with_each_other(void **state) {
  (void)state;
  EACH_WIDTH(width) {
    assert_finds("b[me] = me; sub_group_barrier(CLK_LOCAL_MEM_FENCE); out[me] = b[(me + 1) % 40];", width,
                 "loads local box", "no barrier between them");
    assert_finds("out[me] = b[0] = 1; sub_group_barrier(CLK_LOCAL_MEM_FENCE); out[me] += b[0]; "
                 "sub_group_barrier(CLK_LOCAL_MEM_FENCE); if (me == 1) b[0] = 2;",
                 width, "stores to local box", "no barrier between them");
    assert_quiet("b[me] = me; barrier(CLK_LOCAL_MEM_FENCE); out[me] = b[(me + 1) % 40];", width);
  }
}

/* ---- divergence -------------------------------------------------------------------------------------------------- */

#define DIVERGES "kernels/test/try.cl:5: ", "call a function of the whole sub-group, and"

static void divergence_is_reported(void **state) {
  (void)state;
  EACH_WIDTH(width) {
    assert_finds("if (lane > 1) out[me] = sub_group_reduce_add(1.0f);", width, DIVERGES);
    assert_finds("if (lane == 5) return; out[me] = sub_group_reduce_max(1.0f);", width, DIVERGES);
    assert_finds("for (int i = 0; i <= lane; ++i) out[me] = sub_group_broadcast(1.0f, 0);", width, DIVERGES);
    assert_finds("if (lane != 2) sub_group_barrier(CLK_LOCAL_MEM_FENCE);", width, DIVERGES);
    assert_finds("if (lane < 4) out[me] = sub_group_reduce_add(1.0f); else out[me] = sub_group_reduce_max(2.0f);",
                 width, DIVERGES);
    assert_finds("if (lane < 4) out[me] = sub_group_reduce_add(1.0f); else barrier(CLK_LOCAL_MEM_FENCE);", width,
                 DIVERGES);
  }
}

static void sub_groups_may_go_different_ways(void **state) {
  (void)state;
  EACH_WIDTH(width) {
    assert_quiet("if (get_sub_group_id() == 0) out[me] = sub_group_reduce_add(1.0f); "
                 "else out[me] = sub_group_reduce_max(1.0f);",
                 width);
    assert_quiet("for (int i = 0; i <= get_sub_group_id(); ++i) out[me] += sub_group_reduce_add(1.0f);", width);
    assert_true(result(ITEMS - 1) == (float)((ITEMS - 1) / width + 1) * (float)((ITEMS - 1) % width + 1));
  }
}

static int set_up(void **state) {
  cl_int code = CL_SUCCESS;
  (void)state;
  context = clCreateContext(NULL, 0, NULL, NULL, NULL, &code);
  if (code == CL_SUCCESS) queue = clCreateCommandQueue(context, NULL, 0, &code);
  if (code == CL_SUCCESS) out = clCreateBuffer(context, 0, ITEMS * sizeof(float), NULL, &code);
  return code;
}

static int tear_down(void **state) {
  (void)state;
  device_forget();
  clReleaseMemObject(out);
  clReleaseCommandQueue(queue);
  clReleaseContext(context);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_return_what_the_sub_group_has),
      cmocka_unit_test(a_barrier_of_the_sub_group_orders_its_accesses),
      cmocka_unit_test(nothing_else_orders_them),
      cmocka_unit_test(sub_groups_race_with_each_other),
      cmocka_unit_test(divergence_is_reported),
      cmocka_unit_test(sub_groups_may_go_different_ways),
  };
  const char *why = compile_begin(), *allowed = getenv("CLATTN_SKIPPED");
  if (why != NULL) {
    printf("skipped: %s\n", why);
    return allowed != NULL ? atoi(allowed) : SKIPPED;
  }
  const int failed = cmocka_run_group_tests_name("sub_groups", tests, set_up, tear_down);
  programs_free();
  compile_end();
  return failed;
}
