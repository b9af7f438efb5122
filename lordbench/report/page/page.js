"use strict";
const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/* Create an element; text is never parsed as markup. */
function make(kind, text = "", attributes = {}) {
  const element = document.createElement(kind);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/* Sorting: by number, else by text; missing values stay last in both directions. */
function sort(header) {
  const descending = header.getAttribute("aria-sort") === "ascending";
  const column = [...header.parentNode.children].indexOf(header);
  for (const sibling of header.parentNode.children) sibling.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const key = (row) => {
    const cell = row.children[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  const body = header.closest("table").tBodies[0];
  const rows = [...body.rows].map((row) => [key(row), row]);
  rows.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : descending ? order(b, a) : order(a, b)));
  body.append(...rows.map(([, row]) => row));
}
for (const header of all("table.sortable thead th")) header.querySelector("button").addEventListener("click", () => sort(header));

/* Filtering: rows by a part of their name, tables by their group. */
const tables = all(".table");
const groups = new Set(tables.map((table) => table.dataset.title.split(": ")[0]));
for (const group of groups) byId("group").append(make("option", group, { value: group }));
function filter() {
  const wanted = byId("wanted").value.trim().toLowerCase();
  for (const row of all("tr[data-name]")) {
    const reference = row.parentNode.className === "references";
    row.hidden = !reference && !row.dataset.name.toLowerCase().includes(wanted);
  }
  for (const strip of all(".strip")) strip.hidden = Boolean(strip.querySelector("figcaption a")) && !strip.dataset.name.toLowerCase().includes(wanted);
  for (const table of tables) table.hidden = byId("group").value !== "" && !table.dataset.title.startsWith(byId("group").value + ": ") && table.dataset.title !== byId("group").value;
}
byId("filter").addEventListener("input", filter);
byId("filter").addEventListener("submit", (event) => event.preventDefault());

/* The results behind a number, and the details of a cell. */
let kept;
const details = () => (kept ??= JSON.parse(byId("details").textContent));
function unpacked([cell, quantity, unit, policy, note, n, value, low, high]) {
  const { texts } = details();
  return { cell: texts[cell], quantity: texts[quantity], unit: texts[unit], policy: texts[policy], note: texts[note], n, value, low, high };
}
function valuesTable(rows, first, nameOf) {
  const table = make("table");
  const head = table.createTHead().insertRow();
  for (const name of [first, "value", "95 % interval", "n", "unit", "note"]) head.append(make("th", name));
  const body = table.createTBody();
  for (const row of rows) {
    const name = make("td");
    name.append(nameOf(row));
    const interval = row.low === null ? "–" : `${row.low} to ${row.high}`;
    body.insertRow().append(name, ...[row.value ?? "–", interval, row.n, row.unit, row.note].map((text) => make("td", text)));
  }
  const scroll = make("div", "", { class: "scroll" });
  scroll.append(table);
  return scroll;
}
function show(title, ...parts) {
  const place = byId("how").querySelector("div");
  place.replaceChildren(make("h2", title, { id: "how-title" }), ...parts);
  if (!byId("how").open) byId("how").showModal();
  byId("how").scrollTop = 0;
}
function showNumber(number) {
  const rows = details().behind[number].map((row) => unpacked(details().rows[row]));
  const button = ({ cell }) => make("button", `seed ${details().cells[cell].provenance.seed}, cell ${cell}`, { type: "button", class: "open", "data-cell": cell });
  const mean = rows.length > 1 ? `The table shows the mean over ${rows.length} seeds.` : "The table shows this value.";
  show(rows[0].quantity, make("p", mean), valuesTable(rows, "cell", button), make("p", rows[0].policy && `Measured by: ${rows[0].policy}`));
}
function list(values) {
  const definitions = make("dl");
  for (const [name, value] of Object.entries(values)) {
    const text = typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
    definitions.append(make("dt", name), make("dd", text));
  }
  return definitions;
}
function showCell(cell) {
  const rows = details().rows.map(unpacked).filter((row) => row.cell === cell);
  const { provenance, settings } = details().cells[cell];
  const parts = [make("h3", "Provenance"), list(provenance)];
  if (settings) for (const [name, values] of Object.entries(settings)) parts.push(make("h3", `Settings: ${name}`), list(values));
  else parts.push(make("p", "The folder of this cell was not found beside its results, so its settings, curve and pictures are missing."));
  show(`Cell ${cell}`, ...parts, make("h3", "All values"), valuesTable(rows, "quantity", (row) => row.quantity));
}
document.addEventListener("click", (event) => {
  const number = event.target.closest("a[data-behind]");
  const cell = event.target.closest("button[data-cell]");
  if (number) {
    event.preventDefault();
    showNumber(Number(number.dataset.behind));
  } else if (cell) showCell(cell.dataset.cell);
  else if (event.target === byId("how")) byId("how").close();
});

/* Pictures: the selected pair is marked in every strip and enlarged. */
function choose(comparison, line, column) {
  comparison.dataset.line = line;
  comparison.dataset.column = column;
  const chosen = [];
  for (const strip of all(".strip", comparison)) {
    const lines = Number(strip.dataset.lines);
    const columns = Number(strip.dataset.columns);
    const i = Math.min(line, lines - 1);
    const j = Math.min(column, columns - 1);
    const frame = strip.querySelector(".frame");
    frame.style.left = `${(100 * j) / columns}%`;
    frame.style.top = `${(100 * i) / lines}%`;
    if (strip.hidden) continue;
    const figure = make("figure");
    const one = make("div", "", { class: "one", role: "img", "aria-label": `${strip.dataset.name}, line ${i + 1}, column ${j + 1}` });
    one.style.backgroundImage = `url("${strip.querySelector("img").src}")`;
    one.style.backgroundSize = `${100 * columns}% ${100 * lines}%`;
    one.style.backgroundPosition = `${columns > 1 ? (100 * j) / (columns - 1) : 0}% ${lines > 1 ? (100 * i) / (lines - 1) : 0}%`;
    figure.append(one, make("figcaption", strip.dataset.name));
    chosen.push(figure);
  }
  comparison.querySelector(".chosen").replaceChildren(...chosen);
}
function pointed(event) {
  const tiles = event.target.closest(".tiles");
  if (!tiles) return;
  const box = tiles.getBoundingClientRect();
  const strip = tiles.closest(".strip");
  const comparison = tiles.closest(".comparison");
  const place = (from, length, count) => Math.max(0, Math.min(count - 1, Math.floor((from / length) * count)));
  const lines = Number(strip.dataset.lines);
  const columns = Number(strip.dataset.columns);
  /* In a strip of one line or column, such as source images, the other coordinate stays. */
  const line = lines > 1 ? place(event.clientY - box.top, box.height, lines) : Number(comparison.dataset.line);
  const column = columns > 1 ? place(event.clientX - box.left, box.width, columns) : Number(comparison.dataset.column);
  choose(comparison, line, column);
}
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
for (const comparison of all(".comparison")) {
  const largest = (name) => Math.max(...all(".strip", comparison).map((strip) => Number(strip.dataset[name])));
  comparison.addEventListener("pointermove", pointed);
  comparison.addEventListener("pointerdown", pointed);
  comparison.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (!step || event.target !== comparison) return;
    event.preventDefault();
    const move = (from, by, count) => (Number(from) + by + count) % count;
    choose(comparison, move(comparison.dataset.line, step[0], largest("lines")), move(comparison.dataset.column, step[1], largest("columns")));
  });
  choose(comparison, 0, 0);
}
byId("comparison")?.addEventListener("change", (event) => {
  all(".comparison").forEach((comparison, i) => (comparison.hidden = String(i) !== event.target.value));
});
