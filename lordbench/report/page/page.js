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
    return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value === "" ? null : Number.parseFloat(cell.dataset.value);
  };
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  const body = header.closest("table").tBodies[0];
  const rows = [...body.rows].map((row) => [key(row), row]);
  rows.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : descending ? order(b, a) : order(a, b)));
  body.append(...rows.map(([, row]) => row));
}
for (const header of all("table.sortable thead th")) header.querySelector("button").addEventListener("click", () => sort(header));

/* Filtering: rows and pictures by a part of a method's name, everything else by its group. */
function filter() {
  const wanted = byId("wanted").value.trim().toLowerCase();
  const group = byId("group")?.value ?? "";
  const leavesOut = (element) => !element.dataset.name.toLowerCase().includes(wanted);
  for (const row of all("tr[data-name]")) row.hidden = row.parentNode.className !== "references" && leavesOut(row);
  for (const figure of all(".strip, .pair")) figure.hidden = Boolean(figure.querySelector("figcaption a")) && leavesOut(figure);
  for (const part of all("[data-group]")) part.hidden = group !== "" && part.dataset.group !== "" && part.dataset.group !== group;
}
byId("filter").addEventListener("input", filter);
byId("filter").addEventListener("submit", (event) => event.preventDefault());

/* Tabs: without this script all of them are shown, one below the other. */
const tabs = all(".tab");
const bar = make("div", "", { role: "tablist", "aria-label": "Details" });
for (const tab of tabs) {
  bar.append(make("button", tab.dataset.tab, { type: "button", role: "tab", id: `tab-${tab.id}`, "aria-controls": tab.id }));
  tab.setAttribute("role", "tabpanel");
  tab.setAttribute("aria-labelledby", `tab-${tab.id}`);
}
byId("details-of-run").querySelector(".tabs").prepend(bar);
function open(tab) {
  for (const other of tabs) {
    const button = byId(`tab-${other.id}`);
    other.hidden = other !== tab;
    button.setAttribute("aria-selected", other === tab);
    button.tabIndex = other === tab ? 0 : -1;
  }
}
bar.addEventListener("click", (event) => event.target.closest("[role=tab]") && open(byId(event.target.getAttribute("aria-controls"))));
bar.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const at = tabs.findIndex((tab) => !tab.hidden);
  if (!step) return;
  const next = tabs[(at + step + tabs.length) % tabs.length];
  open(next);
  byId(`tab-${next.id}`).focus();
});
/* A link to something in a hidden tab opens the tab first. */
function reveal(target) {
  const tab = target?.closest(".tab");
  if (!tab?.hidden) return;
  open(tab);
  target.scrollIntoView();
}
open(tabs[0]);
const linked = () => reveal(byId(decodeURIComponent(location.hash.slice(1))));
window.addEventListener("hashchange", linked);
linked();

/* Definitions: shown beside what they describe, when it is pointed at or has the focus. */
const tip = byId("tip");
function describe(element) {
  tip.textContent = byId(element.getAttribute("aria-describedby")).textContent;
  tip.hidden = false;
  const box = element.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - tip.offsetWidth - 4))}px`;
  const above = box.top - tip.offsetHeight - 6;
  tip.style.top = `${above > 4 ? above : box.bottom + 6}px`;
}
for (const element of all("[aria-describedby]")) {
  element.addEventListener("pointerenter", () => describe(element));
  element.addEventListener("focus", () => describe(element));
  for (const end of ["pointerleave", "blur"]) element.addEventListener(end, () => (tip.hidden = true));
}
document.addEventListener("keydown", (event) => event.key === "Escape" && (tip.hidden = true));
document.addEventListener("scroll", () => (tip.hidden = true), true);

/* Downloads and the choice of columns. */
const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60);
function download(name, blob) {
  const link = make("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
const writeText = (name, text) => download(name, new Blob([text], { type: "text/plain" }));
function action(text, label, act) {
  const button = make("button", text, { type: "button", "aria-label": label });
  button.addEventListener("click", act);
  return button;
}
const shown = (table) => [...table.tHead.rows[0].cells].map((cell) => !cell.hidden);
function csv(table) {
  const quoted = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const keep = shown(table);
  const lines = [[...table.tHead.rows[0].cells].flatMap((cell, i) => {
    const name = cell.textContent.trim().replace(/\s*[↑↓]$/, "");
    return !keep[i] ? [] : i && isEntry(table, i) ? ["", "_ci_low", "_ci_high", "_mark"].map((end) => name + end) : [name];
  })];
  for (const row of all("tbody tr", table)) {
    lines.push([...row.cells].flatMap((cell, i) => {
      const { value, low, high, mark } = cell.dataset;
      return !keep[i] ? [] : i && isEntry(table, i) ? [value ?? "", low ?? "", high ?? "", mark ?? ""] : [cell.textContent.trim()];
    }));
  }
  return lines.map((line) => line.map(quoted).join(",") + "\n").join("");
}
const isEntry = (table, column) => all("tbody tr", table).some((row) => row.cells[column]?.querySelector(".value"));
function latex(section) {
  const keep = shown(section.querySelector("table"));
  const kept = (parts) => parts.filter((_, i) => keep[i]);
  /* Only separators of columns have spaces on both sides and no backslash before them. */
  return JSON.parse(section.querySelector(".latex").textContent).split("\n").map((line) => {
    const spec = line.match(/^(\s*\\begin\{tabular\}\{)([lr]+)(\})$/);
    if (spec) return spec[1] + kept([...spec[2]]).join("") + spec[3];
    if (!line.includes(" & ")) return line;
    const row = line.replace(/ \\\\$/, "").trim().split(" & ");
    return `    ${kept(row).join(" & ")} \\\\`;
  }).join("\n");
}
function columnChooser(table) {
  const chooser = make("details");
  const list = make("div");
  [...table.tHead.rows[0].cells].slice(1).forEach((head, i) => {
    const label = make("label");
    const box = make("input", "", { type: "checkbox" });
    box.checked = !head.hidden;
    box.addEventListener("change", () => {
      for (const row of table.rows) if (row.cells[i + 1]) row.cells[i + 1].hidden = !box.checked;
    });
    label.append(box, ` ${head.textContent.trim()}`);
    list.append(label);
  });
  chooser.append(make("summary", "Columns"), list);
  return chooser;
}
for (const section of all(".table")) {
  const name = slug(section.dataset.title);
  const table = section.querySelector("table");
  // Without any value there are only the reasons for that.
  if (!table) continue;
  const tools = make("div", "", { class: "tools" });
  tools.append(
    columnChooser(table),
    action("CSV", `CSV of ${section.dataset.title}`, () => writeText(`${name}.csv`, csv(table))),
    action("LaTeX", `LaTeX of ${section.dataset.title}`, () => writeText(`${name}.tex`, latex(section))),
  );
  section.querySelector(".scroll").before(tools);
}
const SHARPNESS = 2;
async function saveDrawing(svg, name) {
  const { width, height } = svg.viewBox.baseVal;
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
  await picture.decode();
  const canvas = make("canvas", "", { width: Math.round(width * SHARPNESS), height: Math.round(height * SHARPNESS) });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => download(`${name}.png`, blob));
}
for (const drawing of all(".drawing")) {
  const svg = drawing.querySelector(".wide svg");
  const { name } = drawing.dataset;
  const tools = make("div", "", { class: "tools" });
  tools.append(
    action("PNG", `PNG of figure ${name}`, () => saveDrawing(svg, name)),
    action("SVG", `SVG of figure ${name}`, () => writeText(`${name}.svg`, new XMLSerializer().serializeToString(svg))),
  );
  drawing.append(tools);
}
/* The pairs as one picture: names at the left, images, scores below them. */
const NAMES = 170;
const LINE = 18;
function savePairs(pairs) {
  const rows = all(".pair", pairs).filter((row) => !row.hidden);
  const images = rows.map((row) => row.querySelector("img"));
  const tall = rows.map((row, i) => images[i].height + (row.querySelector(".scores") ? LINE : 4));
  const wide = NAMES + Math.max(...images.map((image) => image.width));
  const canvas = make("canvas", "", { width: wide * SHARPNESS, height: tall.reduce((a, b) => a + b, 8) * SHARPNESS });
  const pen = canvas.getContext("2d");
  pen.scale(SHARPNESS, SHARPNESS);
  pen.imageSmoothingEnabled = false;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  let y = 4;
  rows.forEach((row, i) => {
    const image = images[i];
    pen.font = "13px sans-serif";
    pen.textAlign = "right";
    pen.fillText(row.dataset.name, NAMES - 8, y + image.height / 2 + 4, NAMES - 12);
    pen.drawImage(image, NAMES, y, image.width, image.height);
    const scores = all(".scores span", row);
    pen.textAlign = "center";
    scores.forEach((score, j) => {
      pen.font = `${score.className === "least" ? "bold " : ""}11px sans-serif`;
      pen.fillText(score.textContent, NAMES + ((j + 0.5) * image.width) / scores.length, y + image.height + 13);
    });
    y += tall[i];
  });
  canvas.toBlob((blob) => download(`${slug(pairs.dataset.title)}.png`, blob));
}
for (const pairs of all(".pairs")) {
  const tools = make("div", "", { class: "tools" });
  tools.append(action("PNG", `PNG of ${pairs.dataset.title}`, () => savePairs(pairs)));
  pairs.append(tools);
}
for (const command of all(".again pre")) {
  const copy = action("Copy", "Copy the command", async () => {
    await navigator.clipboard.writeText(command.textContent);
    copy.textContent = "Copied";
  });
  const tools = make("div", "", { class: "tools" });
  tools.append(copy);
  command.after(tools);
}

/* The results behind a number, and the details of a cell. */
const WORDS = {
  data_fingerprint: "fingerprint of the data", git_sha: "commit", lordbench_version: "lordbench", method_source: "hash of the method's source",
  peak_memory_mib: "peak memory, MiB", protocol_version: "protocol", schema_version: "format of rows", searched: "settings searched",
  started: "started, UTC", torch_version: "PyTorch", cuda_version: "CUDA", train_images_per_second: "images/s in training", train_seconds: "training, s",
};
const inWords = (name) => WORDS[name] ?? name.replaceAll("_", " ");
const three = (value) => (value === null ? "–" : Math.abs(value) >= 100 ? String(Math.round(value)) : value.toPrecision(3));
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
    const interval = row.low === null ? "–" : `${three(row.low)} to ${three(row.high)}`;
    body.insertRow().append(name, ...[three(row.value), interval, row.n, row.unit, row.note].map((text) => make("td", text)));
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
function showNumber(link) {
  const rows = details().behind[link.dataset.behind].map((row) => unpacked(details().rows[row]));
  const button = ({ cell }) => make("button", `seed ${details().cells[cell].provenance.seed}, cell ${cell}`, { type: "button", class: "open", "data-cell": cell });
  const mean = rows.length > 1 ? `The table shows the mean over ${rows.length} seeds.` : "The table shows this value.";
  const column = link.closest("table").tHead.rows[0].cells[link.closest("td").cellIndex].textContent.trim();
  const name = `${column.replace(/\s*[↑↓]$/, "")} of ${link.closest("tr").dataset.name}`;
  const policy = make("p", rows[0].policy && `Measured by: ${rows[0].policy}`);
  show(name, make("p", mean), valuesTable(rows, "cell", button), policy, make("p", `Full name, for --metric: ${rows[0].quantity}`, { class: "note" }));
}
/* Settings by their dotted keys, as --set takes them. */
const flat = (values, before = "") => Object.entries(values).flatMap(([name, value]) =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? flat(value, `${before}${name}.`) : [[before + name, value]]);
function list(pairs) {
  const definitions = make("dl");
  for (const [name, value] of pairs) definitions.append(make("dt", name), make("dd", Array.isArray(value) ? value.join(", ") : String(value)));
  return definitions;
}
const isRounded = (value) => typeof value === "number" && !Number.isInteger(value);
const told = ([name, value]) => [inWords(name), name === "started" ? value.slice(0, 16).replace("T", " ") : isRounded(value) ? three(value) : value];
function showCell(cell) {
  const rows = details().rows.map(unpacked).filter((row) => row.cell === cell);
  const { provenance, settings } = details().cells[cell];
  const parts = [make("h3", "Provenance"), list(Object.entries(provenance).map(told))];
  if (settings) for (const [name, values] of Object.entries(settings)) {
    parts.push(make("h3", `Settings: ${name}`), Array.isArray(values) ? make("p", values.join(", ")) : list(flat(values)));
  }
  else parts.push(make("p", "The folder of this cell was not found beside its results, so its settings, curve and pictures are missing."));
  show(`Cell ${cell}`, ...parts, make("h3", "All values"), valuesTable(rows, "quantity", (row) => row.quantity));
}
document.addEventListener("click", (event) => {
  const number = event.target.closest("a[data-behind]");
  const cell = event.target.closest("button[data-cell]");
  if (number) {
    event.preventDefault();
    showNumber(number);
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
/* A comparison without true images has only its first pairs. */
function select() {
  const number = byId("comparison").value;
  all(".comparison").forEach((one, i) => (one.hidden = String(i) !== number));
  const own = all(`.pairs[data-comparison="${number}"]`);
  const chosen = own.find((one) => one.dataset.selection === byId("selection")?.value) ?? own[0];
  for (const one of all(".pairs")) one.hidden = one !== chosen;
}
for (const name of ["comparison", "selection"]) byId(name)?.addEventListener("change", select);
