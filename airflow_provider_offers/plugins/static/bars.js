// The bars and gaps of the timeline. Only rows near the visible ones are in the page, and scrolling moves them as one.

import {el, icon, STATES} from "./parts.js";
import {long, turn} from "./times.js";

/** Rows above and below the visible ones that are drawn too. */
const OVER = 2;
/** Pixels of a bar that its icon and its padding take. */
const EDGES = 34;

export class Bars {
  /** `row` is the height of a row, and `name` the pixels that a bar takes at least, for its name. */
  constructor(row, name) {
    this._height = row;
    this._name = name;
    this._rows = [];
    this._drawn = new Map();
    this._bands = new Map();
    this._layer = el("div", {class: "bars-layer"});
    this.element = el("div", {class: "bars"}, this._layer);
  }

  /**
   * Take other rows. Nothing is drawn before the next `place`.
   *
   * `view` has the time that the rows cover (`start`, `end`), what is visible of it (`from`), the time of a pixel, and
   * the time of the service.
   */
  show(rows, view, open) {
    this._rows = rows;
    this._view = view;
    this._open = open;
    this._layer.replaceChildren();
    this._drawn.clear();
    this._bands.clear();
    this._pixel = view.pixel;
  }

  /** Show the rows from `top` on, `height` pixels of them, at a time and with so much time in a pixel. */
  place(top, height, start, pixel) {
    if (!this._view) return;
    if (pixel !== this._pixel) this._scale(pixel);
    const first = Math.max(0, Math.floor(top / this._height) - OVER);
    const last = Math.min(this._rows.length, Math.ceil((top + height) / this._height) + OVER);
    this._start = start;
    this._give(first, last);
    const left = (start - this._view.start) / pixel;
    this._layer.style.transform = `translate(${-left}px, ${-top}px)`;
    for (const {bars} of this._drawn.values()) for (const bar of bars) this._lead(bar);
    for (const bands of this._bands.values()) for (const band of bands) this._lead(band);
  }

  /** The bar of an offer in a drawn row; undefined if it is not drawn. */
  find(row, id) {
    return this._drawn.get(row)?.bars.find((bar) => bar.offer.id === id)?.button;
  }

  mark(id) {
    this._open = id;
    for (const {bars} of this._drawn.values()) {
      for (const {button, offer} of bars) pressed(button, offer.id === id);
    }
  }

  _give(first, last) {
    for (const [row, {element}] of this._drawn) {
      if (row >= first && row < last) continue;
      element.remove();
      this._drawn.delete(row);
    }
    const made = [];
    const seen = new Set();
    for (let row = first; row < last; row++) {
      seen.add(this._rows[row].lane);
      if (this._drawn.has(row)) continue;
      const drawn = this._row(row);
      this._drawn.set(row, drawn);
      made.push(drawn.element);
    }
    for (const [lane, bands] of this._bands) {
      if (seen.has(lane)) continue;
      bands.forEach(({element}) => element.remove());
      this._bands.delete(lane);
    }
    const under = [];
    for (const lane of seen) {
      if (this._bands.has(lane)) continue;
      const bands = lane.gaps.map((gap) => this._band(lane, gap));
      this._bands.set(lane, bands);
      under.push(...bands.map(({element}) => element));
    }
    this._layer.prepend(...under);
    this._layer.append(...made);
  }

  _row(row) {
    const {offers, first} = this._rows[row];
    const bars = offers.map((offer, index) => this._bar(offer, row, offers[index + 1]));
    const element = el("div", {class: `row${first ? " head" : ""}`}, bars.map(({slot}) => slot));
    element.style.top = `${row * this._height}px`;
    return {element, bars};
  }

  _bar(offer, row, following) {
    const {start, end, from, pixel, now} = this._view;
    const [opens, closes] = [offer.start, offer.end].map((at) => (at === null ? null : long(at)));
    const window = opens || closes ? `${opens ?? "open start"} to ${closes ?? "open end"}` : "always";
    const told = `${offer.name}\n${STATES[offer.state]}, ${window}`;
    const text = el("span", {}, offer.name);
    const content = el("span", {class: "bar-text"}, icon(offer.state), text);
    const button = el(
      "button",
      {
        type: "button", class: `bar ${offer.state}`, tabindex: "-1", title: told,
        "aria-label": `${told} ${turn(offer, now)}`, data: {id: offer.id, row},
      },
      content,
    );
    pressed(button, offer.id === this._open);
    // The place is on an element of its own, whose style the browser computes many times faster than that of a button.
    const slot = el("div", {class: "slot"}, button);
    const bar = {slot, button, content, offer, from: Math.max(offer.start ?? start, start), to: Math.min(offer.end ?? end, end), lead: 0};
    // A name may be longer than its bar: it has the place until the next bar.
    const free = (following?.start ?? end) - Math.max(bar.from, from);
    text.style.maxWidth = `${Math.max(free / pixel, this._name) - EDGES}px`;
    this._stretch(bar, slot);
    return bar;
  }

  /** A gap: hatched over all rows of its lane, named in the first, on the line of the fallback. */
  _band(lane, gap) {
    const {start, end} = this._view;
    const name = el("span", {class: "gap-name"}, icon("gap"), "Only the fallback");
    const element = el("div", {class: "band"}, name);
    element.style.top = `${lane.top * this._height}px`;
    element.style.height = `${(lane.bottom - lane.top) * this._height}px`;
    const band = {element, content: name, lead: 0, beside: this._name, from: Math.max(gap.start, start), to: Math.min(gap.end, end)};
    this._stretch(band, element);
    return band;
  }

  _scale(pixel) {
    this._pixel = pixel;
    for (const {bars} of this._drawn.values()) for (const bar of bars) this._stretch(bar, bar.slot);
    for (const bands of this._bands.values()) for (const band of bands) this._stretch(band, band.element);
  }

  _stretch({from, to}, element) {
    element.style.left = `${(from - this._view.start) / this._pixel}px`;
    element.style.width = `${Math.max((to - from) / this._pixel, 1)}px`;
  }

  /** The name of what began before the visible time stands where that begins. */
  _lead(bar) {
    const crosses = bar.from < this._start && bar.to > this._start;
    // Beside the name of the fallback, which stands there too.
    const lead = crosses ? Math.floor((this._start - bar.from) / this._pixel) + (bar.beside ?? 0) : 0;
    if (lead === bar.lead) return;
    bar.lead = lead;
    bar.content.style.transform = lead ? `translateX(${lead}px)` : "";
  }
}

function pressed(button, yes) {
  button.classList.toggle("open", yes);
  button.setAttribute("aria-pressed", String(yes));
}
