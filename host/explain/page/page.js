/* Shows a walk through attention. The numbers are the device's; the only arithmetic here is softmax and the mixture of
 * values at another temperature than 1, and that is marked where it is shown. */
"use strict";

const walk = JSON.parse(document.getElementById("walk").textContent);

const OF_QUERIES = ["x", "x_positioned", "q", "products", "scaled", "softcapped", "scores", "exps", "weights",
                    "context", "output"]; /* steps whose rows are queries */
const OF_PAIRS = ["products", "scaled", "softcapped", "scores", "weights"]; /* steps whose columns are keys too */
const RECOMPUTED = ["exps", "weights", "context"]; /* changed by another temperature */
const MOST_BARS = 16; /* with more keys only the strongest are drawn */
const FEW_BARS = 10;
const MOST_ROWS = 16; /* with more rows the line below the table stays in the window */

const state = { query: walk.begin, head: 0, power: 0 };
let tables = []; /* on the page: {step, values, rows, cells, detail, marked, at} */
let again = null; /* recomputed values of the chosen head; null at temperature 1 */

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* JSON has no infinity and no NaN. */
const real = (value) => ({ "-inf": -Infinity, inf: Infinity, nan: NaN })[value] ?? value;
const reals = (rows) => rows && rows.map((row) => row && row.map(real));

for (const step of walk.steps) {
  step.values = reals(step.values);
  step.scores = reals(step.scores);
  if (step.sum === null) continue;
  step.sum.left = reals(step.sum.left);
  step.sum.right = reals(step.sum.right);
}

const stepsOf = (tensor) =>
  walk.steps.filter((step) => step.tensor === tensor && (step.head === null || step.head === state.head));
const stepOf = (tensor) => stepsOf(tensor)[0];
const temperature = () => Number((2 ** state.power).toPrecision(3)); /* as shown */
const valuesOf = (step) => (again !== null && again[step.tensor]) || step.values;
const chosenRow = (tensor) => valuesOf(stepOf(tensor))[state.query];
const chosenName = () => quoted(walk.queries[state.query]);

function recompute() {
  if (temperature() === 1) return null;
  const sink = walk.sinks === null ? null : walk.sinks[state.head] / temperature();
  const exps = stepOf("exps").scores.map((row) => softmax(row.map((score) => score / temperature()), sink));
  const weights = exps.map(shares);
  const context = weights.map((row) => stepOf("context").sum.right.map((values) => mixture(row, values)));
  return { exps, weights, context };
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

const byId = (id) => document.getElementById(id);

/* The colours are in the style sheet; from here on white text is easier to read on them than black. */
function shade(cell, share) {
  cell.style.setProperty("--share", share.toFixed(4));
  cell.classList.toggle("past-light", share > 0.68);
  cell.classList.toggle("past-dark", share > 0.485);
}

/* Fills the cells with the current values. */
function fill(table) {
  const { step, cells } = table, shared = step.tensor === "weights", scores = shared && stepOf("exps").scores;
  table.values = valuesOf(step);
  const digits = Math.max(...table.values.flat().map(digitsOf));
  cells.forEach((row, r) => row.forEach((cell, c) => {
    const value = table.values[r][c], masked = value === -Infinity || (shared && scores[r][c] === -Infinity);
    cell.firstChild.value = value;
    cell.firstChild.textContent = masked ? "masked" : shared ? shareText(value) : numberText(value, digits);
    cell.classList.toggle("masked", masked);
    if (shared) shade(cell, value);
  }));
  mark(table);
}

/* Marks values that do not come from the device, or not at this temperature. */
function mark({ step, marked }) {
  const now = temperature();
  marked.hidden = again === null || !(RECOMPUTED.includes(step.tensor) || step.tensor === "output");
  marked.textContent = step.tensor === "output" ? "The device's numbers, at temperature 1."
                       : `Recomputed here at temperature ${now}; at 1 these are the device's numbers.`;
}

/* Makes a cell the one that is written out and that Tab reaches. */
function pick(table, r, c) {
  const old = table.cells[table.at[0]][table.at[1]], cell = table.cells[r][c];
  old.tabIndex = -1;
  old.classList.remove("picked");
  cell.tabIndex = 0;
  cell.classList.add("picked");
  table.at = [r, c];
  table.detail.replaceChildren(...detailFor(table.step)(table, r, c));
}

function whereIs(target) {
  const cell = target.closest("tbody td");
  return cell && [cell.parentNode.sectionRowIndex, cell.cellIndex - 1];
}

function moveFocus(table, event) {
  const [r, c] = table.at, last = table.cells[0].length - 1;
  const to = { ArrowUp: [r - 1, c], ArrowDown: [r + 1, c], ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1],
               Home: [r, 0], End: [r, last] }[event.key];
  if (!to || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  table.cells[to[0]]?.[to[1]]?.focus();
}

function listen(table, element) {
  element.addEventListener("keydown", (event) => moveFocus(table, event));
  element.addEventListener("mouseover", (event) => {
    const at = whereIs(event.target);
    if (at) pick(table, ...at);
  });
  element.addEventListener("focusin", (event) => {
    pick(table, ...whereIs(event.target));
    byId("spoken").textContent = table.detail.textContent;
  });
}

const headRow = (names) =>
  make("thead", {}, make("tr", {}, make("td", {}), ...names.map((name) => make("th", { scope: "col" }, name))));

/* A box that scrolls. If its cells cannot be reached with the keyboard, the box can. */
function scrolled(table, name, alone) {
  table.style.setProperty("--columns", table.tHead.rows[0].cells.length);
  const reached = { class: "scroll", tabindex: "0", role: "region", "aria-label": name };
  return make("div", alone ? reached : { class: "scroll" }, table);
}

/* Few fonts have a good ᵀ. */
const raised = (title) => title.split("ᵀ").flatMap((part, i) => (i === 0 ? [part] : [make("sup", {}, "T"), part]));

/* A step's table with its caption, and a line below it for the sum behind the selected number. */
function figure(step) {
  const explained = detailFor(step) !== undefined;
  const cell = () => make("td", explained ? { tabindex: "-1" } : {}, make("data", { value: "" }));
  const rows = step.rows.map((name, r) =>
    make("tr", {}, make("th", { scope: "row" }, name), ...step.values[r].map(cell)));
  const more = step.left_out === "" ? "" : make("small", {}, ` (${step.left_out})`);
  const element = make("table", explained ? { class: step.tensor, role: "grid" } : { class: step.tensor },
                       make("caption", {}, make("span", {}, ...raised(step.title), more)), headRow(step.columns),
                       make("tbody", {}, ...rows));
  const table = { step, rows, cells: rows.map((row) => [...row.querySelectorAll("td")]), at: [0, 0],
                  detail: make("p", { class: "detail" }), marked: make("p", { class: "marked" }) };
  if (explained) listen(table, element);
  tables.push(table);
  const tall = step.rows.length > MOST_ROWS ? "tall" : "";
  return make("figure", { id: step.id, class: tall }, step.about === "" ? "" : make("p", {}, step.about), table.marked,
              scrolled(element, step.title, !explained), explained ? table.detail : "");
}

/* Groups a matrix with the step that uses it. */
function figures(steps) {
  const groups = [];
  for (const step of steps) {
    const before = groups.at(-1);
    if (before !== undefined && before.at(-1).tensor === `w${step.tensor}`) before.push(step);
    else groups.push([step]);
  }
  return groups.map((group) => make("div", { class: "group" }, ...group.map(figure)));
}

/* ---- the chosen token -------------------------------------------------------------------------------------------- */

/* Highlights the chosen query and the key that it attends to most. */
function worthSeeing({ step, values }) {
  const key = largest(stepOf("weights").values[state.query]);
  if (OF_PAIRS.includes(step.tensor)) return [state.query, key];
  if (step.tensor === "exps") return [state.query, key + 1];
  const row = OF_QUERIES.includes(step.tensor) ? state.query : key;
  return [row, largest(values[row].map(Math.abs))];
}

function bar(name, weight) {
  const element = make("li", {}, make("span", {}, name), make("span", { class: "bar" }),
                       make("span", { class: "share" }, shareText(weight)));
  element.style.setProperty("--share", weight.toFixed(4));
  return element;
}

/* The chosen row as bars. Of many keys only the strongest, in order of position. */
function drawBars() {
  const row = chosenRow("weights");
  let keys = [...row.keys()], which = "";
  if (keys.length > MOST_BARS) {
    keys = keys.sort((a, b) => row[b] - row[a]).slice(0, FEW_BARS).sort((a, b) => a - b);
    which = `: the strongest ${FEW_BARS} of ${row.length} keys`;
  }
  byId("bars-title").textContent = `What ${chosenName()} attends to${which}`;
  byId("bars").replaceChildren(...keys.map((key) => bar(stepOf("weights").columns[key], row[key])));
}

/* A sentence about the row: from the program, or at another temperature from the page. */
function saying() {
  const step = stepOf("weights"), row = chosenRow("weights");
  if (again === null) return typeset(step.lines[state.query]);
  const keys = [...row.keys()].filter((key) => row[key] > 0).sort((a, b) => row[b] - row[a]).slice(0, 3);
  const given = keys.map((key) => `${shareText(row[key])} to ${quoted(step.columns[key])}`).join(", ");
  return `At temperature ${temperature()}, ${chosenName()} gives ${given || "nothing"}.`;
}

/* The values with their weights, and the context that they add up to. */
function drawMix() {
  const step = stepOf("context"), weights = chosenRow("weights"), name = walk.queries[state.query];
  const line = (head, share, numbers) =>
    make("tr", {}, make("th", { scope: "row" }, head), make("td", { class: "share" }, share),
         ...numbers.map((value) => make("td", {}, numberText(value))));
  const values = step.sum.terms.map((key, t) =>
    line(`v(${key})`, shareText(weights[t]), step.sum.right.map((value) => value[t])));
  const title = `The context of ${quoted(name)} is this much of each value`;
  const table = make("table", {}, make("caption", {}, make("span", {}, title)), headRow(["share", ...step.columns]),
                     make("tbody", {}, ...values),
                     make("tfoot", {}, line(`context(${name})`, "", chosenRow("context"))));
  byId("mix").replaceChildren(scrolled(table, title, true));
}

function drawChoice() {
  const head = walk.all_heads > 1 ? `, head ${state.head} of ${walk.all_heads}` : "";
  drawBars();
  drawMix();
  byId("saying").textContent = saying();
  const chip = byId("tokens").children[state.query];
  byId("tokens").scrollTo({ left: chip.offsetLeft - byId("tokens").clientWidth / 2 });
  byId("printed").textContent = `Followed here: ${chosenName()}${head}, temperature ${temperature()}.`;
}

function chooseQuery(query) {
  state.query = query;
  for (const table of tables) {
    if (OF_QUERIES.includes(table.step.tensor))
      table.rows.forEach((row, r) => row.classList.toggle("chosen", r === query));
    if (detailFor(table.step)) pick(table, ...worthSeeing(table));
  }
  drawChoice();
}

/* ---- the head and the temperature -------------------------------------------------------------------------------- */

/* Rebuilds all tables, also those without a head, so that they keep their order. */
function drawHead() {
  tables = [];
  again = recompute();
  for (const section of document.querySelectorAll("section[data-steps]")) {
    const steps = section.dataset.steps.split(" ").flatMap(stepsOf);
    section.hidden = steps.length === 0;
    section.querySelector(".figures").replaceChildren(...figures(steps));
  }
  tables.forEach(fill);
  drawAnswer();
  chooseQuery(state.query);
}

/* Question, answer and reason from the program; they follow the lines of the rows. */
function drawAnswer() {
  const step = stepOf("weights"), lines = step.lines.slice(step.rows.length).map(typeset);
  byId("answer").hidden = lines.length === 0;
  const paragraphs = lines.map((line, i) => make("p", i === 0 ? { class: "question" } : {}, line));
  byId("answer-lines").replaceChildren(...paragraphs);
}

function chooseTemperature(power) {
  state.power = power;
  again = recompute();
  byId("temperature-now").textContent = temperature();
  byId("temperature").setAttribute("aria-valuetext", temperature());
  byId("temperature-reset").disabled = again === null;
  byId("answer-at").hidden = again === null;
  for (const table of tables) {
    fill(table);
    if (detailFor(table.step)) pick(table, ...table.at);
  }
  drawChoice();
}

/* ---- around the walk --------------------------------------------------------------------------------------------- */

function drawHeader() {
  const batch = walk.batch > 1 ? `, the first of ${walk.batch} sequences` : "";
  const article = walk.article === null ? "" : `, from the article ${quoted(walk.article)}${walk.where === null ? "" : `, ${walk.where}`}`;
  document.title = `${walk.name}: a walk through attention`;
  byId("source").textContent = `A walk through attention: ${walk.name}${batch}${article}`;
  byId("sentence").textContent = walk.article === null ? walk.name : walk.queries.join(" ");
  byId("question").textContent = typeset(walk.question ?? "");
  byId("device").textContent = walk.device;
  byId("note").hidden = walk.note === null;
  byId("note-text").textContent = walk.note;
  for (const text of document.querySelectorAll("[data-with]")) text.hidden = stepsOf(text.dataset.with).length === 0;
}

function drawCheck() {
  const { passed, numbers, worst, wrong } = walk.check;
  const against = `${numbers} numbers against the reference in double`;
  byId("check").textContent = `Checked: ${against}, the worst at ${Math.round(100 * worst)} % of its bound.`;
  byId("version").textContent = `clattn ${walk.version}`;
  byId("wrong").hidden = passed;
  byId("wrong").textContent = `This walk is wrong: ${wrong.join(", ")} differ from the reference.`;
}

function tokenElement(name, query) {
  const button = make("input", { type: "radio", name: "token", value: query });
  button.checked = query === state.query;
  return make("label", { class: "chip" }, button, make("span", {}, name));
}

function drawControls() {
  byId("tokens").append(...walk.queries.map(tokenElement));
  byId("head-control").hidden = walk.heads === 1;
  for (let head = 0; head < walk.heads; ++head)
    byId("head").append(make("option", { value: head }, `${head} of ${walk.all_heads}`));
}

function listenToControls() {
  const say = () => (byId("spoken").textContent = saying());
  byId("tokens").addEventListener("change", (event) => say(chooseQuery(Number(event.target.value))));
  byId("head").addEventListener("change", (event) => {
    state.head = Number(event.target.value);
    drawHead();
    say();
  });
  byId("temperature").addEventListener("input", (event) => chooseTemperature(Number(event.target.value)));
  byId("temperature").addEventListener("change", say);
  byId("temperature-reset").addEventListener("click", () => {
    byId("temperature").value = 0;
    byId("temperature").focus(); /* a disabled button keeps no focus */
    chooseTemperature(0);
    say();
  });
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
}

drawHeader();
drawCheck();
drawControls();
listenToControls();
drawHead();
chooseTemperature(0);
