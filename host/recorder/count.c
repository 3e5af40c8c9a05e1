/* Computes tallies. Sorts the touches of a work-group into steps: NEIGHBOURS work-items execute the
 * same instruction in the same phase for the n-th time. A device runs these together, even if a
 * branch separated some of the work-items in between. */
#include "recorder/count.h"

#include <stdlib.h>
#include <string.h>

#include "base/sizes.h"
enum { TOUCH_WORDS_MOST = 33 }; /* words of 128 bytes that start within a word */

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b) {
  return (a > b) - (a < b);
}

/* By phase, instruction and work-item. The address breaks ties, because qsort is not stable. */
static int by_item(const void *left, const void *right) {
  const touch *a = *(touch *const *)left, *b = *(touch *const *)right;
  int order = compare(a->phase, b->phase);
  if (order == 0) order = compare(a->at, b->at);
  if (order == 0) order = compare(a->item, b->item);
  return order != 0 ? order : compare((uintptr_t)a, (uintptr_t)b);
}

/* By phase, place, instruction, neighbours and time. */
static int by_step(const void *left, const void *right) {
  const touch *a = *(touch *const *)left, *b = *(touch *const *)right;
  int order = compare(a->phase, b->phase);
  if (order == 0) order = compare(a->place, b->place);
  if (order == 0) order = compare(a->at, b->at);
  if (order == 0) order = compare(a->item / NEIGHBOURS, b->item / NEIGHBOURS);
  if (order == 0) order = compare(a->time, b->time);
  return order != 0 ? order : compare(a->item, b->item);
}

static bool same_step(const touch *a, const touch *b) {
  return a->phase == b->phase && a->place == b->place && a->at == b->at && a->time == b->time &&
         a->item / NEIGHBOURS == b->item / NEIGHBOURS;
}

static void number_times(touch **sorted, size_t count) {
  for (size_t i = 1; i < count; ++i) {
    const touch *before = sorted[i - 1];
    touch *t = sorted[i];
    const bool again = before->phase == t->phase && before->at == t->at && before->item == t->item;
    t->time = again ? before->time + 1 : 0;
  }
}

/* ---- parts of a step --------------------------------------------------------------------------------------------- */

static int by_value(const void *left, const void *right) {
  return compare(*(const uint64_t *)left, *(const uint64_t *)right);
}

/* Collects the different words of a step, in ascending order. */
static size_t words_of(touch *const *step, size_t count, uint64_t *word) {
  size_t all = 0, different = 0;
  for (size_t i = 0; i < count; ++i)
    for (uint64_t w = step[i]->offset / WORD_BYTES; w <= (step[i]->offset + step[i]->bytes - 1) / WORD_BYTES; ++w)
      if (all < (size_t)NEIGHBOURS * TOUCH_WORDS_MOST) word[all++] = w;
  qsort(word, all, sizeof *word, by_value);
  for (size_t i = 0; i < all; ++i)
    if (i == 0 || word[i] != word[i - 1]) word[different++] = word[i];
  return different;
}

static size_t lines_of(const uint64_t *word, size_t words) {
  size_t lines = 0;
  for (size_t i = 0; i < words; ++i)
    lines += i == 0 || word[i] / (LINE_BYTES / WORD_BYTES) != word[i - 1] / (LINE_BYTES / WORD_BYTES);
  return lines;
}

static size_t busiest_bank(const uint64_t *word, size_t words) {
  size_t bank[BANKS] = {0}, most = 0;
  for (size_t i = 0; i < words; ++i) {
    const size_t load = ++bank[word[i] % BANKS];
    if (load > most) most = load;
  }
  return most;
}

static void count_step(const launch *l, touch *const *step, size_t count, tally *to) {
  uint64_t word[NEIGHBOURS * TOUCH_WORDS_MOST] = {0};
  const bool local = l->place[step[0]->place].local;
  const size_t words = words_of(step, count, word);
  ++to->steps;
  to->parts += local ? busiest_bank(word, words) : lines_of(word, words);
  to->least += clattn_groups_of(words, local ? BANKS : LINE_BYTES / WORD_BYTES);
  for (size_t i = 0; i < count; ++i) {
    const touch *t = step[i];
    *(t->store ? &to->stores : &to->loads) += 1;
    *(t->store ? &to->store_bytes : &to->load_bytes) += t->bytes;
  }
}

/* ---- work-groups ------------------------------------------------------------------------------------------------- */

static bool add_phases(launch *l, size_t phases) {
  if (phases <= l->phases) return true;
  tally *grown = realloc(l->tally, phases * (l->places + 1) * sizeof *grown);
  if (grown == NULL) return false;
  l->tally = grown;
  memset(grown + l->phases * l->places, 0, (phases - l->phases) * l->places * sizeof *grown);
  l->phases = phases;
  return true;
}

static bool keep_first(launch *l, const touch *touches, size_t count) {
  l->first = malloc((count + 1) * sizeof *l->first);
  if (l->first == NULL) return false;
  if (count > 0) memcpy(l->first, touches, count * sizeof *touches);
  l->first_count = count;
  return true;
}

bool count_group(launch *l, const touch *touches, size_t count, size_t phases) {
  if (!add_phases(l, phases) || (l->first == NULL && !keep_first(l, touches, count))) return false;
  touch *copy = malloc((count + 1) * sizeof *copy), **sorted = malloc((count + 1) * sizeof(touch *));
  if (copy != NULL && sorted != NULL) {
    for (size_t i = 0; i < count; ++i) {
      copy[i] = touches[i];
      sorted[i] = &copy[i];
    }
    qsort(sorted, count, sizeof(touch *), by_item);
    number_times(sorted, count);
    qsort(sorted, count, sizeof(touch *), by_step);
    for (size_t i = 0, next; i < count; i = next) {
      for (next = i + 1; next < count && same_step(sorted[i], sorted[next]);) ++next;
      count_step(l, sorted + i, next - i, &l->tally[sorted[i]->phase * l->places + sorted[i]->place]);
    }
  }
  const bool good = copy != NULL && sorted != NULL;
  free(copy);
  free(sorted);
  return good;
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

static void add(tally *to, const tally *more) {
  to->loads += more->loads;
  to->load_bytes += more->load_bytes;
  to->stores += more->stores;
  to->store_bytes += more->store_bytes;
  to->steps += more->steps;
  to->parts += more->parts;
  to->least += more->least;
}

tally launch_place(const launch *l, size_t index) {
  tally sum = {0};
  for (size_t phase = 0; phase < l->phases; ++phase) add(&sum, &l->tally[phase * l->places + index]);
  return sum;
}

tally launch_phase(const launch *l, size_t phase, bool local) {
  tally sum = {0};
  for (size_t i = 0; i < l->places; ++i)
    if (l->place[i].local == local) add(&sum, &l->tally[phase * l->places + i]);
  return sum;
}

tally launch_total(const launch *l, bool local) {
  tally sum = {0};
  for (size_t phase = 0; phase < l->phases; ++phase) {
    const tally of_phase = launch_phase(l, phase, local);
    add(&sum, &of_phase);
  }
  return sum;
}
