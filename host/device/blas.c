/* CLBlast, one call at a time: versions before 1.6.1 are not thread-safe. */
#include "device/blas.h"

#include "base/status.h"

#ifdef CLATTN_WITH_CLBLAST

#include <clblast_c.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/sizes.h"

static clattn_lock one_at_a_time = CLATTN_LOCK_INIT;

static CLBlastStatusCode multiply(cl_command_queue *queue, const clattn_blas_product *p, cl_event *event) {
  const CLBlastTranspose b_transpose = p->b.transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
  if (p->count == 1)
    return CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, b_transpose, p->rows, p->columns, p->terms,
                        p->factor, p->a.buffer, p->a.offset, p->a.row, p->b.buffer, p->b.offset, p->b.row, 0.0f,
                        p->c.buffer, p->c.offset, p->c.row, queue, event);
  return CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, CLBlastTransposeNo, b_transpose, p->rows, p->columns,
                                    p->terms, p->factor, p->a.buffer, p->a.offset, p->a.row, p->a.step, p->b.buffer,
                                    p->b.offset, p->b.row, p->b.step, 0.0f, p->c.buffer, p->c.offset, p->c.row,
                                    p->c.step, p->count, queue, event);
}

/* CLBlast passes OpenCL's codes on; its own codes start far below them. */
static const char *name_of(int code) {
  return code > -1000 ? clattn_cl_code_name(code) : "CLBlastStatusCode";
}

static clattn_status multiply_at_once(clattn_queue *queue, int slot, const clattn_blas_product *p,
                                      clattn_error *error) {
  const clattn_status status = clattn_queue_hold(queue, error);
  if (status != CLATTN_OK) return status;
  const double started = clattn_now();
  cl_event event = NULL;
  clattn_lock_take(&one_at_a_time);
  const CLBlastStatusCode code = multiply(&queue->commands, p, &event);
  clattn_lock_give(&one_at_a_time);
  if (code != CLBlastSuccess) {
    clattn_fail(error, CLATTN_CLBLAST_FAILED, "CLBlast's SGEMM (%zu times %zu x %zu x %zu) failed: %s (%d)", p->count,
                p->rows, p->columns, p->terms, name_of((int)code), (int)code);
    if (error != NULL) error->code = (int)code;
    return CLATTN_CLBLAST_FAILED;
  }
  return clattn_queue_resume(queue, slot, event, started, error);
}

/* With fewer rows than this, CLBlast cannot fill one work-group. */
#define ROWS_LEAST 64

/* `rows` rows from first_row on, of `count` products from first on. */
static clattn_blas_product part_of(const clattn_blas_product *all, size_t first, size_t count, size_t first_row,
                                   size_t rows) {
  clattn_blas_product part = *all;
  part.count = clattn_smaller(count, all->count - first);
  part.rows = clattn_smaller(rows, all->rows - first_row);
  part.a.offset += first * all->a.step + first_row * all->a.row;
  part.b.offset += first * all->b.step;
  part.c.offset += first * all->c.step + first_row * all->c.row;
  return part;
}

clattn_status clattn_blas_multiply(clattn_queue *queue, int slot, const clattn_blas_product *p, clattn_error *error) {
  const double flops = 2.0 * (double)p->rows * (double)p->columns * (double)p->terms * (double)p->count;
  const size_t most = clattn_limited(&queue->limit, flops, p->rows * p->count, ROWS_LEAST);
  const size_t rows = clattn_smaller(most, p->rows), count = most > p->rows ? most / p->rows : 1;
  clattn_status status = CLATTN_OK;
  for (size_t first = 0; first < p->count; first += count)
    for (size_t first_row = 0; first_row < p->rows && status == CLATTN_OK; first_row += rows) {
      const clattn_blas_product part = part_of(p, first, count, first_row, rows);
      status = multiply_at_once(queue, slot, &part, error);
    }
  return status;
}

#else

clattn_status clattn_blas_multiply(clattn_queue *queue, int slot, const clattn_blas_product *product,
                                   clattn_error *error) {
  (void)queue;
  (void)slot;
  (void)product;
  return clattn_fail(error, CLATTN_UNSUPPORTED, "this library was built without CLBlast");
}

#endif
