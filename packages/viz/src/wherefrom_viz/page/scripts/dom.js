// Building elements. Text only ever goes in as text, never as markup.

/** An element: h("button.wide.red", { onclick: f, "aria-label": "…" }, child, "text", …). Attributes may be left out. */
export function h(tag, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  const attributes = children[0]?.constructor === Object ? children.shift() : {};
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in PROPERTIES) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PROPERTIES = { value: 1, checked: 1, disabled: 1, hidden: 1, selected: 1, tabIndex: 1 };

/** A token's text, fenced so that right-to-left text does not reorder its neighbours. */
export function fenced(text) {
  return h("bdi", text);
}

/** A part that scrolls, with a name, and where the keyboard gets to. */
export const scrolling = (name, ...children) => h("div.scroll", { tabIndex: 0, role: "region", "aria-label": name }, ...children);

/** Heads of a table. */
export const rowHead = (...children) => h("th", { scope: "row" }, ...children);
export const columnHead = (...children) => h("th", { scope: "col" }, ...children);

/** An event was acted on: nothing else shall. */
export function answered(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** What went wrong, told at once. */
export function wrong(error) {
  return h("p.wrong", { role: "alert" }, error.message);
}

/** What an element for a token holds in running text (a `bdi`, so that it is fenced): marks of white space are faint, and a line goes on after each mark of a line's end inside it. */
export function running(text) {
  const pieces = text.split(/([␣⇥⍽␍]+|⏎)/).filter(Boolean);
  return pieces.map((piece, i) => (/^[␣⇥⍽␍⏎]/.test(piece) ? h("span.mark", piece === "⏎" && i < pieces.length - 1 ? "⏎\n" : piece) : piece));
}

/** The next unit of running text: a blank before it if it has one and begins no line, a new line after it if it ends one. */
export function flowOn(flow, unit, element) {
  const { lastChild } = flow;
  if (unit.spaced && lastChild && lastChild.className !== "segment" && lastChild.data !== "\n") flow.append(" ");
  flow.append(element);
  if (unit.breaks) flow.append("\n");
}

/** Reading direction of a text: that of its first letter, special tokens and template parts left out. The browser's own guess does not look into fenced text. */
export function direction(units) {
  for (const { text, template } of units) {
    const letter = !template && text.match(/\p{L}/u);
    if (letter) return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/.test(letter[0]) ? "rtl" : "ltr";
  }
  return "ltr";
}

/** A labelled choice. */
export function choice(label, options, value, onchange) {
  const select = h(
    "select",
    { onchange: (event) => onchange(event.target.value) },
    Object.entries(options).map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
  );
  return h("label.choice", h("span", label), select);
}

/** A choice of which all answers are in sight. */
export function choices(label, options, value, name, onchange) {
  const one = ([key, text]) =>
    h("label", h("input", { type: "radio", name, value: key, checked: key === value, "data-key": name + key, onchange: () => onchange(key) }), h("span", text));
  return h("div.choices", { role: "radiogroup", "aria-label": label }, Object.entries(options).map(one));
}

/** Build an element's content anew; what had the focus gets it again (known by its data-key). */
export function keepingFocus(root, build) {
  const focused = root.getRootNode().activeElement;
  const key = focused && root.contains(focused) ? focused.getAttribute("data-key") : null;
  build();
  if (key) root.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

/** Hand a file to the reader. */
export function download(name, content, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = h("a", { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
