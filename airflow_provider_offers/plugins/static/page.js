// The page: it reads the calendar of a connection, and shows it as a timeline or as a table.

import {Agenda, legend} from "./agenda.js";
import {read} from "./api.js";
import {Detail} from "./detail.js";
import {clocks, filters, marks, where} from "./filters.js";
import {whenFree} from "./held.js";
import {filtered, gapsOf, libraryOf} from "./library.js";
import {el, icon, message, named, readIcons, within} from "./parts.js";
import {redraw} from "./redraw.js";
import {State} from "./state.js";
import {instant, long, span, useZone} from "./times.js";

const EVERY = 30_000;
const READS = new Set(["conn_id", "sandbox", "days"]);
const OPENS = new Set(["id", "kind"]);

const part = (name) => document.querySelector(`[data-part="${name}"]`);
const state = new State();
const detail = new Detail(part("detail"), state, speak);
const now = {connections: [], library: null, plans: [], view: null, name: "", place: "", staged: null, readAt: 0, reading: null, gap: null, reaches: false};

function speak(text) {
  if (part("spoken").textContent !== text) part("spoken").textContent = text;
}

async function begin() {
  useZone(state.zone);
  stage(message("loading", "Reading the library…", ""));
  const [found] = await Promise.all([attempt(() => read("connections"), begin), readIcons()]);
  if (!found) return;
  now.connections = found.connections;
  if (!state.conn_id) state.conn_id = found.default ?? found.connections[0]?.conn_id ?? "";
  if (!state.conn_id) {
    stage(message("nothing", "There is no connection to show", "Add a connection of the type Adobe Offer Library in Airflow under Admin, or ask for the right to read one.", within("../connections", "Open the connections")));
    return;
  }
  state.settle();
  state.listen(changed);
  top();
  await load();
  setInterval(refresh, EVERY);
  setInterval(tick, 1000);
}

function changed(names) {
  if (names.has("zone")) useZone(state.zone);
  top();
  if (names.has("place")) now.view?.seek?.(state);
  const opens = [...names].some((name) => OPENS.has(name));
  const reads = [...names].some((name) => READS.has(name));
  // What is read is opened later; what is closed must not wait for that.
  if (reads ? opens && !state.id : opens || names.has("zone")) open();
  if (reads) return void load();
  if (!now.library) return;
  notices();
  if ([...names].every((name) => OPENS.has(name) || name === "zoom" || name === "place")) return controls();
  draw();
}

/** Read the calendar, and show it. An earlier reading of other parameters is given up. */
async function load(quiet = false) {
  now.reading?.abort();
  const reading = (now.reading = new AbortController());
  const {conn_id, sandbox, days} = state;
  const place = JSON.stringify([conn_id, sandbox]);
  if (!quiet) {
    // Nothing of another sandbox stays under the name of this one.
    if (now.place !== place) forget();
    if (!now.library) stage(message("loading", "Reading the library…", "The first reading of a large library takes a while."));
    document.body.setAttribute("aria-busy", "true");
  }
  const given = await attempt(() => read("calendar", {conn_id, sandbox, days}, reading.signal), load, quiet);
  if (reading.signal.aborted) return;
  document.body.removeAttribute("aria-busy");
  if (!given) return;
  const same = printOf(given);
  now.readAt = Date.now();
  if (quiet && now.print === same) {
    Object.assign(now.library, {now: instant(given.service_now), read_at: given.read_at, age_seconds: given.age_seconds});
    now.view?.tell?.(now.library.now);
    detail.tell(now.library);
    return void plans();
  }
  now.print = same;
  now.place = place;
  now.library = libraryOf(given);
  top();
  draw();
  open();
  plans();
}

/** Whatever is drawn of a document: all but its times. */
function printOf({rows, gaps, warnings, placements, decisions}) {
  return JSON.stringify([rows, gaps, warnings, placements, decisions]);
}

async function refresh() {
  if (!document.hidden && now.library && !document.body.hasAttribute("aria-busy")) await load(true);
}

/** The result of a reading; a failure is shown with a way to try again, and a quiet one only as a notice. */
async function attempt(work, again, quiet = false) {
  try {
    const found = await work();
    now.failure = null;
    return found;
  } catch (error) {
    if (error.name === "AbortError") return null;
    now.failure = quiet ? error : null;
    if (quiet) notices();
    else fail(error, again);
    return null;
  }
}

function forget() {
  now.library = null;
  now.plans = [];
  for (const name of ["marks", "filters", "notices"]) kept(part(name), []);
  detail.hide();
}

function fail(error, again) {
  forget();
  document.body.removeAttribute("aria-busy");
  const request = error.request ? el("p", {class: "quiet"}, `Request ${error.request}`) : null;
  const acts = el("p", {class: "acts"}, el("button", {type: "button", onclick: () => again()}, "Try again"), within("../connections", "Open the connections"));
  stage(message("error", error.title ?? "The page failed", error.message, request, acts));
  if (!error.title) console.error(error);
}

function stage(content) {
  now.view?.close?.();
  now.view = null;
  now.name = "";
  now.staged = content;
  part("stage").replaceChildren(content);
}

function top() {
  kept(part("where"), where(state, now.connections));
  tick();
}

function tick() {
  kept(part("clock"), clocks(state, now.library, now.library ? Date.now() - now.readAt : 0, () => load()));
}

function controls() {
  kept(part("marks"), marks(state, now.library, toGap));
  kept(part("filters"), filters(state, now.library, () => now.view));
}

/** Show the offers that pass the filters. */
async function draw() {
  controls();
  notices();
  const offers = filtered(now.library, state);
  speak(`${offers.length} offers`);
  // A placement may have a gap and no offer.
  const isEmpty = !offers.length && (state.view === "agenda" || !gapsOf(now.library, offers, state).length);
  if (isEmpty) return stage(nothing());
  if (now.name !== state.view) {
    if (await change()) draw();
    return;
  }
  now.view.show(now.library, offers, state);
  lower(offers);
  reach();
}

/** Go from gap to gap of what is shown, on the timeline of placements, in the order of time. */
function toGap() {
  const gaps = gapsOf(now.library, filtered(now.library, state), state).sort((one, other) => one.start - other.start);
  now.gap = gaps[(gaps.findIndex(({start, placement}) => start === now.gap?.start && placement === now.gap.placement) + 1) % gaps.length];
  now.reaches = true;
  if (state.view === "timeline" && state.group === "placement") reach();
  else state.set({view: "timeline", group: "placement"});
}

function reach() {
  if (!now.reaches || !now.view?.reach) return;
  now.reaches = false;
  now.view.reach(now.gap);
  speak(`Only the fallback in ${now.library.placements[now.gap.placement].name} from ${long(now.gap.start)}`);
}

/** Put the chosen view on the stage; false if something else has been put there meanwhile. */
async function change() {
  const name = state.view;
  const staged = message("loading", "Drawing…", "");
  stage(staged);
  const opened = ({kind, id}) => state.set({kind, id});
  if (name === "agenda") now.view = new Agenda({opened});
  else {
    const {Board} = await import("./board.js");
    if (now.staged !== staged) return false;
    now.view = new Board({opened, moved: (zoom, at) => state.set({zoom, at: at.toISOString()})});
  }
  now.name = name;
  part("stage").replaceChildren(now.view.element, el("footer", {class: "foot", data: {part: "foot"}}));
  return true;
}

function lower(offers) {
  const without = offers.filter((offer) => offer.kind !== "fallback" && offer.start === null && offer.end === null).length;
  const link = el("button", {type: "button", class: "plain", onclick: () => state.set({view: "agenda"})}, `${without} without a window: see the agenda`);
  const count = el("span", {class: "quiet"}, `${offers.length.toLocaleString()} of ${now.library.offers.length.toLocaleString()} offers`);
  part("foot")?.replaceChildren(legend(), state.view === "timeline" && without ? link : "", count);
}

function nothing() {
  if (!now.library.offers.length) {
    return message("nothing", "The library has no offers yet", "Create one with a task, for example by CreateOfferOperator; it appears here within seconds. Another sandbox can be chosen above.");
  }
  return message("nothing", "No offer passes the filters", "Choose other filters, or show all offers.", el("button", {type: "button", onclick: () => state.clear()}, "Show all offers"));
}

/** Plans that wait for a person, what the library warned of, and a failed refresh. */
function notices() {
  const told = now.plans.map((plan) =>
    el("p", {class: "notice plan"}, icon("hand"), el("span", {}, el("strong", {}, "Campaign ", named(plan.campaign ?? plan.dag_id)), ` waits for approval${since(plan)}: `, named(plan.summary ?? plan.task_id)), within(plan.href, "Review the plan")));
  if (state.unknown) told.push(el("p", {class: "notice warning"}, icon("warning"), `The address has values that the page does not know, and leaves them out: ${state.unknown.slice(0, 300)}`));
  for (const text of now.library?.warnings ?? []) told.push(el("p", {class: "notice warning"}, icon("warning"), text));
  if (now.failure) told.push(el("p", {class: "notice warning"}, icon("warning"), `${now.failure.title}. The page shows what it read before. ${now.failure.message}`));
  kept(part("notices"), told);
}

function since(plan) {
  const at = instant(plan.since);
  return at === null ? "" : ` since ${span(Date.now() - at)}`;
}

async function plans() {
  const {conn_id} = state;
  const found = await read("plans", {conn_id}).catch(() => ({plans: []}));
  // Another connection has been chosen meanwhile, and its plans may be here already.
  if (conn_id !== state.conn_id || !now.library) return;
  now.plans = found.plans;
  notices();
}

function open() {
  const offer = now.library?.offers.find((each) => each.id === state.id && each.kind === state.kind);
  now.view?.mark(state.id);
  detail.show(now.library, offer);
}

/** Draw the children of an element again once no button of the mouse is down over it. */
function kept(element, children) {
  whenFree(element, () => redraw(element, children));
}

document.querySelector("[data-skip]").addEventListener("click", (event) => {
  event.preventDefault();
  document.querySelector("main").focus();
});
part("filters").addEventListener("submit", (event) => event.preventDefault());
begin();
