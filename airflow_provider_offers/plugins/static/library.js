// The offers of a calendar: read from rows, filtered, and packed into the lanes of the timeline. Knows no page.

import {instant} from "./times.js";

const FAR = 8.64e15;

/** The offers of a document of `api/calendar`, by the time at which they open, and by name. */
export function libraryOf(document) {
  const at = Object.fromEntries(document.columns.map((name, index) => [name, index]));
  const offers = document.rows.map((row) => {
    const offer = Object.fromEntries(Object.entries(at).map(([name, index]) => [name, row[index]]));
    offer.start = instant(offer.start);
    offer.end = instant(offer.end);
    offer.marks = new Set(offer.marks);
    offer.name = offer.name || offer.id;
    offer.state = stateOf(offer);
    offer.found = `${offer.name}\n${offer.id}\n${(offer.tags ?? []).join("\n")}`.toLowerCase();
    return offer;
  });
  offers.sort((one, other) => (one.start ?? -FAR) - (other.start ?? -FAR) || compare(one.name, other.name));
  const gaps = document.gaps.map((gap) => ({...gap, start: instant(gap.start), end: instant(gap.end) ?? FAR}));
  return {...document, offers, gaps, now: instant(document.service_now)};
}

/** The one state that an offer is drawn in: what a person wants to know of it first. */
export function stateOf(offer) {
  if (offer.status === "archived" || offer.status === "draft") return offer.status;
  if (offer.kind === "fallback" && !offer.marks.has("unreachable")) return "fallback";
  for (const mark of ["unreachable", "ended", "expiring", "live", "next"]) if (offer.marks.has(mark)) return mark;
  return "approved";
}

/** The offers that pass the filters. */
export function filtered(library, {text, type, status, mark, placement, decision}, but = null) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const place = numberOf(library.placements, placement);
  const choosing = numberOf(library.decisions, decision);
  return library.offers.filter(
    (offer) =>
      (!type || offer.kind === type)
      && (!status || offer.status === status)
      && (!mark || but === "mark" || offer.marks.has(mark))
      && (place === null || offer.placements.includes(place))
      && (choosing === null || offer.decisions.includes(choosing))
      && words.every((word) => offer.found.includes(word)),
  );
}

/** The gaps of the chosen placement and decision; with other filters, those where one of the `offers` that pass is shown. */
export function gapsOf(library, offers, {text, type, status, mark, placement, decision}) {
  const place = numberOf(library.placements, placement);
  const choosing = numberOf(library.decisions, decision);
  const seen = text || type || status || mark ? new Set(offers.flatMap((offer) => offer.placements)) : null;
  return library.gaps
    .filter((gap) => (place === null || gap.placement === place) && (seen === null || seen.has(gap.placement)))
    .filter((gap) => choosing === null || gap.decisions.includes(choosing))
    .map((gap) => (choosing === null ? gap : {...gap, decisions: [choosing]}));
}

/** The number of a placement or a decision in its list; null if none is chosen. */
function numberOf(list, id) {
  return id ? list.findIndex((each) => each.id === id) : null;
}

/**
 * The lanes of the timeline: for each placement (or decision) its offers, packed into rows without overlap. A chosen one
 * has the only lane.
 *
 * Only offers and gaps between `start` and `end` get a place; `from` and `to` are what is in view. `room` is the least
 * time that a bar takes there, so that its name can be read beside it.
 */
export function lanesOf(library, offers, gaps, {group, placement, decision}, view) {
  const {start, end, room} = view;
  const [names, chosen] = group === "decision" ? [library.decisions, decision] : [library.placements, placement];
  const only = numberOf(names, chosen);
  const place = numberOf(library.placements, placement);
  // With a chosen placement, only decisions that can be made for it have a lane.
  const serves = (index) => place === null || library.decisions[index].placements.includes(place);
  const lanes = names.map((named, index) => ({...named, index, count: 0, live: 0, offers: [], gaps: []}));
  const none = {id: "", name: group === "decision" ? "In no decision" : "Without a placement", index: -1, count: 0, live: 0, offers: [], gaps: []};
  for (const offer of offers) {
    if (offer.start === null && offer.end === null && offer.state !== "fallback") continue;
    const places = only !== null ? [only] : group === "decision" ? offer.decisions.filter(serves) : offer.placements;
    const seen = (offer.start ?? -FAR) - room < end && (offer.end ?? FAR) + room > start;
    for (const lane of places.length ? places.map((place) => lanes[place]) : [none]) {
      lane.count += 1;
      if (offer.marks.has("live")) lane.live += 1;
      if (seen) lane.offers.push(offer);
    }
  }
  for (const gap of gaps) {
    const owners = group === "decision" ? gap.decisions : [gap.placement];
    for (const owner of gap.start < end && gap.end > start ? owners : []) lanes[owner]?.gaps.push(gap);
  }
  return [...lanes, none].filter((lane) => lane.count || lane.gaps.length).map((lane) => packed(lane, view));
}

/** What is in view gets as many rows as it needs; what comes before and after it takes the free places in them. */
function packed(lane, {from, to, room}) {
  const rows = [];
  const put = (row, placed) => {
    if (!row) return;
    row.offers.push(placed.offer);
    row.start = Math.min(row.start, placed.start);
    row.end = Math.max(row.end, placed.end);
  };
  const opened = ({start, end}) => {
    rows.push({offers: [], start, end});
    return rows.at(-1);
  };
  const placed = lane.offers.map((offer) => placeOf(offer, from, room));
  const after = ({start}) => rows.find((row) => row.end <= start);
  placed.filter((each) => each.end > from && each.start < to).forEach((each) => put(after(each) ?? opened(each), each));
  placed.filter((each) => each.end <= from).reverse().forEach((each) => put(rows.find((row) => row.start >= each.end), each));
  placed.filter((each) => each.start >= to).forEach((each) => put(after(each), each));
  const ordered = rows.map(({offers}) => offers.sort((one, other) => (one.start ?? -FAR) - (other.start ?? -FAR)));
  return {...lane, rows: ordered.length ? ordered : [[]]};
}

function placeOf(offer, from, room) {
  const start = offer.start ?? -FAR;
  const until = offer.end ?? FAR;
  return {offer, start, end: Math.max(until, start + room, until > from ? from + room : -FAR)};
}

const {compare} = new Intl.Collator();

/** The offers in the order of a column of the table. */
export function sorted(offers, column, descending, now) {
  const key = KEYS[column];
  const order = descending ? -1 : 1;
  const keyed = offers.map((offer) => [key(offer, now), offer]);
  keyed.sort(([one], [other]) => (one === other ? 0 : missing(one) ? 1 : missing(other) ? -1 : one < other ? -order : order));
  return keyed.map(([, offer]) => offer);
}

const missing = (value) => value === null || value === undefined || value === "";
const KEYS = {
  name: (offer) => offer.name.toLowerCase(),
  state: (offer) => offer.state,
  turn: (offer, now) => [offer.start, offer.end].find((at) => at !== null && at > now) ?? (offer.end === null ? null : 2 * now - offer.end + FAR / 2),
  start: (offer) => offer.start,
  end: (offer) => offer.end,
  priority: (offer) => offer.priority,
  modified: (offer) => offer.modified,
};
