// The timeline. vis-timeline draws the axis and the bars; this module gives it only the rows and the time in view.

import {DataSet, Timeline, moment} from "./vendor/vis-timeline-graph2d.min.mjs";
import {Labels} from "./labels.js";
import {lanesOf} from "./library.js";
import {el, icon, STATES} from "./parts.js";
import {DAY, HOUR, long, turn} from "./times.js";

export const ZOOMS = {day: DAY, week: 7 * DAY, month: 31 * DAY, quarter: 92 * DAY, year: 365 * DAY};
const ROW = 30;
const AXIS = 52;
/** Rows above and below the visible ones that are drawn too, so that scrolling needs no drawing most of the time. */
const OVER = 8;
/** Pixels that a bar takes at least, for its name. */
const NAME = 150;
const YEARS = 20 * 365 * DAY;

export class Board {
  /** `opened(offer)` is called for a chosen bar, `moved(zoom, at)` after the visible time has changed. */
  constructor({opened, moved}) {
    this._opened = opened;
    this._moved = moved;
    this._items = new DataSet();
    this._groups = new DataSet();
    this._lanes = [];
    this._rows = [];
    this._vis = el("div", {class: "board-vis"});
    this._labels = new Labels(ROW);
    this._pane = el("div", {class: "board-pane"}, this._vis, this._labels.element);
    this._sky = el("div", {class: "board-sky"}, this._pane);
    this._scroll = el("div", {class: "board-scroll"}, this._sky);
    this.element = el(
      "div",
      {
        class: "board", tabindex: "0", role: "application", "aria-roledescription": "timeline",
        "aria-label": "Timeline of windows. Arrow keys move between offers, Enter opens one, plus and minus zoom, "
          + "Home goes to now. The agenda shows the same offers as a table.",
      },
      this._scroll,
    );
    this._scroll.addEventListener("scroll", () => this._soon(), {passive: true});
    this.element.addEventListener("click", (event) => this._click(event));
    this.element.addEventListener("keydown", (event) => this._key(event));
    this.element.addEventListener("wheel", (event) => this._wheel(event), {passive: false});
    this._resized = new ResizeObserver(() => this._fit());
  }

  /** Draw the offers of a library. `state` has the zoom, the middle (`at`), the zone and the grouping. */
  show(library, offers, state) {
    const start = this._timeline ? null : this._begin(library, state);
    this._library = library;
    this._offers = offers;
    this._group = state.group;
    this._open = state.id;
    if (!start && this._zone !== state.zone) this._timeline.setOptions({moment: momentOf(state.zone)});
    this._zone = state.zone;
    this._timeline.setCurrentTime(new Date(library.now));
    this._pack();
  }

  /** The service's clock has gone on, and nothing else has changed. */
  tell(now) {
    this._timeline?.setCurrentTime(new Date(now));
  }

  /** Show a day, a week, a month, a quarter or a year around the middle. */
  zoom(name) {
    const {start, end} = this._timeline.getWindow();
    const middle = (start.getTime() + end.getTime()) / 2;
    this._move(middle - ZOOMS[name] / 2, middle + ZOOMS[name] / 2);
  }

  /** Go to a moment, by default the service's now, which then stands at a third. */
  go(at = this._timeline.getCurrentTime().getTime() + this._length() / 6) {
    this._move(at - this._length() / 2, at + this._length() / 2);
  }

  /** Go by a part of the visible time. */
  step(part) {
    const {start, end} = this._timeline.getWindow();
    const by = this._length() * part;
    this._move(start.getTime() + by, end.getTime() + by);
  }

  /** Mark the open offer, and bring its bar into view if it is elsewhere. */
  mark(id) {
    this._open = id;
    for (const bar of this._vis.querySelectorAll(".bar")) {
      bar.classList.toggle("open", bar.dataset.id === id);
      bar.setAttribute("aria-pressed", String(bar.dataset.id === id));
    }
  }

  close() {
    this._resized.disconnect();
    this._timeline?.destroy();
    this._timeline = null;
  }

  _begin(library, state) {
    const length = ZOOMS[state.zoom] ?? ZOOMS.month;
    const middle = Date.parse(state.at) || library.now + length / 6;
    this._timeline = new Timeline(this._vis, this._items, this._groups, {
      start: middle - length / 2,
      end: middle + length / 2,
      height: `${AXIS + ROW * 40}px`,
      orientation: {axis: "top", item: "top"},
      margin: {axis: 3, item: {horizontal: 0, vertical: 6}},
      groupOrder: "id",
      groupHeightMode: "fixed",
      stack: false,
      selectable: false,
      zoomKey: "ctrlKey",
      zoomMin: 6 * HOUR,
      zoomMax: 3 * 365 * DAY,
      showTooltips: false,
      verticalScroll: false,
      horizontalScroll: false,
      format: {minorLabels: {week: "D"}, majorLabels: {week: "MMMM YYYY"}},
      moment: momentOf(state.zone),
      align: "auto",
    });
    this._zone = state.zone;
    this._parts = this._vis.querySelectorAll(".vis-center > .vis-content, .vis-left > .vis-content");
    this._timeline.on("rangechange", () => this._soon());
    this._timeline.on("rangechanged", () => this._settled());
    this._resized.observe(this._scroll);
    return true;
  }

  _length() {
    const {start, end} = this._timeline.getWindow();
    return end.getTime() - start.getTime();
  }

  _move(start, end) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches || this._offers.length > 2000;
    this._timeline.setWindow(start, end, {animation: still ? false : {duration: 220, easingFunction: "easeOutQuad"}});
  }

  /** Put the offers around the visible time into rows that suit the zoom, and keep the lane that is on top. */
  _pack() {
    const top = this._lanes.find((lane) => lane.bottom * ROW > this._scroll.scrollTop);
    const width = Math.max(this._vis.clientWidth - this._labels.width, 300);
    const {start, end} = this._timeline.getWindow();
    const length = end - start;
    const pixel = length / width;
    this._width = this._vis.clientWidth;
    // Days that are too narrow for their numbers are told by weeks.
    const weeks = DAY / pixel < 30;
    if (weeks !== this._weeks) this._timeline.setOptions({showWeekScale: weeks});
    this._weeks = weeks;
    const [from, to] = [start.getTime(), end.getTime()];
    this._packed = {start: from - length / 2, end: to + length / 2, length, pixel, from, to, room: NAME * pixel};
    this._lanes = lanesOf(this._library, this._offers, this._group, this._packed);
    this._rows = [];
    for (const lane of this._lanes) {
      lane.top = this._rows.length;
      lane.rows.forEach((offers, index) => this._rows.push({lane, offers, first: index === 0, second: index === 1}));
      while (this._rows.length < lane.top + 2) this._rows.push({lane, offers: [], first: false, second: this._rows.length === lane.top + 1});
      lane.bottom = this._rows.length;
    }
    this._sky.style.height = `${AXIS + this._rows.length * ROW + 24}px`;
    this._labels.show(this._lanes);
    const same = top && this._lanes.find((lane) => lane.index === top.index);
    if (same && top.top !== same.top) this._scroll.scrollTop += (same.top - top.top) * ROW;
    const focused = this._kept(() => true);
    this._items.clear();
    this._groups.clear();
    this._given = null;
    this._fit();
    // The reader may be on the way to the next bar already.
    if (focused) this._seek(this._at?.offer.id ?? focused, this._rowOf(this._at));
  }

  _fit() {
    if (!this._timeline || !this._scroll.clientHeight) return undefined;
    this._pane.style.height = `${this._scroll.clientHeight}px`;
    const rows = Math.ceil(this._scroll.clientHeight / ROW) + 2 * OVER;
    if (rows !== this._shown) {
      this._shown = rows;
      this._timeline.setOptions({height: `${AXIS + rows * ROW}px`});
      this._given = null;
    }
    if (this._vis.clientWidth !== this._width) return this._pack();
    return this._place();
  }

  _soon() {
    this._waits ??= requestAnimationFrame(() => {
      this._waits = null;
      this._place();
    });
  }

  /** Move what is drawn to where the reader has scrolled, and draw more if its edge is near. */
  _place() {
    if (!this._timeline) return;
    const top = this._scroll.scrollTop;
    const {start, end} = this._timeline.getWindow();
    const {_packed: packed} = this;
    if (start < packed.start || end > packed.end) return this._pack();
    if (!this._holds(top)) this._give(top);
    // A custom property would style every bar again.
    for (const part of this._parts) part.style.translate = `0 ${this._given.first * ROW - top}px`;
    this._labels.place(top, this._scroll.clientHeight - AXIS);
  }

  _holds(top) {
    const first = Math.floor(top / ROW);
    const last = Math.min(this._rows.length, first + this._shown - 2 * OVER);
    return this._given && first >= this._given.first && last <= this._given.last;
  }

  _give(top) {
    const first = Math.max(0, Math.floor(top / ROW) - OVER);
    const last = Math.min(this._rows.length, first + this._shown);
    this._given = {first, last};
    const items = new Map();
    const groups = [];
    for (let row = first; row < last; row++) {
      const {lane, offers, first: heads, second} = this._rows[row];
      groups.push({id: row, content: "", className: heads ? "head" : ""});
      for (const offer of offers) items.set(`${row} ${offer.id}`, [offer, row]);
      lane.gaps.forEach((gap, index) => items.set(`${row} gap ${index}`, [gap, row, second]));
    }
    changed(this._groups, groups);
    const gone = this._items.getIds().filter((id) => !items.has(id));
    const come = [...items].filter(([id]) => !this._items.get(id)).map(([id, [what, row, named]]) =>
      what.marks ? this._bar(id, what, row) : band(id, what, row, named));
    if (gone.length) {
      const leaving = new Set(gone);
      this._kept((bar) => leaving.has(`${bar.dataset.row} ${bar.dataset.id}`));
      this._items.remove(gone);
    }
    if (come.length) this._items.add(come);
  }

  /** If the focused bar goes, the timeline keeps the focus, so that no key is lost; returns the offer's id. */
  _kept(goes) {
    const bar = document.activeElement?.closest?.(".bar");
    if (!bar || !this.element.contains(bar) || !goes(bar)) return null;
    this.element.focus({preventScroll: true});
    return bar.dataset.id;
  }

  _bar(id, offer, row) {
    const now = this._library.now;
    const window = offer.start === null ? "always" : `${long(offer.start)} to ${offer.end === null ? "open end" : long(offer.end)}`;
    const told = `${offer.name}\n${STATES[offer.state]}, ${window}`;
    const content = el(
      "button",
      {
        type: "button", class: `bar ${offer.state}${offer.id === this._open ? " open" : ""}`, tabindex: "-1", title: told,
        "aria-label": `${told} ${turn(offer, now)}`, "aria-pressed": String(offer.id === this._open), data: {id: offer.id, row},
      },
      icon(offer.state),
      el("span", {}, offer.name),
    );
    const start = offer.start ?? now - YEARS;
    const end = offer.end ?? now + YEARS;
    const seen = (end - Math.max(start, this._packed.from)) / this._packed.pixel;
    content.lastChild.style.maxWidth = `${Math.max(seen, NAME) - 34}px`;
    return {id, group: row, start, end, content, type: "range", className: offer.state};
  }

  _settled() {
    const length = this._length();
    const {start, end} = this._timeline.getWindow();
    const {length: packed, from} = this._packed;
    if (Math.abs(Math.log(length / packed)) > 0.2 || Math.abs(start - from) > 0.1 * length) this._pack();
    this._moved(nearest(length), new Date((start.getTime() + end.getTime()) / 2));
  }

  _click(event) {
    const bar = event.target.closest(".bar");
    if (!bar) return;
    const {lane, offers} = this._rows[Number(bar.dataset.row)];
    this._at = {lane: lane.index, offer: offers.find((offer) => offer.id === bar.dataset.id)};
    this._opened(this._at.offer);
  }

  _wheel(event) {
    if (event.ctrlKey || event.metaKey) return;
    const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (!event.shiftKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
    event.preventDefault();
    const {start, end} = this._timeline.getWindow();
    const by = (across / Math.max(this._vis.clientWidth, 1)) * this._length();
    this._timeline.setWindow(start.getTime() + by, end.getTime() + by, {animation: false});
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowRight: () => this._walk(0, 1), ArrowLeft: () => this._walk(0, -1),
      ArrowDown: () => this._walk(1, 0), ArrowUp: () => this._walk(-1, 0),
      Enter: event.target === this.element && this._at ? () => this._opened(this._at.offer) : null,
      Home: () => this.go(), "+": () => this._scale(1 / 1.6), "=": () => this._scale(1 / 1.6), "-": () => this._scale(1.6),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  _scale(by) {
    const {start, end} = this._timeline.getWindow();
    const middle = (start.getTime() + end.getTime()) / 2;
    this._move(middle - (this._length() * by) / 2, middle + (this._length() * by) / 2);
  }

  /** Move the focus to the next bar in a row, or to the nearest bar of the next row that has one. */
  _walk(down, along) {
    const bar = document.activeElement?.closest?.(".bar");
    const {start, end} = this._timeline.getWindow();
    let row = bar ? Number(bar.dataset.row) : this._rowOf(this._at);
    if (row === undefined) return this._focus(...this._firstSeen(start.getTime(), end.getTime()));
    const here = this._rows[row].offers;
    const offer = here.find((each) => each.id === (bar?.dataset.id ?? this._at.offer.id));
    if (along) return this._focus(row, here[here.indexOf(offer) + along]);
    const at = Math.max(offer?.start ?? start.getTime(), start.getTime());
    do row += down;
    while (this._rows[row] && !this._rows[row].offers.length);
    return this._focus(row, closest(this._rows[row]?.offers ?? [], at));
  }

  /** The row in which an offer of a lane is now; undefined if it has none. */
  _rowOf(where) {
    const row = where ? this._rows.findIndex(({lane, offers}) => lane.index === where.lane && offers.some(({id}) => id === where.offer.id)) : -1;
    return row < 0 ? undefined : row;
  }

  _firstSeen(start, end) {
    const first = Math.floor(this._scroll.scrollTop / ROW);
    for (let row = first; row < this._rows.length; row++) {
      const seen = this._rows[row].offers.find((each) => (each.start ?? start) <= end && (each.end ?? end) >= start);
      if (seen) return [row, seen];
    }
    return [-1, undefined];
  }

  _focus(row, offer) {
    if (!offer) return;
    this._at = {lane: this._rows[row].lane.index, offer};
    const top = row * ROW;
    const seen = this._scroll.clientHeight - AXIS - ROW;
    if (top < this._scroll.scrollTop) this._scroll.scrollTop = top;
    else if (top > this._scroll.scrollTop + seen) this._scroll.scrollTop = top - seen;
    const {start, end} = this._timeline.getWindow();
    if ((offer.end ?? Infinity) < start.getTime() || (offer.start ?? -Infinity) > end.getTime()) {
      const half = this._length() / 2;
      const at = (offer.start ?? offer.end) + half / 2;
      this._timeline.setWindow(at - half, at + half, {animation: false});
    }
    this._place();
    this._timeline.redraw();
    this._seek(offer.id, this._rowOf(this._at));
  }

  /** Focus the bar of an offer as soon as it is drawn, unless the reader has gone elsewhere meanwhile. */
  _seek(id, row, frames = 30) {
    const named = `.bar[data-id="${CSS.escape(id)}"]`;
    const bar = this._vis.querySelector(`${named}[data-row="${row}"]`) ?? this._vis.querySelector(named);
    clearTimeout(this._sought);
    if (!this.element.contains(document.activeElement)) return;
    bar?.focus({preventScroll: true});
    if (frames > 0 && document.activeElement !== bar) this._sought = setTimeout(() => this._seek(id, row, frames - 1), 16);
  }
}

function momentOf(zone) {
  return zone === "UTC" ? (date) => moment(date).utc() : (date) => moment(date);
}

/** A gap: hatched over all rows of its lane, named in the second, below the fallback. */
function band(id, gap, row, named) {
  const content = named ? el("span", {class: "gap-name"}, icon("gap"), "Only the fallback") : el("span");
  return {id, group: row, start: gap.start, end: gap.end, content, type: "background", className: "gap"};
}

function changed(set, wanted) {
  const now = new Set(wanted.map((each) => each.id));
  const gone = set.getIds().filter((id) => !now.has(id));
  const come = wanted.filter((each) => !set.get(each.id));
  if (gone.length) set.remove(gone);
  if (come.length) set.add(come);
}

function nearest(length) {
  const names = Object.keys(ZOOMS);
  return names.reduce((best, name) => (off(name, length) < off(best, length) ? name : best));
}

const off = (name, length) => Math.abs(Math.log(ZOOMS[name] / length));

function closest(offers, at) {
  const far = (offer) => (offer.start !== null && at < offer.start ? offer.start - at : offer.end !== null && at > offer.end ? at - offer.end : 0);
  return offers.reduce((best, offer) => (best === undefined || far(offer) < far(best) ? offer : best), undefined);
}
