// The representations of an offer. What marketers wrote is shown, and never runs or loads anything.

import {away, copier, el} from "./parts.js";

const LOADS = "script, link, meta, base, object, embed, iframe, frame, template, audio, video, source";

/** One representation: its placement, and each of its components. */
export function representation({placement, channel, components}) {
  const way = channel ? el("small", {}, channel.split("/").pop()) : null;
  const shown = components.length ? components.map(component) : [el("p", {class: "quiet"}, "No content.")];
  return el("section", {class: "representation"}, el("h4", {}, placement ?? "A placement that does not exist", way), shown);
}

function component({format, type, content, link, click, language}) {
  const named = [format ?? type ?? "Content", ...(language ?? [])].join(" · ");
  const parts = [];
  if (link) parts.push(el("small", {}, named), away(link, link));
  if (content) parts.push(shown(`${format ?? ""} ${type ?? ""}`.toLowerCase(), content));
  if (!parts.length) parts.push(el("span", {class: "quiet"}, `${named}, empty`));
  if (click) parts.push(el("small", {}, "A click leads to"), away(click, click));
  return el("div", {class: "component"}, parts);
}

function shown(words, content) {
  return words.includes("html") ? page(content) : el("pre", {class: "content", tabindex: "0"}, words.includes("json") ? pretty(content) : content);
}

function page(content) {
  const source = el("details", {class: "source"}, el("summary", {}, "HTML"), el("pre", {tabindex: "0"}, content), copier(content, "Copy HTML"));
  return el(
    "div",
    {class: "page-preview"},
    el("iframe", {sandbox: "", srcdoc: quieted(content), title: "Preview of the HTML, without scripts and images", loading: "lazy", tabindex: "-1"}),
    source,
  );
}

/**
 * The HTML with the images as their addresses, and without what would try to run or load.
 *
 * The frame's sandbox and the page's policy refuse all of that anyway; this keeps the browser from trying.
 */
export function quieted(content) {
  const still = content.replace(/<[^>]*>/g, (tag) => tag.replace(/([\s"'/])on(?=[a-z]+\s*=)/gi, "$1data-on-"));
  const parsed = new DOMParser().parseFromString(still, "text/html");
  parsed.querySelectorAll(LOADS).forEach((each) => each.remove());
  for (const image of parsed.querySelectorAll("img, svg image, picture")) {
    const named = image.getAttribute("alt") || "Image";
    const from = image.getAttribute("src") ?? image.getAttribute("srcset") ?? "";
    const told = parsed.createElement("span");
    told.setAttribute("style", "display:inline-block;padding:.4em .7em;border:1px dashed #888;color:#555;background:#f4f4f4;font:12px sans-serif;max-width:100%;overflow-wrap:anywhere");
    told.textContent = from ? `${named}: ${from.slice(0, 200)}` : named;
    image.replaceWith(told);
  }
  for (const each of parsed.querySelectorAll("*")) {
    for (const {name, value} of [...each.attributes]) {
      const runs = name.startsWith("on") || /^\s*(javascript|data|vbscript):/i.test(value);
      const loads = ["src", "srcset", "background", "poster", "href", "xlink:href", "action", "formaction"].includes(name);
      if (runs || loads || (name === "style" && /url\s*\(|@import|image-set/i.test(value))) each.removeAttribute(name);
    }
  }
  parsed.querySelectorAll("style").forEach((each) => {
    if (/url\s*\(|@import|image-set/i.test(each.textContent)) each.remove();
  });
  return `<!doctype html><html><head><style>body{margin:12px;font:14px/1.45 system-ui,sans-serif;color:#1a1a1a;background:#fff}</style>${parsed.head.innerHTML}</head><body>${parsed.body.innerHTML}</body></html>`;
}

/** A text as indented JSON, if it is JSON. */
export function pretty(content) {
  try {
    return JSON.stringify(typeof content === "string" ? JSON.parse(content) : content, null, 2);
  } catch {
    return String(content);
  }
}
