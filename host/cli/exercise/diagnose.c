/* The table of diagnoses: the first whose sign is there speaks, those that are surest first. */
#include "diagnose.h"

#include <math.h>

static bool all_wrong(const evidence *e) {
  return e->facts.wrong == e->facts.all;
}

/* ---- signs ------------------------------------------------------------------------------------------------------- */

static bool nothing_written(const evidence *e) {
  return all_wrong(e) && e->facts.unwritten == e->facts.wrong && e->facts.zeros < e->facts.wrong;
}

static bool zeros(const evidence *e) {
  return e->facts.wrong > 0 && e->facts.zeros == e->facts.wrong && e->facts.wrong * 2 > e->facts.all;
}

static bool other_axis(const evidence *e) {
  return guess_other_axis(e);
}

static bool exchanged(const evidence *e) {
  return guess_exchanged(e);
}

static bool first_term_missing(const evidence *e) {
  return guess_terms(e, 1, case_sizes_of(e->exercise, e->kind).terms);
}

static bool last_term_missing(const evidence *e) {
  return guess_terms(e, 0, case_sizes_of(e->exercise, e->kind).terms - 1);
}

static bool last_term_alone(const evidence *e) {
  const size_t terms = case_sizes_of(e->exercise, e->kind).terms;
  return guess_terms(e, terms - 1, terms);
}

static bool first_tile_alone(const evidence *e) {
  return e->kind == CASE_TILES && guess_terms(e, 0, e->exercise->tile);
}

static bool last_tile_alone(const evidence *e) {
  return e->kind == CASE_TILES && guess_terms(e, e->exercise->tile, 2 * e->exercise->tile);
}

static bool factor(const evidence *e) {
  return e->facts.factor != 1.0;
}

static bool first_item(size_t item, size_t items) {
  (void)items;
  return item == 0;
}

/* Without barriers, where work-items run one after the other, item 0 goes through all levels before any other adds. */
static bool on_the_path_of_the_first(size_t item, size_t items) {
  return item == 0 || (item < items && (item & (item - 1)) == 0);
}

static bool lower_half(size_t item, size_t items) {
  return item < items / 2;
}

static bool one_part_alone(const evidence *e) {
  return guess_parts(e, first_item);
}

static bool tree_without_barrier(const evidence *e) {
  return guess_parts(e, on_the_path_of_the_first);
}

static bool half_of_the_parts(const evidence *e) {
  return guess_parts(e, lower_half);
}

static bool overflow(const evidence *e) {
  return e->kind == CASE_LARGE;
}

static bool not_finite(const evidence *e) {
  return e->facts.not_finite > 0;
}

static bool sum_is_not_1(const evidence *e) {
  const view *v = &e->view;
  if (v->tensor != CLATTN_WEIGHTS) return false;
  for (size_t row = 0; row < v->rows; ++row) {
    double sum = 0.0;
    for (size_t column = 0; column < v->columns; ++column) sum += (double)v->got[view_at(v, 0, row, column)];
    if (fabs(sum - 1.0) > 1e-2) return true;
  }
  return false;
}

static bool has_tiles(const evidence *e) {
  return e->exercise->tile > 8 || e->exercise->stage == CLATTN_STAGE_FUSED;
}

static bool read_too_early(const evidence *e) {
  return has_tiles(e) && e->kind == CASE_ONE_TILE && e->facts.end_right && !e->facts.begin_right;
}

static bool overwritten_too_early(const evidence *e) {
  return has_tiles(e) && e->kind == CASE_TILES && e->facts.begin_right;
}

static bool race(const evidence *e) {
  return e->facts.unsteady > 0;
}

static bool other_rows(const evidence *e) {
  return guess_other_rows(e);
}

static bool other_columns(const evidence *e) {
  return guess_other_columns(e);
}

static bool growing(const evidence *e) {
  return e->kind == CASE_GROWING;
}

static bool imprecise(const evidence *e) {
  return e->facts.wrong == 0;
}

static const struct {
  bool (*speaks)(const evidence *e);
  const char *hint;
} diagnoses[] = {
    {imprecise,
     "every value is near, but not as exact as this formula is in float: is something left out that is small, "
     "or rounded twice?"},
    {nothing_written, "nothing is written: no work-item stores its result, or all of them store it elsewhere"},
    {zeros, "zeros where there should be values: nothing is added to the sum, or it is added and not kept"},
    {overflow, "small scores are right, those beyond 88 are not: exp overflows. Subtract the largest score first; the "
               "quotient stays the same"},
    {growing,
     "it is right while the first key has the largest score, and wrong when a later one is larger: rescale what "
     "was summed up before by exp(old maximum - new maximum), the sum and the context alike"},
    {exchanged, "rows and columns of the result are exchanged: the right values, stored along the wrong axis"},
    {other_axis, "the second matrix is read along the wrong axis: this is the product with its transpose"},
    {first_term_missing, "the first term of each sum is left out: where does the loop begin?"},
    {last_term_missing, "the last term of each sum is left out: where does the loop end?"},
    {last_term_alone, "only the last term is there: the sum is overwritten in each round, not added to"},
    {first_tile_alone, "only the first tile's terms are in the sum: add up over all tiles"},
    {last_tile_alone, "only the last tile's terms are in the sum: it begins anew with each tile"},
    {one_part_alone, "each row is divided by the sum of one work-item's part: the parts are not joined"},
    {tree_without_barrier,
     "only some parts of the tree arrive: a barrier is missing. A level must be complete before the "
     "next one reads it"},
    {half_of_the_parts, "half of the parts are lost: the tree begins one level too late"},
    {factor, "all values are off by the same factor: is one forgotten, or there twice?"},
    {read_too_early, "the work-items that run last are right, the first are not: a barrier is missing between writing "
                     "the tiles and reading them"},
    {not_finite, "NaN or infinity out of small numbers: something is divided by 0, or a maximum of -infinity is "
                 "subtracted, or local memory is read that nobody has written"},
    {sum_is_not_1, "the weights of a row do not add up to 1: divide by the sum over the whole row"},
    {overwritten_too_early,
     "one tile is right and the first work-item stays right, others do not: a barrier is missing "
     "between reading the tiles and overwriting them with the next"},
    {race,
     "it differs from run to run on the same inputs: work-items read what others are writing; a barrier is missing"},
    {other_rows, "the right values in the wrong rows: which rows are this work-item's?"},
    {other_columns, "the right values in the wrong columns: which columns are this work-item's?"},
};

const char *diagnose(const evidence *e) {
  for (size_t i = 0; i < sizeof diagnoses / sizeof diagnoses[0]; ++i)
    if (diagnoses[i].speaks(e)) return diagnoses[i].hint;
  return case_hint(e->kind);
}
