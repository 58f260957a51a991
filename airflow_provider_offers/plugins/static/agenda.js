// The offers as a table: the same as the timeline, for the keyboard, for screen readers, and for reading in order.

import {whenFree} from "./held.js";
import {sorted} from "./library.js";
import {badge, el, icon, named, STATES} from "./parts.js";
import {short, turn} from "./times.js";

const ROW = 44;
const OVER = 12;
const COLUMNS = [
  ["name", "Offer"],
  ["state", "State"],
  ["turn", "Next"],
  ["start", "Opens"],
  ["end", "Closes"],
  [null, "Placements"],
  [null, "Decisions"],
  ["priority", "Priority"],
  ["modified", "Changed"],
];

const TURN = COLUMNS.findIndex(([column]) => column === "turn");

export class Agenda {
  constructor({opened}) {
    this._opened = opened;
    this._column = "turn";
    this._descending = false;
    this._head = el("tr", {"aria-rowindex": "1"});
    this._above = el("tr", {class: "spacer", "aria-hidden": "true"}, el("td"));
    this._below = el("tr", {class: "spacer", "aria-hidden": "true"}, el("td"));
    this._body = el("tbody", {}, this._above, this._below);
    this._caption = el("caption", {class: "unseen"});
    this._table = el("table", {}, this._caption, el("thead", {}, this._head), this._body);
    this.element = el("div", {class: "agenda", tabindex: "0", role: "region", "aria-label": "Offers as a table"}, this._table);
    this.element.addEventListener("scroll", () => this._soon(), {passive: true});
    this._body.addEventListener("click", (event) => this._click(event));
    this._body.addEventListener("keydown", (event) => this._key(event));
    this._resized = new ResizeObserver(() => this._draw());
    this._resized.observe(this.element);
  }

  show(library, offers, state) {
    whenFree(this.element, () => {
      this._library = library;
      this._all = offers;
      this._open = state.id;
      this._order();
    });
  }

  /** The service's clock has gone on, and nothing else has changed. */
  tell() {
    for (const row of this._body.querySelectorAll("tr[data-at]")) {
      row.cells[TURN].firstChild.textContent = this._turn(this._offers[Number(row.dataset.at)]);
    }
  }

  mark(id) {
    this._open = id;
    for (const row of this._body.querySelectorAll("tr[data-at]")) {
      row.classList.toggle("open", this._offers[Number(row.dataset.at)]?.id === id);
    }
  }

  close() {
    this._resized.disconnect();
  }

  _order() {
    this._offers = sorted(this._all, this._column, this._descending, this._library.now);
    this._caption.textContent = `${this._offers.length} offers, by: ${COLUMNS.find(([column]) => column === this._column)[1]}`;
    this._table.setAttribute("aria-rowcount", String(this._offers.length + 1));
    this._head.replaceChildren(...COLUMNS.map(([column, text]) => this._heading(column, text)));
    this._drawn = null;
    this._draw();
  }

  _heading(column, text) {
    if (column === null) return el("th", {scope: "col"}, text);
    const chosen = column === this._column;
    const order = chosen ? (this._descending ? "descending" : "ascending") : "none";
    const turned = () => {
      this._descending = chosen && !this._descending;
      this._column = column;
      this._order();
      this._head.querySelector(`[data-column=${column}]`).focus();
    };
    const arrow = chosen ? (this._descending ? " ↓" : " ↑") : "";
    return el("th", {scope: "col", "aria-sort": order}, el("button", {type: "button", data: {column}, onclick: turned}, text + arrow));
  }

  _soon() {
    this._waits ??= requestAnimationFrame(() => {
      this._waits = null;
      this._draw();
    });
  }

  /** Draw the rows in view, between two spacers as high as the others. */
  _draw() {
    if (!this._offers || !this.element.clientHeight) return;
    const seen = Math.floor(this.element.scrollTop / ROW);
    const rows = Math.ceil(this.element.clientHeight / ROW);
    if (this._drawn && seen >= this._drawn.seen - OVER / 2 && seen <= this._drawn.seen + OVER / 2 && rows === this._drawn.rows) return;
    const first = Math.max(0, seen - OVER);
    const last = Math.min(this._offers.length, seen + rows + OVER);
    const kept = document.activeElement?.closest?.("tr[data-at]")?.dataset.at;
    this._drawn = {seen, rows};
    this._above.firstChild.style.height = `${first * ROW}px`;
    this._below.firstChild.style.height = `${(this._offers.length - last) * ROW}px`;
    const made = this._offers.slice(first, last).map((offer, index) => this._row(offer, first + index));
    this._body.replaceChildren(this._above, ...made, this._below);
    if (kept !== undefined) this._body.querySelector(`tr[data-at="${kept}"] button`)?.focus({preventScroll: true});
  }

  _row(offer, at) {
    const names = (list, indexes) => (indexes.length ? indexes.flatMap((index, at) => [at ? ", " : "", named(list[index]?.name)]) : "–");
    const cell = (...children) => el("td", {}, el("div", {}, ...children));
    const marked = offer.marks.has("unreachable") && offer.state !== "unreachable" ? badge("unreachable") : null;
    const kind = offer.kind === "fallback" ? el("small", {}, " fallback") : null;
    return el(
      "tr",
      {data: {at}, "aria-rowindex": at + 2, class: offer.id === this._open ? "open" : ""},
      el("th", {scope: "row"}, el("button", {type: "button", class: "name", title: offer.name}, named(offer.name), kind)),
      cell(badge(offer.state), marked),
      cell(this._turn(offer)),
      cell(offer.start === null ? (offer.kind === "fallback" ? "always" : "–") : short(offer.start)),
      cell(offer.end === null ? "–" : short(offer.end)),
      cell(...names(this._library.placements, offer.placements)),
      cell(...names(this._library.decisions, offer.decisions)),
      cell(offer.priority ?? "–"),
      cell(offer.modified ? short(Date.parse(offer.modified)) : "–"),
    );
  }

  _turn(offer) {
    return turn(offer, this._library.now) || "–";
  }

  _click(event) {
    const row = event.target.closest("tr[data-at]");
    if (row) this._opened(this._offers[Number(row.dataset.at)]);
  }

  _key(event) {
    const step = {ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10}[event.key];
    const row = event.target.closest("tr[data-at]");
    if (!step || !row) return;
    event.preventDefault();
    const at = Math.min(Math.max(Number(row.dataset.at) + step, 0), this._offers.length - 1);
    const top = at * ROW;
    const seen = this.element.clientHeight - 2 * ROW;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top > this.element.scrollTop + seen) this.element.scrollTop = top - seen;
    this._draw();
    this._body.querySelector(`tr[data-at="${at}"] button`)?.focus({preventScroll: true});
  }
}

/** What the shapes and colors mean. */
export function legend() {
  const shown = Object.entries(STATES).map(([state, text]) => el("li", {class: state}, icon(state), text));
  return el("ul", {class: "legend", "aria-label": "Legend"}, shown, el("li", {class: "gap"}, icon("gap"), "Gap: only the fallback"));
}
