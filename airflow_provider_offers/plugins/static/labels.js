// The names of the lanes, beside the timeline. A name stays in view as long as a row of its lane does.

import {el} from "./parts.js";

export class Labels {
  constructor(row) {
    this._row = row;
    this._lanes = [];
    this._made = new Map();
    this.element = el("div", {class: "board-labels", "aria-hidden": "true"});
  }

  get width() {
    return this.element.clientWidth;
  }

  show(lanes) {
    this._lanes = lanes;
    this._made.forEach((label) => label.remove());
    this._made.clear();
  }

  /** Put the names of the lanes that are in view to their places. */
  place(top, height) {
    const seen = new Set();
    for (const lane of this._lanes) {
      const from = lane.top * this._row - top;
      const to = lane.bottom * this._row - top;
      if (to <= 0 || from >= height) continue;
      seen.add(lane.index);
      const label = this._made.get(lane.index) ?? this._make(lane);
      label.style.transform = `translateY(${from}px)`;
      label.style.height = `${to - from}px`;
      label.firstChild.style.transform = `translateY(${Math.min(Math.max(-from, 0), Math.max(to - from - 2 * this._row, 0))}px)`;
    }
    for (const [index, label] of this._made) {
      if (!seen.has(index)) {
        label.remove();
        this._made.delete(index);
      }
    }
  }

  _make(lane) {
    const facts = [channel(lane), lane.status, `${lane.live} live of ${lane.count}`].filter(Boolean).join(" · ");
    const text = el("div", {class: "lane-text"}, el("strong", {title: lane.name}, lane.name), el("small", {}, facts));
    const label = el("div", {class: "lane"}, text);
    this._made.set(lane.index, label);
    this.element.append(label);
    return label;
  }
}

/** The last word of a channel's address, such as "email". */
export function channel({channel: address}) {
  return address ? address.split("/").pop() : "";
}
