/* The table of diagnoses, the most certain ones first: the first whose sign is present gives the
 * hint. */
#include "cli/exercise/diagnose.h"

#include <math.h>

static bool all_wrong(const evidence *e) {
  return e->facts.wrong == e->facts.all;
}

/* ---- signs ------------------------------------------------------------------------------------------------------- */

static bool nothing_written(const evidence *e) {
  return all_wrong(e) && e->facts.unwritten == e->facts.wrong;
}

static bool some_unwritten(const evidence *e) {
  return e->facts.wrong > 0 && e->facts.unwritten == e->facts.wrong;
}

static bool still_scores(const evidence *e) {
  return e->view.tensor == CLATTN_WEIGHTS && view_is(&e->view, e->expected->scores);
}

static bool zeros(const evidence *e) {
  return e->facts.wrong > 0 && e->facts.zeros == e->facts.wrong && e->facts.wrong * 2 > e->facts.all;
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

/* Without barriers, on devices that run work-items one after the other, item 0 passes all levels
 * before others add. */
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

static bool even(size_t item, size_t items) {
  (void)items;
  return item % 2 == 0;
}

static bool last_level_missing(const evidence *e) {
  return guess_parts(e, even);
}

static bool half_of_the_parts(const evidence *e) {
  return guess_parts(e, lower_half);
}

static bool overflow(const evidence *e) {
  return e->kind == CASE_LARGE && e->facts.not_finite + e->facts.zeros > 0;
}

static bool not_finite(const evidence *e, clattn_stage stage) {
  return e->facts.not_finite + (stage == CLATTN_STAGE_SCORES ? 0 : e->facts.hidden) > 0 && e->exercise->stage == stage;
}

static bool infinite_value(const evidence *e) {
  return e->kind == CASE_CAUSAL && not_finite(e, CLATTN_STAGE_CONTEXT);
}

static bool not_finite_softmax(const evidence *e) {
  return not_finite(e, CLATTN_STAGE_SOFTMAX);
}

static bool not_finite_fused(const evidence *e) {
  return not_finite(e, CLATTN_STAGE_FUSED);
}

static bool not_finite_product(const evidence *e) {
  return not_finite(e, e->exercise->stage);
}

/* ---- scores: masking ---- */

static bool hidden(const evidence *e) {
  return e->view.tensor == CLATTN_SCORES && e->facts.hidden > 0 && e->facts.hidden == e->facts.wrong;
}

static bool all_hidden(const evidence *e) {
  return all_wrong(e) && hidden(e);
}

/* With a causal mask: each row shows only its first masked key. */
static bool end_shown(const evidence *e) {
  const view *v = &e->view;
  if (e->kind != CASE_CAUSAL || e->facts.shown == 0 || e->facts.shown != e->facts.wrong) return false;
  for (size_t row = 0; row < v->rows; ++row)
    for (size_t column = row + 2; column < v->columns; ++column)
      if (v->got[view_at(v, 0, row, column)] != -INFINITY) return false;
  return true;
}

/* ---- maximum and sum, from which log-sum-exp is made ---- */

/* Minus infinity for every row, masked or not. */
static bool lse_infinite(const evidence *e) {
  const clattn_problem *p = &e->work->problem;
  if (!is_wrong(e, CLATTN_LSE)) return false;
  for (size_t i = 0; i < p->batch * p->heads * p->query_len; ++i)
    if (e->got->lse[i] != -INFINITY) return false;
  return true;
}

/* log-sum-exp is the last tensor of a stage: the others are right. */
static bool lse_only(const evidence *e) {
  return e->view.tensor == CLATTN_LSE;
}

static bool sum_right(const evidence *e) {
  return e->exercise->stage == CLATTN_STAGE_FUSED && !is_wrong(e, CLATTN_LSE);
}

static bool context_only(const evidence *e) {
  return e->kind == CASE_ONE_TILE && sum_right(e);
}

static bool context_not_rescaled(const evidence *e) {
  return e->kind == CASE_GROWING && sum_right(e);
}

/* ---- a matrix unit ---- */

/* Matrix units multiply halves; nothing else that is an exercise does. */
static bool is_of_unit(const evidence *e) {
  return e->exercise->type != CLATTN_F32;
}

static bool columns_held_by_none(const evidence *e) {
  return is_of_unit(e) && e->facts.unwritten > 0;
}

/* Each row's maximum and sum are right, so each score is in its row. The software unit then multiplies it by another
 * key's value; a unit in hardware has the order right, but its results are taken for others. */
static bool weights_meet_others(const evidence *e) {
  return is_of_unit(e) && e->kind == CASE_ONE_TILE && sum_right(e);
}

/* ---- tiles, barriers and positions ---- */

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

/* Past the end of a row are the numbers of the next row; past the last row there are none. */
static bool last_row_only(const evidence *e) {
  const size_t rows = e->view.rows;
  return !has_tiles(e) && rows > 1 && e->facts.wrong_rows == 1 && e->facts.first.row == rows - 1;
}

static bool growing(const evidence *e) {
  return e->kind == CASE_GROWING;
}

static bool imprecise(const evidence *e) {
  return e->facts.wrong == 0;
}

static const struct {
  bool (*applies)(const evidence *e);
  const char *hint;
} diagnoses[] = {
    {imprecise, "every value is close, but less exact than this formula is in float: is something small left out, or "
                "something rounded twice?"},
    {nothing_written, "nothing is written: no work-item stores its result, or all store it in the wrong place"},
    {columns_held_by_none,
     "no lane holds some columns of the sum, so nobody stores them, and others are held twice: the "
     "lanes that share a row must hold each of its columns once"},
    {weights_meet_others,
     "each row's weights are right, but meet other keys' values, or the context is stored in other columns: sums "
     "become elements of left in the same lane and order. Compare with left_depth"},
    {some_unwritten,
     "everything that is written is right, but a part is never written: which work-items store it, and where?"},
    {still_scores, "these are still the scores, which are in memory where the weights go: nothing is stored into `to`"},
    {all_hidden, "every score is -infinity: is the test inverted? It should mask the keys outside the range"},
    {hidden, "too much is masked: view.first is the first key that the row sees, view.end the first after those"},
    {end_shown,
     "each row sees one key too many: view.end is the first key that it does not see, so that one is masked too"},
    {guess_last_key, "each row is the value of its last key and nothing else: the sum so far is lost at each key. Is "
                     "`largest` set to the new maximum?"},
    {lse_infinite, "log-sum-exp, which is largest + log(sum), is -infinity for every row: `largest` never becomes the "
                   "larger maximum, or `sum` stays 0"},
    {lse_only, "the rest is right, but log-sum-exp, which is largest + log(sum), is not: are `largest` and `sum` the "
               "row's maximum and sum when the exercise ends?"},
    {overflow, "small scores are right, but scores above 88 are not: exp overflows. Subtract the largest score first; "
               "the quotient stays the same"},
    {zeros, "zeros instead of values: nothing is added to the sum, or the result is not kept"},
    {context_not_rescaled,
     "it is right if the first key has the largest score; if a later one is larger, the sum is rescaled and the "
     "context is not: multiply the context so far, too, by exp(old maximum - new maximum)"},
    {growing,
     "it is right if the first key has the largest score, and wrong if a later one is larger: multiply the sum and "
     "the context so far by exp(old maximum - new maximum)"},
    {guess_exchanged, "rows and columns of the result are exchanged: right values, stored along the wrong axis"},
    {guess_other_axis, "the second matrix is read along the wrong axis: this is the product with its transpose"},
    {guess_first_axis, "the first matrix is read along the wrong axis: this is the product of its transpose"},
    {first_term_missing, "the first term of each sum is left out: where does the loop begin?"},
    {last_term_missing, "the last term of each sum is left out: where does the loop end?"},
    {last_term_alone, "only the last term is there: each round overwrites the sum instead of adding to it"},
    {first_tile_alone, "only the terms of the first tile are in the sum: add over all tiles"},
    {last_tile_alone, "only the terms of the last tile are in the sum: it begins anew with each tile"},
    {one_part_alone, "each row is divided by the partial sum of one work-item: the parts are not joined"},
    {tree_without_barrier,
     "only some parts of the tree arrive: a barrier is missing. A level must be complete before the "
     "next one reads it"},
    {half_of_the_parts, "half of the parts are lost: the tree begins one level too late"},
    {last_level_missing, "every second part is lost: the tree ends one level too early"},
    {factor, "all values are off by the same factor: is a factor forgotten, or applied twice?"},
    {guess_rows_alike, "all rows are the same: the row is missing from an address, or the weights from the sum"},
    {guess_columns_alike, "all columns are the same: the column is missing from an address"},
    {read_too_early, "the work-items that run last are right, the first are not: a barrier is missing between writing "
                     "the tiles and reading them"},
    {infinite_value,
     "NaN where a masked key has an infinite value: 0 times infinity is NaN. Leave out keys whose weight "
     "is 0"},
    {guess_sum_too_large,
     "the weights of a row do not add up to 1, but to less: the sum that divides contains more than the "
     "row. Where does the loop begin and end, and is a part added twice?"},
    {not_finite_softmax, "NaN or infinity from small numbers: is `largest` the row's maximum and finite, and the "
                         "sum not 0 when it divides?"},
    {not_finite_fused, "NaN or infinity from small numbers: at the first key `largest` is -infinity. Is it exp(old "
                       "maximum - new maximum), in this order, and is `sum` not 0 when it divides?"},
    {not_finite_product, "NaN or infinity from small numbers: a sum of products reads past the end of an array (is "
                         "it < or <=?), or local memory that no work-item has written"},
    {guess_not_divided, "the largest weight of each row is 1: exp(score - largest) is not divided by the row's sum"},
    {guess_sum_too_small,
     "the weights of a row do not add up to 1, but to more: a part of the row is missing from the sum that divides"},
    {overwritten_too_early, "one tile is right, and with more tiles only the first work-item is: a barrier is missing "
                            "between reading the tiles and overwriting them with the next ones"},
    {race,
     "the result differs from run to run on the same inputs: work-items read what others are writing; a barrier is "
     "missing"},
    {guess_other_rows, "right values in the wrong rows: which rows belong to this work-item?"},
    {guess_other_columns, "right values in the wrong columns: which columns belong to this work-item?"},
    {last_row_only,
     "only the last row is wrong: a loop seems to read past the end of the row, which for the last row is "
     "the end of the array. Is it < or <=?"},
    {context_only, "largest and sum are right, since log-sum-exp is, but the context is not: is each value multiplied "
                   "by its weight, and is the context so far rescaled?"},
};

const char *diagnose(const evidence *e) {
  if (e->blank) return "you have not filled in the blank yet: only comments are between the exercise's two marks";
  for (size_t i = 0; i < sizeof diagnoses / sizeof diagnoses[0]; ++i)
    if (diagnoses[i].applies(e)) return diagnoses[i].hint;
  return case_hint(e->kind);
}
