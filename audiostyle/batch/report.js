"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const make = (tag, text, attributes) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  return Object.assign(element, attributes);
};
const shown = (value) => (value === null || value === undefined ? "–" : String(Number(value.toPrecision(3))).replace("-", "−"));
const unique = (values) => [...new Set(values)];

let pair = null;
let order = { column: "", down: false };

const fill = (select, values, chosen) => {
  select.replaceChildren(...values.map((value) => make("option", value || "all", { value, selected: value === chosen })));
};
const points = unique(data.cells.map((cell) => cell[2]));
fill(byId("number"), data.numbers, data.first);
fill(byId("point"), points, points[0]);
byId("point-label").hidden = points.length < 2;
byId("matrix").hidden = data.cells.length === 0;

const at = () => data.numbers.indexOf(byId("number").value);

function drawMatrix() {
  const cells = data.cells.filter((cell) => cell[2] === byId("point").value);
  const contents = unique(cells.map((cell) => cell[0])).sort();
  const styles = unique(cells.map((cell) => cell[1])).sort();
  byId("direction").textContent = data.directions[byId("number").value] || "";
  if (contents.length > data.mostLabels || styles.length > data.mostLabels) {
    byId("pairs").replaceChildren(make("caption", "There are too many labels for a matrix; labels.csv has the numbers."));
    return;
  }
  const values = cells.map((cell) => cell[3][at()][0]).filter((value) => value !== null);
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const head = make("tr");
  head.append(make("th", ""), ...styles.map((style) => make("th", style, { scope: "col" })));
  const rows = contents.map((content) => {
    const row = make("tr");
    row.append(make("th", content, { scope: "row" }));
    for (const style of styles) {
      const cell = cells.find((one) => one[0] === content && one[1] === style);
      const field = make("td");
      if (cell) {
        const [value, count] = cell[3][at()];
        const share = value === null ? 0 : (value - low) / range;
        field.style.background = value === null ? "#eee" : `hsl(215 65% ${94 - 58 * share}%)`;
        field.style.color = share > 0.45 ? "#fff" : "#1a1a1a";
        const button = make("button", shown(value), { title: `${content} in the style of ${style}` });
        button.append(make("small", `n ${count}`));
        button.addEventListener("click", () => {
          pair = pair && pair[0] === content && pair[1] === style ? null : [content, style];
          drawMatrix();
          drawRows();
        });
        field.append(button);
        if (pair && pair[0] === content && pair[1] === style) field.className = "chosen";
      }
      row.append(field);
    }
    return row;
  });
  const thead = make("thead");
  thead.append(head);
  const tbody = make("tbody");
  tbody.append(...rows);
  byId("pairs").replaceChildren(thead, tbody);
}

// Of a row: name, content, style, point, settings, sound, numbers.
const columns = () => [
  { head: "name", of: (row) => row[0] },
  { head: "content", of: (row) => row[1] },
  { head: "style", of: (row) => row[2] },
  ...data.varying.map((name, index) => ({ head: name, of: (row) => (isNaN(row[4][index]) ? row[4][index] : Number(row[4][index])) })),
  { head: byId("number").value, of: (row) => row[6][at()], number: true },
  ...(byId("number").value === "loss_total" || !data.numbers.includes("loss_total")
    ? []
    : [{ head: "loss_total", of: (row) => row[6][data.numbers.indexOf("loss_total")], number: true }]),
];

function player(row) {
  const button = make("button", "▶ play", { ariaLabel: `play ${row[0]}` });
  button.addEventListener("click", () => {
    for (const other of document.querySelectorAll("audio")) other.pause();
    const audio = make("audio", undefined, { controls: true, src: row[5] });
    button.replaceWith(audio);
    audio.play().catch(() => {});
  });
  return button;
}

function compare(one, other) {
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one === typeof other) return (one > other) - (one < other);
  return String(one) < String(other) ? -1 : 1;
}

function drawRows() {
  const heads = columns();
  const words = byId("find").value.toLowerCase();
  let rows = data.rows.filter((row) => !pair || (row[1] === pair[0] && row[2] === pair[1]));
  rows = rows.filter((row) => [row[0], row[1], row[2], ...row[4]].join(" ").toLowerCase().includes(words));
  const column = heads.find((one) => one.head === order.column);
  if (column) {
    rows = rows.slice().sort((a, b) => {
      const [one, other] = [column.of(a), column.of(b)];
      return one === null || other === null || !order.down ? compare(one, other) : compare(other, one);
    });
  }
  const head = make("tr");
  for (const one of heads) {
    const mark = one.head !== order.column ? "" : order.down ? " ▼" : " ▲";
    const button = make("button", one.head + mark);
    button.addEventListener("click", () => {
      order = { column: one.head, down: one.head === order.column && !order.down };
      drawRows();
    });
    const field = make("th", undefined, { scope: "col" });
    if (mark) field.ariaSort = order.down ? "descending" : "ascending";
    field.append(button);
    head.append(field);
  }
  head.append(make("th", "sound"));
  byId("transfers").tHead.replaceChildren(head);
  byId("transfers").tBodies[0].replaceChildren(
    ...rows.map((row) => {
      const line = make("tr");
      for (const one of heads) {
        const value = one.of(row);
        const field = make("td", one.number ? shown(value) : String(value), { className: one.number ? "number" : "" });
        if (one.head === "name") field.className = "wide";
        else field.dataset.head = one.head;
        line.append(field);
      }
      const field = make("td", undefined, { className: "wide" });
      field.append(player(row));
      line.append(field);
      return line;
    }),
  );
  byId("count").textContent = `${rows.length} shown` + (pair ? `: ${pair[0]} in the style of ${pair[1]}` : "");
  byId("all").hidden = !pair;
}

byId("number").addEventListener("change", () => { drawMatrix(); drawRows(); });
byId("point").addEventListener("change", drawMatrix);
byId("find").addEventListener("input", drawRows);
byId("all").addEventListener("click", () => { pair = null; drawMatrix(); drawRows(); });
drawMatrix();
drawRows();
