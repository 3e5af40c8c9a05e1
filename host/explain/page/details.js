/* What is behind a number: the sum, quotient or exp that it came from, written out. Each function takes a table
 * (page.js) and a place in it, and returns text and elements. */
"use strict";

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const result = (text) => make("b", {}, text);

/* 3 × 2 with "animate" above it */
function termElement(name, left, right) {
  return make("span", { class: "term" }, make("span", { class: "of" }, name),
              ` ${termText(left)} × ${termText(right)}`);
}

/* q(it)·k(dog), or context(it)[being] */
function sumName(step, r, c) {
  const sum = step.sum, of = `${sum.left_name}(${step.rows[r]})`;
  return sum.right_name === null ? `${of}[${step.columns[c]}]` : `${of}·${sum.right_name}(${step.columns[c]})`;
}

/* 3 × 2 + 1.5 × 0 + ..., without masked keys */
function sumTerms(step, r, c) {
  const sum = step.sum, mixed = step.tensor === "context";
  const left = mixed ? valuesOf(stepOf("weights"))[r] : sum.left && sum.left[r];
  if (!left) return [`a sum of ${sum.count} products`];
  const kept = sum.terms.map((name, t) => t).filter((t) => !mixed || left[t] !== 0);
  if (kept.length === 0) return ["nothing"];
  return kept.flatMap((t, i) => [i > 0 ? " + " : "", termElement(sum.terms[t], left[t], sum.right[c][t])]);
}

function sumDetail({ step, values }, r, c) {
  const bias = step.sum.bias === null ? "" : ` + bias ${termText(step.sum.bias[c])}`;
  return [sumName(step, r, c), " = ", ...sumTerms(step, r, c), bias, " = ", result(numberText(values[r][c]))];
}

function scaledDetail({ step, values }, r, c) {
  const product = stepOf("products").values[r][c];
  return [`${step.rows[r]} and ${step.columns[c]}: ${termText(product)} × ${termText(walk.scale)} = `,
          result(numberText(values[r][c]))];
}

/* Softcap and masks: the scaled score before and after. */
function changedDetail({ step, values }, r, c) {
  const scaled = stepOf("scaled").values[r][c];
  return [`${step.rows[r]} and ${step.columns[c]}: ${numberText(scaled)} becomes `, result(numberText(values[r][c]))];
}

function expDetail({ step, values }, r, c) {
  const row = values[r], last = row.length - 1, name = quoted(step.rows[r]);
  if (c === 0) return [`the largest score of ${name}: `, result(numberText(row[0]))];
  if (c === last) return [`all exps of ${name} together: `, result(numberText(row[last]))];
  const score = step.scores[r][c - 1] / temperature(), names = `${step.rows[r]} to ${step.columns[c]}: `;
  if (score === -Infinity) return [`${names}masked, so `, result(numberText(row[c]))];
  return [`${names}exp(${termText(score)} − ${termText(row[0])}) = `, result(numberText(row[c]))];
}

function weightDetail({ step, values }, r, c) {
  const exps = valuesOf(stepOf("exps"))[r];
  return [`${step.rows[r]} to ${step.columns[c]}: ${termText(exps[c + 1])} ÷ ${termText(exps[exps.length - 1])} = `,
          result(numberText(values[r][c], 6)), `, ${shareText(values[r][c])}`];
}

const DETAILS = { scaled: scaledDetail, softcapped: changedDetail, scores: changedDetail, exps: expDetail,
                  weights: weightDetail };

/* Given tensors have no computation, and so no function here. */
const detailFor = (step) => (step.sum !== null ? sumDetail : DETAILS[step.tensor]);
