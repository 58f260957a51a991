// The rows above the calendar: where it is from, its marks, and its filters.

import {address} from "./api.js";
import {filtered, gapsOf} from "./library.js";
import {browserZone, clock, span} from "./times.js";
import {choice, el, field, icon, leave, segments} from "./parts.js";

const MARKS = [
  ["live", "Live now"],
  ["expiring", "Expires soon"],
  ["next", "Opens next"],
  ["unreachable", "Approved, never shown"],
  ["ended", "Ended"],
];
const ZOOMS = [["day", "Day"], ["week", "Week"], ["month", "Month"], ["quarter", "Quarter"], ["year", "Year"]];

/** The connection and the sandbox. */
export function where(state, connections) {
  const pairs = connections.map(({conn_id, description}) => [conn_id, description ? `${conn_id} – ${description}` : conn_id]);
  if (!connections.some((each) => each.conn_id === state.conn_id)) pairs.unshift([state.conn_id, state.conn_id]);
  const own = connections.find((each) => each.conn_id === state.conn_id)?.sandbox ?? "";
  const sandbox = el("input", {
    name: "sandbox", value: state.sandbox, data: {given: state.sandbox}, placeholder: own, size: 10, spellcheck: "false", autocomplete: "off",
    onchange: (event) => state.set({sandbox: event.target.value.trim(), kind: "", id: "", placement: "", decision: ""}),
  });
  return [
    field("Connection", choice("conn_id", pairs, state.conn_id, (conn_id) => state.set({conn_id, sandbox: "", kind: "", id: "", placement: "", decision: ""}))),
    field("Sandbox", sandbox),
  ];
}

/** The service's clock, how old the copy is, and the time zone. */
export function clocks(state, library, age, reload) {
  const zones = [["browser", browserZone()], ["UTC", "UTC"]];
  const told = library
    ? [el("span", {class: "now", title: "The service's clock"}, "Service ", el("b", {}, clock(library.now + age))), el("span", {class: "quiet"}, `read ${span(library.age_seconds * 1000 + age)} ago`)]
    : [];
  return [
    ...told,
    el("button", {type: "button", class: "plain", title: "Read again", "aria-label": "Read again", onclick: reload}, icon("refresh")),
    field("Time zone", choice("zone", zones, state.zone, (zone) => state.set({zone}))),
  ];
}

/** One button for each mark, with the number of its offers under the other filters, and one that goes to the next gap shown. */
export function marks(state, library, toGap) {
  const offers = filtered(library, state, "mark");
  const made = MARKS.map(([mark, text]) => {
    const count = offers.filter((offer) => offer.marks.has(mark)).length;
    const pressed = state.mark === mark;
    const more = mark === "expiring" ? el("small", {}, `within ${library.days} days`) : null;
    return el(
      "button",
      {type: "button", class: `mark ${mark}${count ? "" : " none"}`, "aria-pressed": String(pressed), data: {mark}, onclick: () => state.set({mark: pressed ? "" : mark})},
      icon(mark), el("b", {}, count.toLocaleString()), el("span", {}, text, more),
    );
  });
  const shown = gapsOf(library, state.mark ? offers.filter((offer) => offer.marks.has(state.mark)) : offers, state);
  const gaps = shown.length;
  const places = new Set(shown.map((gap) => gap.placement)).size;
  const told = gaps ? `in ${places} placement${places === 1 ? "" : "s"}` : "none in sight";
  const gap = {type: "button", class: `mark gap${gaps ? "" : " none"}`, title: "Go to the next gap", disabled: !gaps, onclick: toGap};
  made.push(el("button", gap, icon("gap"), el("b", {}, gaps.toLocaleString()), el("span", {}, gaps === 1 ? "Gap" : "Gaps", el("small", {}, told))));
  return made;
}

/** Text, kind, status, placement, decision, days; the view, the grouping and the zoom; the exports. */
export function filters(state, library, board) {
  const any = (text, list) => [["", text], ...list];
  const named = (list, chosen) => {
    const pairs = list.map((each) => [each.id, each.name]).sort((one, other) => one[1].localeCompare(other[1]));
    const missing = chosen && !list.some((each) => each.id === chosen);
    return any("All", missing ? [[chosen, `Not in this library: ${chosen}`], ...pairs] : pairs);
  };
  const spans = ["1", "3", "7", "14", "30", "60", "90"];
  if (!spans.includes(state.days)) spans.push(state.days);
  spans.sort((one, other) => one - other);
  const text = el("input", {
    type: "search", name: "text", value: state.text, data: {given: state.text}, placeholder: "Name, id or qualifier", spellcheck: "false",
    "aria-label": "Name, id or qualifier", oninput: (event) => typed(event, state), oncompositionend: (event) => typed(event, state),
  });
  const pick = (label, name, pairs) => field(label, choice(name, pairs, state[name], (value) => state.set({[name]: value})));
  return [
    el("div", {class: "line"},
      el("label", {class: "search"}, icon("search"), text),
      pick("Kind", "type", any("All", [["personalized", "Personalized"], ["fallback", "Fallback"]])),
      pick("Status", "status", any("All", [["approved", "Approved"], ["draft", "Draft"], ["archived", "Archived"]])),
      pick("Placement", "placement", named(library.placements, state.placement)),
      pick("Decision", "decision", named(library.decisions, state.decision)),
      pick("Expires within", "days", spans.map((days) => [days, `${days} d`])),
      state.filtered ? el("button", {type: "button", class: "plain", data: {act: "clear"}, onclick: () => cleared(state)}, "Clear filters") : null),
    el("div", {class: "line"},
      segments("View", [["timeline", "Timeline"], ["agenda", "Agenda"]], state.view, (view) => state.set({view})),
      state.view === "timeline" ? timeline(state, board) : [],
      el("span", {class: "grow"}),
      exported(state, "csv", "CSV"), exported(state, "ics", "iCalendar")),
  ];
}

function timeline(state, board) {
  const step = (name, part, label) => el("button", {type: "button", class: "plain", "aria-label": label, title: label, onclick: () => board()?.step(part)}, icon(name));
  return [
    segments("Lanes", [["placement", "By placement"], ["decision", "By decision"]], state.group, (group) => state.set({group})),
    segments("Zoom", ZOOMS, state.zoom, (zoom) => {
      state.set({zoom});
      board()?.zoom(zoom);
    }),
    el("div", {class: "steps", role: "group", "aria-label": "Move in time"},
      step("left", -0.5, "Earlier"), el("button", {type: "button", onclick: () => board()?.go()}, "Now"), step("right", 0.5, "Later")),
  ];
}

function exported(state, kind, text) {
  const href = address(`calendar.${kind}`, state.query);
  return el("a", {class: "button", href, download: `offers.${kind}`, data: {export: kind}, title: `The offers that the filters show, as ${text}`, onclick: leave}, icon("down"), text);
}

let pause = null;

function cleared(state) {
  clearTimeout(pause);
  document.querySelector("[name=text]").value = "";
  state.clear();
}

/** Filter when the fingers rest, and not in the middle of a composed character. */
function typed(event, state) {
  clearTimeout(pause);
  const {target} = event;
  pause = setTimeout(() => event.isComposing || state.set({text: target.value}), 120);
}
