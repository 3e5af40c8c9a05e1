/* Loads inputs from files; their shapes give the sizes of the problem. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/input/input.h"
#include "cli/model/embeddings.h"

/* The arrays read, by clattn_tensor. */
typedef struct files {
  const run_options *options;
  array all[CLATTN_TENSOR_COUNT];
} files;

static const char *path_of(const files *f, clattn_tensor tensor) {
  return f->options->file[tensor];
}

/* "(3, 4)" */
static const char *shape_text(const array *a, char text[ARRAY_TUPLE_SIZE]) {
  array_format_tuple(text, a->shape, a->rank);
  return text;
}

/* Complains of a file whose shape is not allowed. */
static bool wrong_shape(const files *f, clattn_tensor tensor, const char *allowed) {
  char text[ARRAY_TUPLE_SIZE];
  complain("%s: %s is %s (allowed: %s)", file_option_name(tensor), path_of(f, tensor),
           shape_text(&f->all[tensor], text), allowed);
  return false;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

/* Sizes of x or xkv: batch, length and columns. */
static bool tokens_of(const files *f, clattn_tensor tensor, size_t size[3]) {
  const array *a = &f->all[tensor];
  if (a->rank != 2 && a->rank != 3) return wrong_shape(f, tensor, "(tokens, columns) or (batch, tokens, columns)");
  size[0] = a->rank == 3 ? a->shape[0] : 1;
  size[1] = a->shape[a->rank - 2];
  size[2] = a->shape[a->rank - 1];
  return true;
}

static bool set_tokens(const files *f, clattn_problem *p) {
  size_t x[3], xkv[3];
  if (!tokens_of(f, CLATTN_X, x)) return false;
  p->batch = x[0];
  p->query_len = p->key_len = x[1];
  p->model_dim = x[2];
  if (path_of(f, CLATTN_XKV) == NULL) return true;
  if (!tokens_of(f, CLATTN_XKV, xkv)) return false;
  if (xkv[0] != x[0]) {
    complain("--xkv: %s has a batch of %zu, X one of %zu (allowed: the same)", path_of(f, CLATTN_XKV), xkv[0], x[0]);
    return false;
  }
  p->source = CLATTN_SOURCE_XKV;
  p->key_len = xkv[1];
  p->kv_model_dim = xkv[2];
  return true;
}

/* ---- matrices ---------------------------------------------------------------------------------------------------- */

/* The columns of a matrix that has to have `inputs` rows. */
static bool columns_of(const files *f, clattn_tensor tensor, size_t inputs, size_t *columns) {
  const array *w = &f->all[tensor];
  const bool transposed = f->options->meaning.layout == CLATTN_LAYOUT_XWT;
  char text[ARRAY_TUPLE_SIZE];
  if (w->rank != 2) return wrong_shape(f, tensor, "2 dimensions");
  const size_t width = w->shape[transposed ? 0 : 1], height = w->shape[transposed ? 1 : 0];
  *columns = width;
  if (height == inputs) return true;
  complain("%s: %s is %s, but its input has %zu columns (allowed with --layout %s: (%s%zu%s)%s)",
           file_option_name(tensor), path_of(f, tensor), shape_text(w, text), inputs, transposed ? "xwt" : "xw",
           transposed ? "columns, " : "", inputs, transposed ? "" : ", columns",
           width != inputs ? ""
           : transposed    ? "; it fits --layout xw"
                           : "; it fits --layout xwt");
  return false;
}

static bool bias_fits(const files *f, clattn_tensor bias, size_t columns) {
  const array *b = &f->all[bias];
  char text[64];
  snprintf(text, sizeof text, "(%zu)", columns);
  return path_of(f, bias) == NULL || (b->rank == 1 && b->shape[0] == columns) || wrong_shape(f, bias, text);
}

/* columns: of q, k and v. */
static bool set_heads(const clattn_problem *sizes, const size_t columns[3], clattn_problem *p) {
  const size_t kv_heads = input_kv_heads(sizes);
  if (!input_divide("--wq", columns[0], p->heads, &p->head_dim)) return false;
  if (columns[1] != kv_heads * p->head_dim) {
    complain(
        "--wk has %zu columns (allowed with %zu KV heads and a head_dim of %zu: %zu; --kv-heads sets the number of "
        "KV heads)",
        columns[1], kv_heads, p->head_dim, kv_heads * p->head_dim);
    return false;
  }
  return input_divide("--wv", columns[2], kv_heads, &p->value_dim);
}

static bool set_separate(const files *f, clattn_problem *p) {
  static const clattn_tensor w[] = {CLATTN_WQ, CLATTN_WK, CLATTN_WV}, b[] = {CLATTN_BQ, CLATTN_BK, CLATTN_BV};
  static const unsigned bits[] = {CLATTN_BIAS_Q, CLATTN_BIAS_K, CLATTN_BIAS_V};
  const size_t kv_inputs = p->source == CLATTN_SOURCE_XKV ? p->kv_model_dim : p->model_dim;
  size_t columns[3];
  for (int i = 0; i < 3; ++i) {
    if (!columns_of(f, w[i], i == 0 ? p->model_dim : kv_inputs, &columns[i])) return false;
    if (!bias_fits(f, b[i], columns[i])) return false;
    if (path_of(f, b[i]) != NULL) p->biases |= bits[i];
  }
  return set_heads(p, columns, p);
}

/* heads.head_dim + 2 kv_heads.head_dim columns: value_dim equals head_dim. */
static bool set_fused(const files *f, clattn_problem *p) {
  const size_t kv_heads = input_kv_heads(p);
  size_t columns;
  if (!columns_of(f, CLATTN_WQKV, p->model_dim, &columns) || !bias_fits(f, CLATTN_BQKV, columns)) return false;
  if (columns == 0 || columns % (p->heads + 2 * kv_heads) != 0) {
    complain("--wqkv has %zu columns (allowed: a multiple of %zu, which is %zu heads and twice %zu KV heads)", columns,
             p->heads + 2 * kv_heads, p->heads, kv_heads);
    return false;
  }
  p->head_dim = columns / (p->heads + 2 * kv_heads);
  p->value_dim = p->head_dim;
  p->fused_qkv = true;
  if (path_of(f, CLATTN_BQKV) != NULL) p->biases |= CLATTN_BIAS_Q | CLATTN_BIAS_K | CLATTN_BIAS_V;
  return true;
}

static bool set_output(const files *f, clattn_problem *p) {
  if (path_of(f, CLATTN_WO) == NULL) return true;
  if (!columns_of(f, CLATTN_WO, p->heads * p->value_dim, &p->output_dim)) return false;
  if (path_of(f, CLATTN_BO) != NULL) p->biases |= CLATTN_BIAS_O;
  return bias_fits(f, CLATTN_BO, p->output_dim);
}

/* ---- given q, k and v -------------------------------------------------------------------------------------------- */

/* Sizes: batch, length, heads and dim. Files of fewer than 4 dimensions are divided into `heads`
 * heads. */
static bool given_size(const files *f, clattn_tensor tensor, size_t heads, size_t size[4]) {
  const array *a = &f->all[tensor];
  if (a->rank < 2 || a->rank != f->all[CLATTN_Q].rank)
    return wrong_shape(f, tensor,
                       "(batch, heads, tokens, dim), (batch, tokens, heads.dim) or (tokens, heads.dim), the "
                       "same for q, k and v");
  if (a->rank == 4) {
    const size_t parts[4] = {a->shape[0], a->shape[2], a->shape[1], a->shape[3]};
    memcpy(size, parts, sizeof parts);
    return true;
  }
  size[0] = a->rank == 3 ? a->shape[0] : 1;
  size[1] = a->shape[a->rank - 2];
  size[2] = heads;
  return input_divide(file_option_name(tensor), a->shape[a->rank - 1], heads, &size[3]);
}

/* Whether a size that two of q, k and v must share is the same. */
static bool agree(const char *what, const char *first, size_t a, const char *second, size_t b) {
  if (a == b) return true;
  complain("%s and %s have %s of %zu and %zu (allowed: the same)", first, second, what, a, b);
  return false;
}

static bool heads_agree(const files *f, const char *option, bool asked, size_t heads, clattn_tensor tensor,
                        size_t own) {
  if (!asked || heads == own) return true;
  complain("%s %zu (allowed: as many as %s has, %zu)", option, heads, path_of(f, tensor), own);
  return false;
}

static bool set_given(const files *f, clattn_problem *p) {
  const size_t heads = p->heads, kv_heads = input_kv_heads(p);
  size_t q[4], k[4], v[4];
  if (!given_size(f, CLATTN_Q, heads, q) || !given_size(f, CLATTN_K, kv_heads, k) ||
      !given_size(f, CLATTN_V, kv_heads, v))
    return false;
  const bool asked = f->options->number[NUMBER_HEADS] != 0, kv_asked = f->options->number[NUMBER_KV_HEADS] != 0;
  if (!heads_agree(f, "--heads", asked, heads, CLATTN_Q, q[2]) ||
      !heads_agree(f, "--kv-heads", kv_asked, kv_heads, CLATTN_K, k[2]))
    return false;
  if (!agree("a batch", "--q", q[0], "--k", k[0]) || !agree("a batch", "--k", k[0], "--v", v[0]) ||
      !agree("a number of tokens", "--k", k[1], "--v", v[1]) || !agree("a number of heads", "--k", k[2], "--v", v[2]) ||
      !agree("a dim", "--q", q[3], "--k", k[3]))
    return false;
  p->source = CLATTN_SOURCE_QKV;
  p->order = f->all[CLATTN_Q].rank == 4 ? CLATTN_ORDER_HEADS : CLATTN_ORDER_TOKENS;
  p->batch = q[0];
  p->query_len = q[1];
  p->key_len = k[1];
  p->heads = q[2];
  p->kv_heads = k[2];
  p->head_dim = q[3];
  p->value_dim = v[3];
  return true;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static bool read_all(files *f) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const bool later = t == CLATTN_MASK || t == CLATTN_SLOPES || t == CLATTN_SINKS; /* input_set_meaning loads them */
    if (later || f->options->file[t] == NULL) continue;
    if (!input_read(file_option_name((clattn_tensor)t), f->options->file[t], &f->all[t])) return false;
  }
  return true;
}

#define MODEL_TOKENS 16

/* X for a model's layer, which no file gives: of a text, or at random. */
static bool make_x(files *f, input *in) {
  const run_options *o = f->options;
  array *x = &f->all[CLATTN_X];
  if (o->model == NULL || x->data != NULL) return true;
  if (o->text != NULL) return model_embed(o, x, &in->tokens);
  const array *w = &f->all[o->file[CLATTN_WQKV] != NULL ? CLATTN_WQKV : CLATTN_WQ];
  const size_t batch = o->number[NUMBER_BATCH] != 0 ? o->number[NUMBER_BATCH] : 1;
  const size_t tokens = o->number[NUMBER_TOKENS] != 0 ? o->number[NUMBER_TOKENS] : MODEL_TOKENS;
  uint64_t state = o->number[NUMBER_SEED];
  const size_t columns = w->shape[o->meaning.layout == CLATTN_LAYOUT_XWT ? 1 : 0];
  *x = (array){.rank = 3, .shape = {batch, tokens, columns}, .type = NPY_F4};
  if (!array_count(x->shape, 3, sizeof *x->data, &x->count)) {
    complain("--tokens %zu with --batch %zu and %zu columns are too many", tokens, batch, columns);
    return false;
  }
  x->data = input_random_normal(x->count, 1.0, &state);
  return x->data != NULL;
}

/* The rotary embedding and the scale follow the configuration, the heads the matrices. */
static bool heads_fit_model(const run_options *o, const clattn_problem *p) {
  if (o->model == NULL || p->head_dim == o->model_head_dim) return true;
  complain("--model: by config.json head_dim is %zu, by the matrices and %zu heads it is %zu (allowed: the same)",
           o->model_head_dim, p->heads, p->head_dim);
  return false;
}

static void set_name(const run_options *o, input *in) {
  const char *from = o->file[CLATTN_X] != NULL ? "" : o->text != NULL ? ", X from a text" : ", X at random";
  snprintf(in->name, sizeof in->name, "%s%s", o->model != NULL ? o->model_name : "files", o->model != NULL ? from : "");
}

static bool set_sizes(const files *f, clattn_problem *p) {
  const size_t *number = f->options->number;
  p->heads = number[NUMBER_HEADS] != 0 ? number[NUMBER_HEADS] : 1;
  p->kv_heads = number[NUMBER_KV_HEADS];
  p->layout = f->options->meaning.layout;
  const bool own_heads = f->all[CLATTN_Q].rank == 4;
  if (!own_heads && !input_groups_fit(p)) return false;
  if (path_of(f, CLATTN_Q) != NULL) return set_given(f, p) && set_output(f, p);
  return set_tokens(f, p) && (path_of(f, CLATTN_WQKV) != NULL ? set_fused(f, p) : set_separate(f, p)) &&
         set_output(f, p);
}

int input_from_files(const run_options *o, input *in) {
  files f = {.options = o};
  set_name(o, in);
  const bool good = read_all(&f) && make_x(&f, in) && set_sizes(&f, &in->problem) && heads_fit_model(o, &in->problem);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    if (good)
      in->tensor[t] = f.all[t].data;
    else
      array_free(&f.all[t]);
  }
  return good ? GO_ON : EXIT_BAD_INPUT;
}
