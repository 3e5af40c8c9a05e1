/* Scaled rotary frequencies; clattn_problem.h has the formulas and their sources. */
#include "problem/scaling.h"

#include <math.h>

#include "base/status.h"

#define TWO_PI 6.283185307179586
#define BETA_FAST 32.0
#define BETA_SLOW 1.0

#define INVALID(...) clattn_fail(error, CLATTN_INVALID_PROBLEM, __VA_ARGS__)

/* ---- checks ------------------------------------------------------------------------------------------------------ */

#define KIND(name) (1u << CLATTN_SCALING_##name)

/* Every field but kind: which kinds have it, and whether it may be 0 with them. */
static clattn_status check_fields(const clattn_rotary_scaling *s, clattn_error *error) {
  static const char *const kinds[] = {"NONE", "LINEAR", "DYNAMIC", "YARN", "LLAMA3"};
  static const char *const scaled = "CLATTN_SCALING_LINEAR, _DYNAMIC, _YARN or _LLAMA3";
  static const char *const of_length = "CLATTN_SCALING_DYNAMIC, _YARN or _LLAMA3";
  static const char *const yarn = "CLATTN_SCALING_YARN", *const llama3 = "CLATTN_SCALING_LLAMA3";
  const struct {
    const char *name;
    double value;
    unsigned kinds;
    bool required;
    const char *needed;
  } fields[] = {{"factor", s->factor, ~KIND(NONE), true, scaled},
                {"original_max_position_embeddings", (double)s->original_max_position_embeddings,
                 KIND(DYNAMIC) | KIND(YARN) | KIND(LLAMA3), true, of_length},
                {"low_freq_factor", s->low_freq_factor, KIND(LLAMA3), true, llama3},
                {"high_freq_factor", s->high_freq_factor, KIND(LLAMA3), true, llama3},
                {"beta_fast", s->beta_fast, KIND(YARN), false, yarn},
                {"beta_slow", s->beta_slow, KIND(YARN), false, yarn},
                {"attention_factor", s->attention_factor, KIND(YARN), false, yarn},
                {"mscale", s->mscale, KIND(YARN), false, yarn},
                {"mscale_all_dim", s->mscale_all_dim, KIND(YARN), false, yarn},
                {"keep_fractions", s->keep_fractions, KIND(YARN), false, yarn}};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; ++i) {
    const double value = fields[i].value;
    const bool used = (fields[i].kinds >> s->kind & 1u) != 0;
    if (!used && value != 0.0)
      return INVALID("rotary_scaling.%s is %.15g, but has an effect only where rotary_scaling.kind is %s (allowed "
                     "otherwise: 0)",
                     fields[i].name, value, fields[i].needed);
    if (used && (!isfinite(value) || value < 0.0 || (fields[i].required && value == 0.0)))
      return INVALID("rotary_scaling.%s is %.15g (allowed with CLATTN_SCALING_%s: a finite number above 0%s)",
                     fields[i].name, value, kinds[s->kind], fields[i].required ? "" : ", or 0 for the default");
  }
  return CLATTN_OK;
}

clattn_status clattn_check_scaling(const clattn_problem *p, clattn_error *error) {
  const clattn_rotary_scaling *s = &p->rotary_scaling;
  const size_t dim = p->rotary_dim != 0 ? p->rotary_dim : p->head_dim;
  const clattn_status status = check_fields(s, error);
  if (status != CLATTN_OK) return status;
  if (s->kind == CLATTN_SCALING_LLAMA3 && !(s->low_freq_factor < s->high_freq_factor))
    return INVALID("rotary_scaling.low_freq_factor is %.15g (allowed: less than high_freq_factor, %.15g)",
                   s->low_freq_factor, s->high_freq_factor);
  if (s->kind == CLATTN_SCALING_DYNAMIC && dim == 2)
    return INVALID("rotary_scaling.kind is CLATTN_SCALING_DYNAMIC and rotary_dim 2 (allowed with it: 4 and more)");
  if (s->kind == CLATTN_SCALING_YARN && !(p->rotary_base > 1.0))
    return INVALID("rotary_scaling.kind is CLATTN_SCALING_YARN and rotary_base %.15g (allowed with it: above 1)",
                   p->rotary_base);
  if ((s->mscale != 0.0) != (s->mscale_all_dim != 0.0))
    return INVALID("rotary_scaling.mscale is %.15g and mscale_all_dim %.15g (allowed: both above 0, or both 0)",
                   s->mscale, s->mscale_all_dim);
  if (s->mscale != 0.0 && s->attention_factor != 0.0)
    return INVALID("rotary_scaling.mscale is %.15g, but has an effect only where attention_factor is 0 (allowed "
                   "otherwise: 0)",
                   s->mscale);
  return CLATTN_OK;
}

/* ---- YaRN -------------------------------------------------------------------------------------------------------- */

static double or_else(double given, double standard) {
  return given != 0.0 ? given : standard;
}

static double magnified(double factor, double scale) {
  return factor <= 1.0 ? 1.0 : 0.1 * scale * log(factor) + 1.0;
}

static double yarn_amplitude(const clattn_rotary_scaling *s) {
  if (s->attention_factor != 0.0) return s->attention_factor;
  if (s->mscale != 0.0) return magnified(s->factor, s->mscale) / magnified(s->factor, s->mscale_all_dim);
  return magnified(s->factor, 1.0);
}

/* The pair, with a fraction, that turns so often within original_max_position_embeddings. */
static double pair_of_turns(const clattn_problem *p, double dim, double turns) {
  const double length = (double)p->rotary_scaling.original_max_position_embeddings;
  return dim * log(length / (turns * TWO_PI)) / (2.0 * log(p->rotary_base));
}

static void set_ramp(const clattn_problem *p, double dim, clattn_scaled *scaled) {
  const clattn_rotary_scaling *s = &p->rotary_scaling;
  const double low = pair_of_turns(p, dim, or_else(s->beta_fast, BETA_FAST));
  const double high = pair_of_turns(p, dim, or_else(s->beta_slow, BETA_SLOW));
  scaled->low = fmax(s->keep_fractions ? low : floor(low), 0.0);
  scaled->high = fmin(s->keep_fractions ? high : ceil(high), dim - 1.0);
  if (scaled->low == scaled->high) scaled->high += 0.001; /* as transformers does, instead of dividing by 0 */
}

/* ---- frequencies ------------------------------------------------------------------------------------------------- */

static double dynamic_base(const clattn_problem *p, double dim, double length) {
  const clattn_rotary_scaling *s = &p->rotary_scaling;
  const double ratio = fmax(length / (double)s->original_max_position_embeddings, 1.0);
  return p->rotary_base * pow(s->factor * ratio - (s->factor - 1.0), dim / (dim - 2.0));
}

clattn_scaled clattn_scaled_of(const clattn_problem *p, size_t rotary_dim, double length) {
  const double dim = (double)rotary_dim;
  clattn_scaled scaled = {.base = p->rotary_base, .amplitude = 1.0};
  if (p->rotary_scaling.kind == CLATTN_SCALING_DYNAMIC) scaled.base = dynamic_base(p, dim, length);
  if (p->rotary_scaling.kind != CLATTN_SCALING_YARN) return scaled;
  scaled.amplitude = yarn_amplitude(&p->rotary_scaling);
  set_ramp(p, dim, &scaled);
  return scaled;
}

static double clamp(double value) {
  return fmin(fmax(value, 0.0), 1.0);
}

/* The share of 1 - kept is divided by the factor. */
static double mixed(double unscaled, double kept, double factor) {
  return kept * unscaled + (1.0 - kept) * unscaled / factor;
}

double clattn_scaled_frequency(const clattn_problem *p, const clattn_scaled *scaled, double unscaled, size_t pair) {
  const clattn_rotary_scaling *s = &p->rotary_scaling;
  const double turns = (double)s->original_max_position_embeddings * unscaled / TWO_PI;
  switch (s->kind) {
  case CLATTN_SCALING_LINEAR:
    return unscaled / s->factor;
  case CLATTN_SCALING_YARN:
    return mixed(unscaled, 1.0 - clamp(((double)pair - scaled->low) / (scaled->high - scaled->low)), s->factor);
  case CLATTN_SCALING_LLAMA3:
    return mixed(unscaled, clamp((turns - s->low_freq_factor) / (s->high_freq_factor - s->low_freq_factor)), s->factor);
  default: /* CLATTN_SCALING_DYNAMIC has another base */
    return unscaled;
  }
}
