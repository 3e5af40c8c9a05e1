/* The table of families: see families.h. */
#include "cli/model/families.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
#define PROJ .q = "q_proj", .k = "k_proj", .v = "v_proj", .layout = CLATTN_LAYOUT_XWT
#define DECODER .layer = "layers.#.self_attn.", PROJ, .causal = true
#define LLAMA DECODER, .o = "o_proj", .rotary = CLATTN_ROTARY_HALVES, .rotary_share = 1.0
#define GROUPS .fused = true, .order = CLATTN_FUSED_GROUPS, .layout = CLATTN_LAYOUT_XWT
#define BERT .layer = "encoder.layer.#.attention.", .q = "self.query", .k = "self.key", .v = "self.value", \
             .o = "output.dense", .layout = CLATTN_LAYOUT_XWT

static const model_family families[] = {
    {"llama", LLAMA},
    {"mistral", LLAMA, .window = WINDOW_ALL},
    {"qwen2", LLAMA, .window = WINDOW_UPPER},
    {"gemma", LLAMA},
    {"gemma2", LLAMA, .window = WINDOW_EVEN},
    {"granite", LLAMA},
    {"starcoder2", LLAMA, .window = WINDOW_ALL},
    {"stablelm", DECODER, .o = "o_proj", .rotary = CLATTN_ROTARY_HALVES, .rotary_share = 0.25},
    {"cohere", DECODER, .o = "o_proj", .rotary = CLATTN_ROTARY_INTERLEAVED, .rotary_share = 1.0},
    {"phi", DECODER, .o = "dense", .rotary = CLATTN_ROTARY_HALVES, .rotary_share = 0.5},
    {"phi3", .layer = "layers.#.self_attn.", .q = "qkv_proj", .o = "o_proj", .fused = true,
     .layout = CLATTN_LAYOUT_XWT, .causal = true, .rotary = CLATTN_ROTARY_HALVES, .rotary_share = 1.0,
     .window = WINDOW_ALL},
    {"opt", DECODER, .o = "out_proj"},
    {"gptj", .layer = "h.#.attn.", PROJ, .o = "out_proj", .causal = true, .rotary = CLATTN_ROTARY_INTERLEAVED,
     .rotary_share = 1.0},
    {"gpt2", .layer = "h.#.attn.", .q = "c_attn", .o = "c_proj", .fused = true, .layout = CLATTN_LAYOUT_XW,
     .causal = true, .words = WORDS_GPT2},
    {"gpt_bigcode", .layer = "h.#.attn.", .q = "c_attn", .o = "c_proj", GROUPS, .causal = true, .multi_query = true},
    {"gpt_neox", .layer = "layers.#.attention.", .q = "query_key_value", .o = "dense", GROUPS, .causal = true,
     .rotary = CLATTN_ROTARY_HALVES, .rotary_share = 0.25},
    {"bloom", .layer = "h.#.self_attention.", .q = "query_key_value", .o = "dense", GROUPS, .causal = true,
     .alibi = true},
    {"falcon", .layer = "h.#.self_attention.", .q = "query_key_value", .o = "dense", GROUPS, .causal = true,
     .multi_query = true, .rotary = CLATTN_ROTARY_HALVES, .rotary_share = 1.0},
    {"bert", BERT, .words = WORDS_BERT},
    {"electra", BERT},
    {"roberta", BERT},
    {"xlm-roberta", BERT},
    {"camembert", BERT},
    {"distilbert", .layer = "transformer.layer.#.attention.", .q = "q_lin", .k = "k_lin", .v = "v_lin",
     .o = "out_lin", .layout = CLATTN_LAYOUT_XWT, .words = WORDS_BERT},
    {.type = NULL},
};
/* clang-format on */

static const struct {
  const char *type, *why;
} refused[] = {
    {"qwen3", "it normalises q and k (q_norm, k_norm)"},
    {"qwen3_moe", "it normalises q and k (q_norm, k_norm)"},
    {"gemma3", "it normalises q and k (q_norm, k_norm)"},
    {"gemma3_text", "it normalises q and k (q_norm, k_norm)"},
    {"olmo2", "it normalises q and k (q_norm, k_norm)"},
    {"deepseek_v2", "it has multi-head latent attention (MLA)"},
    {"deepseek_v3", "it has multi-head latent attention (MLA)"},
    {"t5", "it adds a relative position bias to its scores"},
    {"mpt", "the ALiBi slopes of its configuration are not read"},
    {"deberta-v2", "its attention is disentangled"},
};

const model_family *model_family_find(const char *type) {
  for (const model_family *f = families; f->type != NULL; ++f)
    if (strcmp(f->type, type) == 0) return f;
  return NULL;
}

const char *model_family_list(char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (const model_family *f = families; f->type != NULL && used < size; ++f)
    used += (size_t)snprintf(text + used, size - used, "%s%s", f > families ? ", " : "", f->type);
  return text;
}

const char *model_family_refused(const char *type) {
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; ++i)
    if (strcmp(refused[i].type, type) == 0) return refused[i].why;
  return NULL;
}
