// Draws the charts as plain SVG. A unit of a drawing is a pixel, so that texts have the same size
// on a phone and on a wide screen.

const space = "http://www.w3.org/2000/svg";

function node(name, attributes, ...children) {
  const element = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes ?? {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function drawing(width, height, label, ...children) {
  return node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...children);
}

// widthOf returns the width of a figure. Below narrow, there is no room for everything in a line.
const widthOf = (figure) => Math.max(Math.round(figure.clientWidth), 200);
const narrow = 420;

// empty says in place of a chart why there is none.
export function empty(figure, text) {
  const p = document.createElement("p");
  p.className = "empty";
  p.textContent = text;
  figure.replaceChildren(p);
}

// steps returns about count round numbers that span low to high.
export function steps(low, high, count) {
  const rough = (high - low || Math.abs(high) || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const first = Math.floor(low / step) * step;
  const marks = [];
  for (let mark = first; mark < high + step; mark += step) marks.push(mark);
  return marks;
}

// line draws points of {day, value}, one a day, oldest first. A day shows its value to the pointer.
export function line(figure, points, format) {
  const width = widthOf(figure), height = 240, left = 64, right = 12, top = 12, bottom = 28;
  const values = points.map((p) => p.value);
  const marks = steps(Math.min(...values), Math.max(...values), 4);
  const low = marks[0], high = marks[marks.length - 1];
  const x = (i) => left + (i * (width - left - right)) / Math.max(points.length - 1, 1);
  const y = (v) => top + ((high - v) * (height - top - bottom)) / (high - low || 1);
  const path = points.map((p, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(p.value).toFixed(1)}`).join("");
  const last = points.length - 1;
  const children = marks.flatMap((mark) => [
    node("line", { class: "axis", x1: left, x2: width - right, y1: y(mark), y2: y(mark) }),
    node("text", { x: left - 8, y: y(mark) + 4, "text-anchor": "end" }, format(mark)),
  ]);
  for (const i of width < narrow ? [0, last] : [0, Math.floor(last / 2), last]) {
    const anchor = i === 0 ? "start" : i === last ? "end" : "middle";
    children.push(node("text", { x: x(i), y: height - 8, "text-anchor": anchor }, points[i].day));
  }
  children.push(
    node("path", { class: "area", d: `${path}L${x(last)} ${y(low)}L${left} ${y(low)}Z` }),
    node("path", { class: "line", d: path }),
    node("circle", { class: "dot", cx: x(last), cy: y(points[last].value), r: 4 }),
  );
  const span = (width - left - right) / Math.max(last, 1);
  children.push(...points.map((p, i) => node(
    "rect", { class: "day", x: x(i) - span / 2, y: top, width: span, height: height - top - bottom },
    node("title", {}, `${p.day}: ${format(p.value)}`))));
  const label = `Balance from ${points[0].day} to ${points[last].day}: ` +
    `${format(points[0].value)} at first, ${format(points[last].value)} at the end`;
  figure.replaceChildren(drawing(width, height, label, ...children));
}

// bars draws {name, value} as horizontal bars, the largest first. Where it is narrow, a bar is
// below its name and amount.
export function bars(figure, parts, format) {
  const width = widthOf(figure), stacked = width < narrow;
  const names = stacked ? 0 : 170, amounts = stacked ? 0 : 110, bar = stacked ? 46 : 34;
  const largest = Math.max(...parts.map((p) => p.value));
  const span = width - names - amounts;
  const children = parts.flatMap((part, i) => {
    const text = i * bar + 22, y = stacked ? text + 6 : text - 12, height = stacked ? 12 : 16;
    const box = { x: names, y, height, rx: height / 2 };
    return [
      node("text", { class: "label", x: 0, y: text }, part.name),
      node("rect", { class: "track", ...box, width: span }),
      node("rect", { class: "bar", ...box, width: Math.max((span * part.value) / largest, 8) }),
      node("text", { x: width, y: text, "text-anchor": "end" }, format(part.value)),
    ];
  });
  const label = "Spending by category: " + parts.map((p) => `${p.name} ${format(p.value)}`).join(", ");
  figure.replaceChildren(drawing(width, parts.length * bar + 8, label, ...children));
}
