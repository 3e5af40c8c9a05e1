/* Loads position ids, and the cosines and sines of a rotary embedding. */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files/integers.h"
#include "cli/input/input.h"

/* ---- ids --------------------------------------------------------------------------------------------------------- */

static bool ids_fit(position_file file, const char *path, const integers *ids, size_t batch, size_t tokens) {
  char is[ARRAY_TUPLE_SIZE];
  const bool fits = ids->rank == 1   ? ids->shape[0] == tokens
                    : ids->rank == 2 ? (ids->shape[0] == batch || ids->shape[0] == 1) && ids->shape[1] == tokens
                                     : false;
  if (fits) return true;
  array_format_tuple(is, ids->shape, ids->rank);
  complain("%s: %s is %s (allowed: (%zu, %zu), (batch, tokens), or one sequence's for all, (%zu,))",
           position_file_option(file), path, is, batch, tokens, tokens);
  return false;
}

static bool ids_are_positions(position_file file, const char *path, const integers *ids) {
  for (size_t i = 0; i < ids->count; ++i)
    if (ids->data[i] < 0) {
      complain("%s: %s holds %d (allowed: 0 and more)", position_file_option(file), path, (int)ids->data[i]);
      return false;
    }
  return true;
}

/* One sequence's ids, for each sequence of the batch. */
static bool repeat(const integers *ids, size_t batch, int32_t **to) {
  *to = malloc((ids->count > 0 ? ids->count : 1) * batch * sizeof **to);
  if (*to == NULL) complain("no host memory for %zu position ids", ids->count * batch);
  for (size_t b = 0; *to != NULL && b < batch; ++b) memcpy(*to + b * ids->count, ids->data, ids->count * sizeof **to);
  return *to != NULL;
}

static bool load_ids(const run_options *o, position_file file, size_t batch, size_t tokens, int32_t **to) {
  const char *path = o->position_file[file];
  char message[1024];
  integers ids;
  if (integers_read(path, &ids, message, sizeof message) != FILE_OK) {
    complain("%s: %s", position_file_option(file), message);
    return false;
  }
  const bool whole = ids.count == batch * tokens;
  bool good = ids_fit(file, path, &ids, batch, tokens) && ids_are_positions(file, path, &ids);
  if (good) good = repeat(&ids, whole ? 1 : batch, to);
  free(ids.data);
  return good;
}

/* Keys that are rotated and do not come from x have ids of their own. */
static bool load_all_ids(const run_options *o, input *in) {
  clattn_problem *p = &in->problem;
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED, rotary = p->rotary != CLATTN_ROTARY_NONE;
  const bool own_keys = rotary && p->source != CLATTN_SOURCE_X;
  const char *const keys = o->position_file[POSITION_FILE_KEY_IDS];
  if (o->position_file[POSITION_FILE_IDS] == NULL) {
    if (keys != NULL) complain("--key-position-ids is given without --position-ids");
    return keys == NULL;
  }
  if (!rotary && p->positions == CLATTN_POSITIONS_NONE) {
    complain("--position-ids is given without --rotary or --positions sinusoidal");
    return false;
  }
  if (own_keys != (keys != NULL)) {
    complain(own_keys ? "--key-position-ids is missing: the keys do not come from X"
                      : "--key-position-ids: the keys %s (allowed: only --position-ids)",
             rotary ? "come from X" : "have no positions");
    return false;
  }
  p->position_ids = true;
  if (!load_ids(o, POSITION_FILE_IDS, packed ? 1 : p->batch, packed ? p->packed_queries : p->query_len, &in->ids[0]) ||
      (keys != NULL &&
       !load_ids(o, POSITION_FILE_KEY_IDS, packed ? 1 : p->batch, packed ? p->packed_keys : p->key_len, &in->ids[1])))
    return false;
  in->inputs.position_ids = in->ids[0];
  in->inputs.key_position_ids = in->ids[1];
  return true;
}

/* ---- cosines and sines ------------------------------------------------------------------------------------------- */

static bool load_turns(const run_options *o, position_file file, input *in) {
  const clattn_problem *p = &in->problem;
  const size_t pairs = (p->rotary_dim != 0 ? p->rotary_dim : p->head_dim) / 2;
  const char *path = o->position_file[file];
  array values;
  char is[ARRAY_TUPLE_SIZE];
  if (!input_read(position_file_option(file), path, &values)) return false;
  in->turns[file - POSITION_FILE_COS] = values.data;
  const size_t rows = file == POSITION_FILE_COS ? values.shape[0] : p->rotary_rows;
  if (values.rank == 2 && values.shape[0] == rows && rows > 0 && values.shape[1] == pairs) {
    in->problem.rotary_rows = rows;
    return true;
  }
  array_format_tuple(is, values.shape, values.rank);
  if (file == POSITION_FILE_COS)
    complain("--rotary-cos: %s is %s (allowed: (positions, %zu), half of the rotated elements)", path, is, pairs);
  else
    complain("--rotary-sin: %s is %s (allowed: (%zu, %zu), as --rotary-cos)", path, is, rows, pairs);
  return false;
}

bool input_load_positions(const run_options *o, input *in) {
  if (!load_all_ids(o, in)) return false;
  if (o->position_file[POSITION_FILE_COS] == NULL) return true;
  if (!load_turns(o, POSITION_FILE_COS, in) || !load_turns(o, POSITION_FILE_SIN, in)) return false;
  in->inputs.rotary_cos = in->turns[0];
  in->inputs.rotary_sin = in->turns[1];
  return true;
}

/* ---- where tokens stand ------------------------------------------------------------------------------------------ */

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* Of the ids. */
static bool ids_have_rows(const input *in) {
  const clattn_problem *p = &in->problem;
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED;
  for (int i = 0; i < 2 && p->rotary_rows != 0; ++i) {
    const size_t count = i == 0 ? (packed ? p->packed_queries : p->batch * p->query_len)
                                : (packed ? p->packed_keys : p->batch * p->key_len);
    for (size_t k = 0; in->ids[i] != NULL && k < count; ++k) {
      if ((size_t)in->ids[i][k] < p->rotary_rows) continue;
      complain("--rotary-cos has %zu positions, but %s holds %d (allowed: 0 to %zu)", p->rotary_rows,
               position_file_option(i == 0 ? POSITION_FILE_IDS : POSITION_FILE_KEY_IDS), (int)in->ids[i][k],
               p->rotary_rows - 1);
      return false;
    }
  }
  return true;
}

/* The library refuses these positions too, but only during the run. */
bool input_check_positions(const input *in) {
  const clattn_problem *p = &in->problem;
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED;
  if (p->position_ids) return ids_have_rows(in);
  for (size_t b = 0; p->rotary != CLATTN_ROTARY_NONE && b < p->batch; ++b) {
    const size_t past = input_past(in, b), keys = past + input_new_keys(in, b);
    const size_t new_rows = packed ? input_new_keys(in, b) : p->key_len;
    int64_t position = p->cache.capacity != 0 ? (int64_t)past : 0;
    if (p->alignment == CLATTN_ALIGN_OFFSET) position = p->offset;
    if (p->alignment == CLATTN_ALIGN_BOTTOM_RIGHT) position = (int64_t)keys - (int64_t)input_queries(in, b);
    const int64_t end = larger(position + (int64_t)input_queries(in, b), (int64_t)(past + new_rows));
    if (position < 0) {
      complain("--align: the first query of sequence %zu is at position %lld (allowed with --rotary: 0 and more)", b,
               (long long)position);
      return false;
    }
    if (p->rotary_rows != 0 && end > (int64_t)p->rotary_rows) {
      complain("--rotary-cos has %zu positions, but sequence %zu ends at position %lld (allowed: %lld or more)",
               p->rotary_rows, b, (long long)(end - 1), (long long)end);
      return false;
    }
  }
  return true;
}
