/* Launches kernels and splits long launches: each piece is a box of the launch's work-groups, at an
 * offset. */
#include "device/launch.h"

#include <math.h>

#include "base/clock.h"
#include "base/sizes.h"

typedef struct work {
  int slot;
  cl_kernel kernel;
  clattn_range all;
  size_t groups[3];
  double flops;   /* per group, on average */
  bool backwards; /* the last groups are launched first */
} work;

static size_t count(const work *w) {
  return w->groups[0] * w->groups[1] * w->groups[2];
}

/* Picks the work-group's shape for a kernel that works with any: wide for wide results, so that
 * neighbouring work-items access neighbouring memory. Uses few shapes, and none that depends on the
 * launch's exact size: if the driver picks (NULL), it takes a divisor of the launch's size, and
 * PoCL compiles the kernel again for every new one. */
static void choose_shape(const clattn_geometry *g, size_t x, size_t y, size_t local[3]) {
  size_t width = 1;
  while (width < g->items && width < x) width *= 4;
  local[0] = y == 1 ? g->items : clattn_smaller(width, g->items);
  local[1] = g->items / local[0];
}

static work describe(int slot, cl_kernel kernel, const clattn_geometry *g, const size_t size[3], double flops) {
  const size_t cols = clattn_groups_of(size[0], g->cols), rows = clattn_groups_of(size[1], g->rows);
  const size_t x = g->rows_first ? rows : cols, y = g->rows_first ? cols : rows;
  work w = {.slot = slot, .kernel = kernel, .all = {.local = {g->local[0], g->local[1], 1}}, .groups = {x, y, size[2]}};
  if (g->local[0] == 0) {
    choose_shape(g, x, y, w.all.local);
    for (int d = 0; d < 2; ++d) w.groups[d] = clattn_groups_of(w.groups[d], w.all.local[d]);
  }
  for (int d = 0; d < 3; ++d) w.all.global[d] = w.groups[d] * w.all.local[d];
  w.flops = flops / (double)count(&w);
  w.backwards = !g->longest_first; /* longest groups first: a piece's time bounds the next one's */
  return w;
}

/* ---- dividing a launch ------------------------------------------------------------------------------------------- */

/* A piece spans all groups in the dimensions below `along`, some of them in `along`, and one group
 * in the dimensions above. */
typedef struct cutting {
  size_t at[3], step[3]; /* in groups, counted in launch order */
  int along;
  size_t inner; /* groups in the dimensions below `along` */
} cutting;

/* The most groups that a piece may take along the cut dimension, if it may have `most` in all. */
static size_t groups_along(const cutting *c, size_t most) {
  return clattn_larger(most / c->inner, 1);
}

/* Cuts the launch into pieces of at most `most` groups and of about equal size. */
static cutting cut(const work *w, size_t most) {
  cutting c = {.step = {w->groups[0], w->groups[1], w->groups[2]}, .inner = count(w)};
  for (c.along = 2; c.along >= 0; --c.along) {
    c.inner /= w->groups[c.along];
    const size_t pieces = clattn_groups_of(w->groups[c.along], groups_along(&c, most));
    c.step[c.along] = clattn_groups_of(w->groups[c.along], pieces);
    if (most >= c.inner) break;
  }
  return c;
}

/* Limits the remaining pieces to `most` groups. */
static void limit_step(const work *w, size_t most, cutting *c) {
  c->step[c->along] = clattn_smaller(groups_along(c, most), w->groups[c->along]);
}

/* The work-items of the current piece; *groups receives its number of work-groups. */
static clattn_range piece_at(const work *w, const cutting *c, size_t *groups) {
  clattn_range r = w->all;
  *groups = 1;
  for (int d = 0; d < 3; ++d) {
    const size_t step = clattn_smaller(c->step[d], w->groups[d] - c->at[d]);
    const size_t first = w->backwards ? w->groups[d] - c->at[d] - step : c->at[d];
    r.offset[d] = first * r.local[d];
    r.global[d] = step * r.local[d];
    *groups *= step;
  }
  return r;
}

/* Moves to the next piece; false after the last. */
static bool advance(const work *w, cutting *c) {
  for (int d = c->along; d < 3; ++d) {
    c->at[d] += c->step[d];
    if (c->at[d] < w->groups[d]) return true;
    c->at[d] = 0;
  }
  return false;
}

/* ---- the size of pieces ------------------------------------------------------------------------------------------ */

/* Divide an unmeasured kernel's first piece by this: the estimate can be 10 times too
 * optimistic. */
#define CAUTION 8.0
/* Limits how far one measurement, which may be wrong, can raise the rate. */
#define FASTEST_GROWTH 4.0

static bool is_paced(const clattn_queue *queue) {
  return queue->rate != NULL && queue->limit.seconds > 0.0;
}

/* Operations per second. */
static double expected_rate(const clattn_queue *queue, int slot) {
  const double known = queue->rate[slot];
  return known > 0.0 ? known : queue->limit.flops / queue->limit.seconds / CAUTION;
}

static size_t most_groups(const clattn_queue *queue, const work *w) {
  clattn_launch_limit limit = queue->limit;
  if (is_paced(queue)) limit.flops = expected_rate(queue, w->slot) * limit.seconds;
  return clattn_limited(&limit, w->flops * (double)count(w), count(w), limit.groups_least);
}

/* Waits for the piece and updates the kernel's rate from its time. *slowest becomes the lowest rate
 * of the pieces that ran long enough to be more than overhead; the next launch starts from it. */
static clattn_status pace(clattn_queue *queue, int slot, double flops, double started, double *slowest,
                          clattn_error *error) {
  const clattn_status status = clattn_queue_wait(queue, error);
  if (status != CLATTN_OK) return status;
  double *rate = &queue->rate[slot];
  const double seconds = clattn_now() - started, most = expected_rate(queue, slot) * FASTEST_GROWTH;
  *rate = seconds * most > flops ? flops / seconds : most;
  if (seconds > queue->limit.seconds / 16.0 && *rate < *slowest) *slowest = *rate;
  return CLATTN_OK;
}

static clattn_status launch_piece(clattn_queue *queue, const work *w, const clattn_range *piece, double flops,
                                  double *slowest, clattn_error *error) {
  const double started = clattn_now();
  const clattn_status status = clattn_queue_launch(queue, w->slot, w->kernel, piece, error);
  if (status != CLATTN_OK) return status;
  if (is_paced(queue)) return pace(queue, w->slot, flops, started, slowest, error);
  if (queue->profile != NULL) return CLATTN_OK; /* profiling has already waited for it */
  return clattn_queue_flush(queue, error);      /* without a flush a driver may submit several pieces as one */
}

static clattn_status launch_pieces(clattn_queue *queue, const work *w, size_t most, clattn_error *error) {
  cutting c = cut(w, most);
  double slowest = INFINITY;
  clattn_status status = is_paced(queue) ? clattn_queue_wait(queue, error) : CLATTN_OK;
  while (status == CLATTN_OK) {
    size_t groups;
    const clattn_range piece = piece_at(w, &c, &groups);
    status = launch_piece(queue, w, &piece, w->flops * (double)groups, &slowest, error);
    if (!advance(w, &c)) break;
    if (is_paced(queue)) limit_step(w, most_groups(queue, w), &c);
  }
  if (isfinite(slowest)) queue->rate[w->slot] = slowest;
  return status;
}

clattn_status clattn_launch(clattn_queue *queue, int slot, cl_kernel kernel, const clattn_geometry *geometry,
                            const size_t size[3], double flops, clattn_error *error) {
  const work w = describe(slot, kernel, geometry, size, flops);
  const size_t most = most_groups(queue, &w);
  if (most >= count(&w)) return clattn_queue_launch(queue, slot, kernel, &w.all, error);
  return launch_pieces(queue, &w, most, error);
}
