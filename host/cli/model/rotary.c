/* From config.json to a rotary embedding: see rotary.h. */
#include "cli/model/rotary.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options/option_values.h"

#define KEYS_BYTES 256

/* Where a key may be: with those of the layer's kind, with those of all layers, under its old name, or on its own. */
static const char *keys_of(const char *kind, const char *last, char text[KEYS_BYTES]) {
  snprintf(text, KEYS_BYTES, "rope_parameters.%s.%s|rope_parameters.%s|rope_scaling.%s",
           kind != NULL ? kind : "full_attention", last, last, last);
  return text;
}

static const char *type_of(const json_t *config, const char *kind) {
  char keys[KEYS_BYTES], all[KEYS_BYTES + 32];
  snprintf(all, sizeof all, "%s|rope_scaling.type", keys_of(kind, "rope_type", keys));
  const char *type = config_text(config, all);
  return type != NULL ? type : config_find(config, "rope_scaling") != NULL ? "not named" : "default";
}

/* Only yarn and the like have a length of their own; else it is the model's. */
static bool set_length(const json_t *config, const char *kind, clattn_rotary_scaling *scaling) {
  char keys[KEYS_BYTES], all[KEYS_BYTES + 32];
  const char *own = keys_of(kind, "original_max_position_embeddings", keys);
  if (scaling->kind == CLATTN_SCALING_LINEAR) return true;
  snprintf(all, sizeof all, "%s%smax_position_embeddings", scaling->kind == CLATTN_SCALING_DYNAMIC ? "" : own,
           scaling->kind == CLATTN_SCALING_DYNAMIC ? "" : "|");
  return config_size(config, all, &scaling->original_max_position_embeddings);
}

static bool set_scaling(const json_t *config, const char *kind, clattn_rotary_scaling *scaling) {
  const char *type = type_of(config, kind), *name;
  char keys[KEYS_BYTES];
  double *number;
  if (strcmp(type, "default") == 0) return true;
  scaling->kind = scaling_kind(type);
  if (scaling->kind == CLATTN_SCALING_NONE) {
    complain("--model: config.json: the type of the rotary embedding is %.64s (allowed: default, linear, dynamic, "
             "yarn, llama3)",
             type);
    return false;
  }
  for (size_t i = 0; (name = scaling_number(scaling, i, &number)) != NULL; ++i)
    if (!config_number(config, keys_of(kind, name, keys), number)) return false;
  scaling->keep_fractions = !config_flag(config, keys_of(kind, "truncate", keys), true);
  return set_length(config, kind, scaling);
}

bool model_set_rotary(const json_t *config, const model_family *family, const char *kind, size_t head_dim,
                      run_options *options) {
  meaning_options *to = &options->meaning;
  char keys[KEYS_BYTES], all[KEYS_BYTES + 64];
  double base = 10000.0, share = family->rotary_share;
  size_t dim = 0;
  if (family->rotary == CLATTN_ROTARY_NONE) return true;
  snprintf(all, sizeof all, "%s|rope_theta|rotary_emb_base", keys_of(kind, "rope_theta", keys));
  if (!set_scaling(config, kind, &to->scaling) || !config_number(config, all, &base)) return false;
  snprintf(all, sizeof all, "%s|partial_rotary_factor|rotary_pct", keys_of(kind, "partial_rotary_factor", keys));
  if (!config_number(config, all, &share) || !config_size(config, "rotary_dim", &dim)) return false;
  if (dim == 0) dim = (size_t)((double)head_dim * share);
  to->rotary = family->rotary;
  to->rotary_base = (float)base;
  options->number[NUMBER_ROTARY_DIM] = dim != head_dim ? dim : 0;
  if ((double)to->rotary_base == base) return true;
  complain("--model: config.json: rope_theta is %.17g (allowed: a number that a float holds)", base);
  return false;
}
