/* From a checkpoint folder to options: see model.h. */
#include "cli/model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/model/checkpoint.h"
#include "cli/model/config.h"
#include "cli/model/families.h"
#include "cli/model/rotary.h"

#define NAME_BYTES 256

typedef struct model {
  run_options *options;
  json_t *config;
  checkpoint files;
  const model_family *family;
  char prefix[NAME_BYTES]; /* of the layer's tensors */
  size_t layer, heads, head_dim;
  const char *kind; /* of the layer, of layer_types; NULL: there are none */
} model;

/* ---- what is refused --------------------------------------------------------------------------------------------- */

/* Options that the checkpoint decides; the first that is given. */
static const char *first_decided(const run_options *o) {
  static const number_option numbers[] = {NUMBER_HEADS, NUMBER_KV_HEADS, NUMBER_ROTARY_DIM};
  const meaning_options *m = &o->meaning;
  const struct {
    bool given;
    const char *name;
  } all[] = {{o->example != NULL, "--example"},
             {o->random != 0, "--random"},
             {o->fused_order_text != NULL, "--fused-order"},
             {m->causal != 0, "--causal"},
             {m->layout_text != NULL, "--layout"},
             {m->scale_text != NULL, "--scale"},
             {m->softcap_text != NULL, "--softcap"},
             {m->window_left_text != NULL, "--window-left"},
             {m->positions_text != NULL, "--positions"},
             {m->rotary_text != NULL, "--rotary"},
             {m->rotary_base_text != NULL, "--rotary-base"},
             {m->scaling_text != NULL, "--rotary-scaling"},
             {o->position_file[POSITION_FILE_COS] != NULL, "--rotary-cos"},
             {o->position_file[POSITION_FILE_SIN] != NULL, "--rotary-sin"}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    if (all[i].given) return all[i].name;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i)
    if (o->number_text[numbers[i]] != NULL) return number_option_name(numbers[i]);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (o->file[t] != NULL && t != CLATTN_X && t != CLATTN_MASK) return file_option_name((clattn_tensor)t);
  return NULL;
}

static bool options_fit(const run_options *o) {
  const char *decided = first_decided(o);
  if (decided != NULL) complain("%s does not go with --model, which decides it", decided);
  return decided == NULL;
}

/* Whether a key asks for more than nothing. */
static bool is_asked(const json_t *value) {
  return value != NULL && !json_is_false(value) && !(json_is_number(value) && json_number_value(value) == 0.0);
}

static bool config_fits(const model *m) {
  static const struct {
    const char *key, *why;
  } refused[] = {
      {"kv_lora_rank", "multi-head latent attention (MLA)"},    {"use_qk_norm", "q and k that are normalised"},
      {"qk_layernorm", "q and k that are normalised"},          {"clip_qkv", "q, k and v that are clipped"},
      {"attention_chunk_size", "attention in chunks"},          {"quantization_config", "matrices that are quantised"},
      {"alibi", "ALiBi slopes that are scaled with the scores"}};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; ++i) {
    if (!is_asked(config_find(m->config, refused[i].key))) continue;
    complain("--model: config.json: %s asks for %s, which clattn does not have", refused[i].key, refused[i].why);
    return false;
  }
  const char *positions = config_text(m->config, "position_embedding_type");
  if (positions != NULL && strcmp(positions, "absolute") != 0 && strcmp(positions, "rope") != 0 &&
      strcmp(positions, "alibi") != 0) {
    complain("--model: config.json: position_embedding_type is %s (allowed: absolute)", positions);
    return false;
  }
  return true;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Tensors of a whole model have a name before those of its base; * is the model's type. */
static bool find_prefix(model *m) {
  static const char *const bases[] = {"", "model.", "transformer.", "model.decoder.", "decoder.", "*."};
  const char *type = strcmp(m->family->type, "xlm-roberta") == 0 || strcmp(m->family->type, "camembert") == 0
                         ? "roberta"
                         : m->family->type;
  const char *number = strchr(m->family->layer, '#');
  char name[2 * NAME_BYTES];
  for (size_t i = 0; i < sizeof bases / sizeof bases[0]; ++i) {
    const bool typed = bases[i][0] == '*';
    snprintf(m->prefix, sizeof m->prefix, "%s%s%.*s%zu%s", typed ? type : bases[i], typed ? "." : "",
             (int)(number - m->family->layer), m->family->layer, m->layer, number + 1);
    snprintf(name, sizeof name, "%s%s.weight", m->prefix, m->family->q);
    if (checkpoint_has(&m->files, name)) return true;
  }
  complain("--model: there is no tensor %.*s%zu%s%s.weight in %s", (int)(number - m->family->layer), m->family->layer,
           m->layer, number + 1, m->family->q, m->files.path);
  return false;
}

/* Names the tensor if it is there, or must be. */
static bool take(model *m, clattn_tensor tensor, const char *part, const char *ending, bool needed) {
  char name[2 * NAME_BYTES];
  snprintf(name, sizeof name, "%s%s%s", m->prefix, part, ending);
  if (!needed && !checkpoint_has(&m->files, name)) return true;
  m->options->file[tensor] = checkpoint_argument(&m->files, name);
  if (m->options->file[tensor] == NULL) complain("no host memory for a name");
  return m->options->file[tensor] != NULL;
}

/* A matrix, and its bias if it has one. */
static bool take_both(model *m, clattn_tensor w, clattn_tensor b, const char *part) {
  return take(m, w, part, ".weight", true) && take(m, b, part, ".bias", false);
}

static bool take_matrices(model *m) {
  static const char *const norms[] = {"q_norm.weight", "k_norm.weight", "q_layernorm.weight",
                                      "q_layernorm.norms.0.weight"};
  const model_family *f = m->family;
  char name[2 * NAME_BYTES];
  for (size_t i = 0; i < sizeof norms / sizeof norms[0]; ++i) {
    snprintf(name, sizeof name, "%s%s", m->prefix, norms[i]);
    if (!checkpoint_has(&m->files, name)) continue;
    complain("--model: the model has %s: it normalises q and k, which clattn does not", name);
    return false;
  }
  if (!take_both(m, CLATTN_WO, CLATTN_BO, f->o)) return false;
  if (f->fused) return take_both(m, CLATTN_WQKV, CLATTN_BQKV, f->q);
  return take_both(m, CLATTN_WQ, CLATTN_BQ, f->q) && take_both(m, CLATTN_WK, CLATTN_BK, f->k) &&
         take_both(m, CLATTN_WV, CLATTN_BV, f->v);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static bool set_heads(model *m) {
  size_t kv_heads = 0, model_dim = 0;
  if (!config_size(m->config, "num_attention_heads|n_head|n_heads", &m->heads) ||
      !config_size(m->config, "hidden_size|n_embd|dim|d_model", &model_dim) ||
      !config_size(m->config, "head_dim", &m->head_dim))
    return false;
  if (m->heads == 0 || model_dim == 0) {
    complain("--model: config.json has no %s", m->heads == 0 ? "num_attention_heads" : "hidden_size");
    return false;
  }
  if (m->head_dim == 0) m->head_dim = model_dim / m->heads;
  const bool grouped = !m->family->multi_query || config_flag(m->config, "new_decoder_architecture", false);
  if (grouped && !config_size(m->config, "num_key_value_heads|num_kv_heads", &kv_heads)) return false;
  if (!grouped && config_flag(m->config, "multi_query", true)) kv_heads = 1;
  m->options->model_head_dim = m->head_dim;
  m->options->number[NUMBER_HEADS] = m->heads;
  m->options->number[NUMBER_KV_HEADS] = kv_heads;
  return true;
}

/* ---- the meaning of scores --------------------------------------------------------------------------------------- */

static bool set_scale(model *m) {
  meaning_options *to = &m->options->meaning;
  double scalar = 0.0, factor = 0.0, cap = 0.0;
  if (!config_number(m->config, "query_pre_attn_scalar", &scalar) ||
      !config_number(m->config, "attention_multiplier", &factor) ||
      !config_number(m->config, "attn_logit_softcapping", &cap))
    return false;
  if (scalar > 0.0) factor = 1.0 / sqrt(scalar);
  if (!config_flag(m->config, "scale_attn_weights", true)) factor = 1.0;
  if (config_flag(m->config, "scale_attn_by_inverse_layer_idx", false))
    factor = (factor > 0.0 ? factor : 1.0 / sqrt((double)m->head_dim)) / (double)(m->layer + 1);
  to->scale_given = factor > 0.0;
  if (to->scale_given) to->scale = (float)factor;
  to->softcap = (float)cap;
  return true;
}

/* Whether this layer slides, by its own kind or by the family's rule. */
static bool layer_slides(model *m, bool *slides) {
  const model_window rule = m->family->window;
  size_t first = 28; /* Qwen2Config's own */
  if (m->kind != NULL) {
    *slides = strcmp(m->kind, "sliding_attention") == 0;
    if (*slides || strcmp(m->kind, "full_attention") == 0) return true;
    complain("--model: config.json: layer %zu is of the type %s (allowed: full_attention, sliding_attention)", m->layer,
             m->kind);
    return false;
  }
  if (rule == WINDOW_UPPER) {
    const json_t *from = config_find(m->config, "max_window_layers");
    if (json_is_integer(from)) first = json_integer_value(from) > 0 ? (size_t)json_integer_value(from) : 0;
  }
  *slides = rule == WINDOW_ALL || (rule == WINDOW_EVEN && m->layer % 2 == 0) ||
            (rule == WINDOW_UPPER && config_flag(m->config, "use_sliding_window", false) && m->layer >= first);
  return true;
}

static bool set_window(model *m) {
  size_t window = 0;
  bool slides = false;
  if (!layer_slides(m, &slides) || !config_size(m->config, "sliding_window", &window)) return false;
  if (slides && window > 0) m->options->meaning.window_left = (int64_t)window - 1; /* the query's own key counts */
  return true;
}

static bool set_meaning(model *m) {
  run_options *o = m->options;
  const model_family *f = m->family;
  const json_t *types = config_find(m->config, "layer_types");
  m->kind = json_string_value(json_array_get(types, m->layer));
  o->meaning.layout = f->layout;
  o->meaning.layout_given = true;
  o->meaning.causal = f->causal || config_flag(m->config, "is_decoder", false);
  o->fused_order = f->order;
  if (f->alibi) {
    o->file[CLATTN_SLOPES] = malloc(sizeof "auto");
    if (o->file[CLATTN_SLOPES] == NULL) complain("no host memory for a name");
    if (o->file[CLATTN_SLOPES] == NULL) return false;
    strcpy(o->file[CLATTN_SLOPES], "auto");
  }
  return set_scale(m) && model_set_rotary(m->config, f, m->kind, m->head_dim, o) && set_window(m);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static bool find_family(model *m) {
  const char *type = config_text(m->config, "model_type");
  char list[512];
  if (type == NULL) {
    complain("--model: config.json has no model_type");
    return false;
  }
  m->family = model_family_find(type);
  if (m->family != NULL) return true;
  const char *why = model_family_refused(type);
  complain("--model: the model is of the type %.64s%s%s (allowed: %s)", type, why != NULL ? ": " : "",
           why != NULL ? why : "", model_family_list(list, sizeof list));
  return false;
}

static bool layer_exists(const model *m) {
  size_t layers = 0;
  if (!config_size(m->config, "num_hidden_layers|n_layer|n_layers", &layers)) return false;
  if (layers == 0 || m->layer < layers) return true;
  complain("--layer %zu (allowed: 0 to %zu, the model's last)", m->layer, layers - 1);
  return false;
}

static bool fill(model *m) {
  run_options *o = m->options;
  return find_family(m) && config_fits(m) && layer_exists(m) && checkpoint_find(o->model, &m->files) &&
         find_prefix(m) && set_heads(m) && set_meaning(m) && take_matrices(m);
}

bool model_fill(run_options *o) {
  model m = {.options = o, .layer = o->number[NUMBER_LAYER]};
  if (!options_fit(o)) return false;
  m.config = model_json_read("--model", o->model, "config.json");
  const bool good = m.config != NULL && fill(&m);
  if (good) snprintf(o->model_name, sizeof o->model_name, "%s, layer %zu", m.family->type, m.layer);
  checkpoint_free(&m.files);
  json_decref(m.config);
  return good;
}
