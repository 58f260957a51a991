// The timeline. vis-timeline draws the axis, moves and zooms; the bars are drawn over it, for the rows and the time in view.

import {DataSet, Timeline, moment} from "./vendor/vis-timeline-graph2d.min.mjs";
import {Bars} from "./bars.js";
import {isHeld, whenFree} from "./held.js";
import {Labels} from "./labels.js";
import {gapsOf, lanesOf} from "./library.js";
import {el} from "./parts.js";
import {DAY, HOUR} from "./times.js";

export const ZOOMS = {day: DAY, week: 7 * DAY, month: 31 * DAY, quarter: 92 * DAY, year: 365 * DAY};
const ROW = 30;
const AXIS = 52;
/** Pixels that a bar takes at least, for its name. */
const NAME = 150;
/** Milliseconds without a movement after which the rows are packed for what is in view. */
const REST = 150;

export class Board {
  /** `opened(offer)` is called for a chosen bar, `moved(zoom, at)` after the visible time has changed. */
  constructor({opened, moved}) {
    this._opened = opened;
    this._moved = moved;
    this._lanes = [];
    this._rows = [];
    this._vis = el("div", {class: "board-vis"});
    this._labels = new Labels(ROW);
    this._bars = new Bars(ROW, NAME);
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
    this.element.addEventListener("pointerdown", (event) => (this._pressed = event));
    this.element.addEventListener("click", (event) => this._click(event));
    this.element.addEventListener("keydown", (event) => this._key(event));
    this.element.addEventListener("wheel", (event) => this._wheel(event), {passive: false});
    this._resized = new ResizeObserver(() => this._fit());
  }

  /** Draw the offers of a library. `state` has the filters, the zoom, the middle (`at`), the zone and the grouping. */
  show(library, offers, state) {
    whenFree(this.element, () => this._show(library, offers, state));
  }

  close() {
    clearTimeout(this._rests);
    this._closed = true;
    this._resized.disconnect();
    this._timeline?.destroy();
    this._timeline = null;
  }

  _show(library, offers, state) {
    if (this._closed) return;
    const start = this._timeline ? null : this._begin(library, state);
    this._library = library;
    this._offers = offers;
    this._gaps = gapsOf(library, offers, state);
    this._chosen = {group: state.group, placement: state.placement, decision: state.decision};
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

  /** Go to the place of the state, which came from outside. */
  seek(state) {
    if (!this._timeline) return;
    const {length, middle} = placeOf(state, this._library);
    this._timeline.setWindow(middle - length / 2, middle + length / 2, {animation: false});
  }

  /** Go by a part of the visible time. */
  step(part) {
    const {start, end} = this._timeline.getWindow();
    const by = this._length() * part;
    this._move(start.getTime() + by, end.getTime() + by);
  }

  /** Show the beginning of a gap, and its lane on top. */
  reach(gap) {
    const length = this._length();
    this._timeline.setWindow(gap.start - length / 6, gap.start + (length * 5) / 6, {animation: false});
    // The lanes around that time.
    this._place();
    const lane = this._lanes.find(({gaps}) => gaps.some(({start, placement}) => start === gap.start && placement === gap.placement));
    if (lane) this._scroll.scrollTop = lane.top * ROW;
    this._place();
  }

  /** Mark the open offer, and bring its bar into view if it is elsewhere. */
  mark(id) {
    this._open = id;
    this._bars.mark(id);
  }

  _begin(library, state) {
    const {length, middle} = placeOf(state, library);
    this._timeline = new Timeline(this._vis, new DataSet(), {
      start: middle - length / 2,
      end: middle + length / 2,
      height: "100%",
      orientation: {axis: "top", item: "top"},
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
    this._vis.querySelector(".vis-center").append(this._bars.element);
    this._timeline.on("rangechange", () => this._soon());
    // Each turn of a wheel ends with this event.
    this._timeline.on("rangechanged", ({byUser}) => (byUser || this._turns ? this._rest() : this._settled()));
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
    const focused = this._focused();
    this._width = this._vis.clientWidth;
    const {start, end} = this._timeline.getWindow();
    const length = end - start;
    const pixel = this._pixel();
    // Days that are too narrow for their numbers are told by weeks.
    const weeks = DAY / pixel < 30;
    if (weeks !== this._weeks) this._timeline.setOptions({showWeekScale: weeks});
    this._weeks = weeks;
    const [from, to] = [start.getTime(), end.getTime()];
    this._packed = {start: from - length / 2, end: to + length / 2, length, pixel, from, to, room: NAME * pixel, now: this._library.now};
    this._lanes = lanesOf(this._library, this._offers, this._gaps, this._chosen, this._packed);
    this._rows = [];
    for (const lane of this._lanes) {
      lane.top = this._rows.length;
      // A name takes two rows.
      const rows = lane.rows.length > 1 ? lane.rows : [...lane.rows, []];
      rows.forEach((offers, index) => this._rows.push({lane, offers, first: index === 0}));
      lane.bottom = this._rows.length;
    }
    this._sky.style.height = `${AXIS + this._rows.length * ROW + 24}px`;
    this._labels.show(this._lanes);
    const same = top && this._lanes.find((lane) => lane.index === top.index);
    if (same && top.top !== same.top) this._scroll.scrollTop += (same.top - top.top) * ROW;
    if (focused) this.element.focus({preventScroll: true});
    this._bars.show(this._rows, this._packed, this._open);
    this._place();
    if (focused) this._bars.find(this._rowOf(focused), focused.offer.id)?.focus({preventScroll: true});
  }

  _fit() {
    if (!this._timeline || !this._scroll.clientHeight) return;
    this._pane.style.height = `${this._scroll.clientHeight}px`;
    if (this._vis.clientWidth !== this._width) this._pack();
    else this._place();
  }

  /** The time in a pixel. */
  _pixel() {
    return this._length() / Math.max(this._vis.clientWidth, 300);
  }

  _soon() {
    this._waits ??= requestAnimationFrame(() => {
      this._waits = null;
      this._place();
    });
  }

  /** Draw what is in view, where the reader has scrolled to. */
  _place() {
    if (!this._timeline) return;
    const top = this._scroll.scrollTop;
    const height = this._scroll.clientHeight - AXIS;
    const {start, end} = this._timeline.getWindow();
    if (start < this._packed.start || end > this._packed.end) return void this._pack();
    const focused = this._focused();
    this._bars.place(top, height, start.getTime(), this._pixel());
    // The focused bar may have gone: the timeline keeps the focus, so that no key is lost.
    if (focused && !this.element.contains(document.activeElement)) this.element.focus({preventScroll: true});
    this._labels.place(top, height);
  }

  /** The lane and the offer of the focused bar; null if none is. */
  _focused() {
    const bar = document.activeElement?.closest?.(".bar");
    return bar && this.element.contains(bar) ? this._whose(bar) : null;
  }

  _whose(bar) {
    const {lane, offers} = this._rows[Number(bar.dataset.row)];
    return {lane: lane.index, offer: offers.find((offer) => offer.id === bar.dataset.id)};
  }

  /** Settle as soon as the timeline rests and no button of the mouse is held: what it is over must stay to be clicked. */
  _rest() {
    clearTimeout(this._rests);
    this._rests = setTimeout(() => (isHeld(this.element) ? this._rest() : this._settled()), REST);
  }

  _settled() {
    if (!this._timeline) return;
    const length = this._length();
    const {start, end} = this._timeline.getWindow();
    const {length: packed, from} = this._packed;
    if (Math.abs(Math.log(length / packed)) > 0.2 || Math.abs(start - from) > 0.1 * length) this._pack();
    this._moved(nearest(length), new Date((start.getTime() + end.getTime()) / 2));
  }

  _click(event) {
    const bar = event.target.closest(".bar");
    // The end of a drag is no click; a click by the keyboard has no place.
    const dragged = event.detail && this._pressed && Math.abs(event.clientX - this._pressed.clientX) > 5;
    if (!bar || dragged) return;
    this._at = this._whose(bar);
    this._opened(this._at.offer);
  }

  _wheel(event) {
    if (event.ctrlKey || event.metaKey) return;
    const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (!event.shiftKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
    event.preventDefault();
    const {start, end} = this._timeline.getWindow();
    const by = (across / Math.max(this._vis.clientWidth, 1)) * this._length();
    this._turns = true;
    this._timeline.setWindow(start.getTime() + by, end.getTime() + by, {animation: false});
    this._turns = false;
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
    const {start, end} = this._timeline.getWindow();
    if ((offer.end ?? Infinity) < start.getTime() || (offer.start ?? -Infinity) > end.getTime()) {
      const half = this._length() / 2;
      const at = (offer.start ?? offer.end) + half / 2;
      this._timeline.setWindow(at - half, at + half, {animation: false});
    }
    // Another time may have other rows.
    const there = this._rowOf(this._at);
    const top = there * ROW;
    const seen = this._scroll.clientHeight - AXIS - ROW;
    if (top < this._scroll.scrollTop) this._scroll.scrollTop = top;
    else if (top > this._scroll.scrollTop + seen) this._scroll.scrollTop = top - seen;
    this._place();
    this._bars.find(there, offer.id)?.focus({preventScroll: true});
  }
}

/** The visible time that a state names: how long it is, and its middle. By default, the service's now stands at a third. */
function placeOf(state, library) {
  const length = ZOOMS[state.zoom];
  return {length, middle: Date.parse(state.at) || library.now + length / 6};
}

function momentOf(zone) {
  return zone === "UTC" ? (date) => moment(date).utc() : (date) => moment(date);
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
