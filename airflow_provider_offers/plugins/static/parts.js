// Pieces of the page. Text from the library only ever becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = new URL("icons.svg", import.meta.url).pathname;
const shapes = new Map();

/** An element with attributes, listeners (`onclick`) and children. Null and false children are left out. */
export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "value" || name === "checked") made[name] = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Read the icons. Each one is copied into the page: a thousand references to another file would be read one by one. */
export async function readIcons() {
  try {
    const sprite = new DOMParser().parseFromString(await (await fetch(ICONS)).text(), "image/svg+xml");
    for (const symbol of sprite.querySelectorAll("symbol")) {
      const svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("class", "icon");
      svg.setAttribute("aria-hidden", "true");
      svg.setAttribute("viewBox", symbol.getAttribute("viewBox"));
      svg.append(...document.importNode(symbol, true).childNodes);
      shapes.set(symbol.id, svg);
    }
  } catch {
    // The page says everything in words too.
  }
}

/** An icon. It says nothing to a screen reader: the text beside it does. */
export function icon(name) {
  return shapes.get(name)?.cloneNode(true) ?? "";
}

/** A name in the middle of other text: whatever signs it holds, it does not turn the direction of the rest. */
export function named(name) {
  return el("bdi", {}, name);
}

/** A label around a field. */
export function field(label, control, extra = "") {
  return el("label", {class: `field ${extra}`}, el("span", {}, label), control);
}

/** A select of `[value, text]` pairs. */
export function choice(name, pairs, chosen, changed) {
  const options = pairs.map(([value, text]) => el("option", {value, selected: value === chosen}, text));
  return el("select", {name, onchange: (event) => changed(event.target.value)}, options);
}

/** Buttons of which one is pressed. */
export function segments(label, pairs, chosen, changed) {
  const made = pairs.map(([value, text]) =>
    el("button", {type: "button", "aria-pressed": String(value === chosen), data: {value}, onclick: () => changed(value)}, text),
  );
  return el("div", {class: "segments", role: "group", "aria-label": label}, made);
}

/** What an offer's state is called; the icon of the same name is its shape. */
export const STATES = {
  live: "Live now",
  expiring: "Expires soon",
  next: "Opens next",
  approved: "Approved",
  unreachable: "Never shown",
  ended: "Ended",
  draft: "Draft",
  archived: "Archived",
  fallback: "Fallback",
};

/** A badge with shape, color and text. */
export function badge(state, text = STATES[state] ?? state) {
  return el("span", {class: `badge ${state}`}, icon(STATES[state] ? state : "approved"), text);
}

/** A message in the place of content: a title, what to do, and perhaps a button. */
export function message(kind, title, text, ...more) {
  const role = kind === "error" ? "alert" : "status";
  return el("div", {class: `empty ${kind}`, role}, el("h2", {}, title), text ? el("p", {}, text) : null, ...more);
}

/**
 * Follow a link that leaves the page.
 *
 * Airflow shows the page in a frame that may open no windows; a link of the document around it may.
 */
export function leave(event) {
  const link = event.currentTarget;
  const around = outside();
  if (around === null) return;
  event.preventDefault();
  const copy = around.document.createElement("a");
  for (const name of ["target", "rel", "download"]) {
    if (link.hasAttribute(name)) copy.setAttribute(name, link.getAttribute(name));
  }
  copy.href = link.href;
  copy.click();
}

/** The window of Airflow around the page; null if the page stands alone. */
export function outside() {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null;
  }
}

/** A link that leaves the page, if it is one of the web; otherwise only its text. */
export function away(href, ...children) {
  let to;
  try {
    to = new URL(href, document.baseURI);
  } catch {
    return el("span", {}, ...children);
  }
  if (to.protocol !== "https:" && to.protocol !== "http:") return el("span", {}, ...children);
  const made = {href: to.href, target: "_blank", rel: "noopener noreferrer", onclick: leave};
  return el("a", made, ...children, icon("out"), el("span", {class: "unseen"}, " (opens a new tab)"));
}

/** A link to another page of Airflow, which takes the place of this one. */
export function within(href, ...children) {
  return el("a", {href, target: "_top", onclick: leave}, ...children);
}

/** A button that copies a text, and says so. */
export function copier(text, label) {
  const made = el("button", {type: "button", class: "plain", onclick: copy}, label);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      made.textContent = "Copied";
    } catch {
      made.textContent = "Copying is not allowed here";
    }
    setTimeout(() => (made.textContent = label), 1600);
  }
  return made;
}
