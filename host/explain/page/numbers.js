/* Numbers as text, as `clattn explain` prints them, and softmax. */
"use strict";

/* ---- text ---- */

/* The number of decimals that show the whole value, at most six. */
function digitsOf(value) {
  if (!Number.isFinite(value)) return 0;
  for (let digits = 0; digits < 4; ++digits) {
    const rounded = Math.round(value * 10 ** digits) / 10 ** digits;
    if (Math.abs(value - rounded) < 6e-8 * (1 + Math.abs(value))) return digits;
  }
  return 6;
}

const withMinus = (text) => text.replace("-", "−");

function numberText(value, digits = digitsOf(value)) {
  if (value === -Infinity) return "masked";
  if (!Number.isFinite(value)) return withMinus(String(value));
  const size = Math.abs(value);
  if (size >= 1e6 || (size !== 0 && size < 5e-7)) return withMinus(value.toExponential(2));
  return withMinus((value + 0).toFixed(digits));
}

/* A term of a sum, with four digits. */
function termText(value) {
  const text = withMinus(String(Number(value.toPrecision(4)) + 0));
  return value < 0 ? `(${text})` : text;
}

function shareText(weight) {
  const percent = 100 * weight;
  if (percent !== 0 && percent < 0.1) return "< 0.1 %";
  return percent.toFixed(percent === 0 || percent >= 99.95 ? 0 : 1) + " %";
}

const quoted = (name) => `“${name}”`;

/* Adapts lines that the program writes for a terminal. */
const typeset = (line) => line.replace(/"([^"]*)"/g, "“$1”");

/* ---- rows ---- */

/* The index of the largest number. */
function largest(row) {
  return row.reduce((best, value, i) => (value > row[best] ? i : best), 0);
}

/* max, exps, sum. A sink is a logit like a score, but has no value to hand over; null: there is none. */
function softmax(scores, sink) {
  const logits = sink === null ? scores : [...scores, sink];
  const max = Math.max(...logits);
  const exp = (score) => (max === -Infinity ? 0 : Math.exp(score - max));
  const sum = logits.reduce((total, score) => total + exp(score), 0);
  return [max, ...scores.map(exp), sum];
}

/* The share of each exp in the sum. */
function shares([, ...exps]) {
  const sum = exps.pop();
  return exps.map((exp) => (exp === 0 ? 0 : exp / sum));
}

/* Masked keys are skipped: they may be NaN. */
function mixture(weights, values) {
  return weights.reduce((total, weight, key) => (weight === 0 ? total : total + weight * values[key]), 0);
}
