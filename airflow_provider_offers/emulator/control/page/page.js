// The emulator's page. It reads and changes the control plane, and writes every value as text, never as markup.

const PREFIX = "/_emulator/";
const EVERY_MS = 1500;
const MOST_ROWS = 500;
const byId = (id) => document.getElementById(id);

let words = { kinds: {}, effects: {}, routes: [] };
let clock = { now: "", frozen: false, offset_seconds: 0 };
let clockRead = 0;
let library = { changes: null, objects: [], byId: new Map(), referrers: new Map() };
let known = new Map();
let entries = [];
let cleared = 0;
let selected = "";
let shownTrouble = "";
let shownStates = "";
let shownFaults = "";
let held = false;

async function call(method, path, body) {
  const answer = await fetch(PREFIX + path, {
    method,
    headers: { accept: "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.error ?? `the emulator answered ${answer.status}`);
  return document;
}

function tell(message) {
  shownTrouble = message;
  byId("trouble").textContent = message;
  byId("trouble").hidden = !message;
}

// Runs what a person asked for; the emulator's own words say what is wrong.
async function attempt(work) {
  try {
    tell("");
    await work();
  } catch (error) {
    tell(error.message);
  }
}

function element(tag, text, attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A list that is open closes if it is made again, so only another one is made.
function options(select, pairs) {
  const before = select.value;
  if (JSON.stringify(pairs) === JSON.stringify([...select.options].map((each) => [each.value, each.text]))) return;
  select.replaceChildren(...pairs.map(([value, text]) => element("option", text, { value })));
  if (pairs.some(([value]) => value === before)) select.value = before;
}

// Replaces the rows of a table; the button of the same object that had the focus has it again.
function fill(body, rows) {
  const key = body.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  body.replaceChildren(...rows);
  if (key) [...body.querySelectorAll("button")].find((each) => keyOf(each) === key)?.focus({ preventScroll: true });
}

function keyOf(button) {
  return JSON.stringify({ ...button.dataset });
}

// A button of the mouse is down: what it is over must stay until the click, which comes after the button is up.
addEventListener("pointerdown", () => (held = true), { capture: true });
for (const up of ["pointerup", "pointercancel"]) addEventListener(up, () => setTimeout(() => (held = false)), { capture: true });
// A menu may swallow the end of the press.
addEventListener("pointermove", (event) => (held &&= event.buttons > 0), { capture: true });

// The clock

function now() {
  const told = Date.parse(clock.now);
  return new Date(clock.frozen ? told : told + (performance.now() - clockRead));
}

function setClock(read) {
  clock = read;
  clockRead = performance.now();
  showClock();
}

function showClock() {
  if (!clock.now) return;
  byId("now").textContent = now().toISOString().slice(0, 19).replace("T", " ") + " UTC";
  const moved = clock.frozen ? "frozen" : clock.offset_seconds ? "moved" : "real time";
  byId("clock-state").textContent = moved;
}

function change(moved) {
  return attempt(async () => {
    setClock(await call("PUT", "clock", moved));
    await refresh();
  });
}

byId("clock").addEventListener("click", (event) => {
  const seconds = event.target.dataset?.advance;
  if (seconds) change({ advance: Number(seconds) });
});
byId("freeze").addEventListener("click", () => change({ freeze: true }));
byId("resume").addEventListener("click", () => change({ resume: true }));
byId("clock").addEventListener("submit", (event) => {
  event.preventDefault();
  change({ set: byId("set-to").value.trim() });
});

// The library

// What an object's status and window say at this moment; the words stand for themselves, without a color.
function stateOf(each, at) {
  if (!each.status) return "";
  if (each.status !== "approved" && each.status !== "live") return "";
  if (each.start && Date.parse(each.start) > at) return "opens later";
  if (each.end && Date.parse(each.end) <= at) return "over";
  return "live now";
}

// Changes whenever a window opens or ends.
function statesNow() {
  const at = now();
  return library.objects.map((each) => stateOf(each, at)).join();
}

function keep(read) {
  if (read.changes === library.changes || !read.objects) return false;
  const referrers = new Map();
  for (const each of read.objects) {
    for (const target of each.references) {
      if (!referrers.has(target)) referrers.set(target, []);
      referrers.get(target).push(each.id);
    }
  }
  library = { changes: read.changes, objects: read.objects, byId: new Map(read.objects.map((e) => [e.id, e])), referrers };
  return true;
}

function showLibrary() {
  const at = now();
  shownStates = statesNow();
  const counts = new Map();
  for (const each of library.objects) counts.set(each.kind, (counts.get(each.kind) ?? 0) + 1);
  options(byId("kind"), [
    ["", `all (${library.objects.length})`],
    ...Object.entries(words.kinds).map(([name, title]) => [name, `${title} (${counts.get(name) ?? 0})`]),
  ]);
  const states = new Set(library.objects.flatMap((each) => [each.status, stateOf(each, at)]).filter(Boolean));
  // The chosen one stays, also while no object has it.
  if (byId("state").value) states.add(byId("state").value);
  options(byId("state"), [["", "any"], ...[...states].sort().map((each) => [each, each])]);
  const [kind, state, text] = [byId("kind").value, byId("state").value, byId("text").value.trim().toLowerCase()];
  const found = library.objects.filter((each) => (!kind || each.kind === kind)
    && (!state || each.status === state || stateOf(each, at) === state)
    && (!text || each.name.toLowerCase().includes(text) || each.id.toLowerCase().includes(text)));
  found.reverse();
  fill(byId("objects"), found.slice(0, MOST_ROWS).map((each) => rowOf(each, at)));
  known = new Map(library.objects.map((each) => [each.id, each.etag]));
  const hidden = found.length > MOST_ROWS ? `; the newest ${MOST_ROWS} are shown` : "";
  byId("library-shown").textContent = `${found.length} of ${library.objects.length} objects${hidden}`;
}

function rowOf(each, at) {
  const state = stateOf(each, at);
  const open = element("button", each.name, { type: "button", class: "link", "data-id": each.id });
  const row = element("tr", null, { "aria-selected": String(each.id === selected) },
    element("td", words.kinds[each.kind] ?? each.kind),
    element("td", null, { class: "wide" }, open),
    element("td", each.status ?? ""),
    element("td", state, state === "live now" ? { class: "live" } : {}),
    element("td", moment(each.start)),
    element("td", moment(each.end)),
    element("td", each.references.length || ""),
    element("td", library.referrers.get(each.id)?.length ?? ""),
    element("td", each.etag));
  if (known.size && known.get(each.id) !== each.etag) row.classList.add("fresh");
  return row;
}

function moment(text) {
  return text ? text.slice(0, 16).replace("T", " ") : "";
}

async function select(id) {
  selected = id;
  const sandbox = byId("sandbox").value;
  const query = `objects?sandbox=${encodeURIComponent(sandbox)}&id=${encodeURIComponent(id)}`;
  const [found] = (await call("GET", query)).objects;
  // Another object or none may be chosen by now.
  if (selected !== id || byId("sandbox").value !== sandbox) return;
  byId("object").hidden = !found;
  if (found) showObject(found);
  showLibrary();
}

function showObject(found) {
  const line = library.byId.get(found.id);
  byId("object-name").textContent = found.body.name ?? found.id;
  byId("object-id").textContent = `${words.kinds[found.kind]}, ${found.id}, etag ${found.etag}, ${line?.modified_by ?? ""}`;
  byId("object-references").replaceChildren(...(line?.references ?? []).map(linkTo));
  byId("object-referrers").replaceChildren(...(library.referrers.get(found.id) ?? []).map(linkTo));
  byId("object-body").textContent = JSON.stringify(found.body, null, 2);
}

function linkTo(id) {
  const there = library.byId.get(id);
  const told = there ? `${there.name} (${words.kinds[there.kind]}${there.status ? `, ${there.status}` : ""})` : `${id}: missing`;
  return element("li", null, {}, element("a", told, { href: "#library", "data-id": id }));
}

byId("library").addEventListener("click", (event) => {
  const id = event.target.dataset?.id;
  if (!id) return;
  event.preventDefault();
  attempt(() => select(id));
});
byId("close").addEventListener("click", () => {
  selected = "";
  byId("object").hidden = true;
  showLibrary();
});
byId("library-filters").addEventListener("input", showLibrary);
byId("sandbox").addEventListener("change", () => attempt(async () => {
  library = { changes: null, objects: [], byId: new Map(), referrers: new Map() };
  known = new Map();
  selected = "";
  byId("object").hidden = true;
  await refresh();
}));

// The journal

function statusOf(each) {
  return each.status ?? (each.open ? "…" : "lost");
}

// The number of the latest request of which nothing new can be told.
function since() {
  const open = entries.find((each) => each.open);
  return open ? open.number - 1 : entries.at(-1)?.number ?? cleared;
}

// Two readings at the same time may have the same requests, and one of them before its answer.
function record(read) {
  const known = new Map(entries.map((each) => [each.number, each]));
  const news = read.filter((each) => each.number > cleared && (!known.has(each.number) || (known.get(each.number).open && !each.open)));
  for (const each of news) known.set(each.number, each);
  entries = [...known.values()].sort((one, other) => one.number - other.number).slice(-5000);
  return news.length > 0;
}

function showJournal() {
  const text = byId("journal-text").value.trim().toLowerCase();
  const found = entries.filter((each) => !text
    || [each.route, each.path, each.query, each.note, each.method].some((part) => part.toLowerCase().includes(text)));
  fill(byId("entries"), found.slice(-MOST_ROWS).reverse().map(entryRow));
  byId("journal-shown").textContent = `${found.length} of ${entries.length} requests, newest first`;
}

function entryRow(each) {
  const open = element("button", `${each.method} ${each.path}${each.query ? `?${each.query}` : ""}`, {
    type: "button", class: "link", "data-entry": each.number, "aria-expanded": "false",
  });
  const bad = !each.open && (each.status === null || each.status >= 400);
  return element("tr", null, {},
    element("td", each.number),
    element("td", each.time.slice(11, 23)),
    element("td", null, { class: "wide" }, open),
    element("td", statusOf(each), bad ? { class: "bad" } : {}),
    element("td", each.ms),
    element("td", each.route),
    element("td", [each.note, each.fault ? `[fault ${each.fault}]` : ""].filter(Boolean).join(" "), { class: "wide" }));
}

// The whole request and answer, below its line.
function unfold(button) {
  const row = button.closest("tr");
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  if (open) return row.nextElementSibling.remove();
  byId("follow").checked = false;
  const each = entries.find((entry) => entry.number === Number(button.dataset.entry));
  if (!each) return undefined;
  const told = [headers(each.headers), each.body, "→ " + statusOf(each), headers(each.response_headers), each.response_body];
  const cell = element("td", null, { colspan: 7 }, element("pre", told.filter(Boolean).join("\n\n")));
  return row.after(element("tr", null, {}, cell));
}

function headers(given) {
  return Object.entries(given).map(([name, value]) => `${name}: ${value}`).join("\n");
}

byId("entries").addEventListener("click", (event) => {
  if (event.target.dataset?.entry) unfold(event.target);
});
byId("journal-filters").addEventListener("input", showJournal);
byId("journal-filters").addEventListener("submit", (event) => event.preventDefault());
byId("library-filters").addEventListener("submit", (event) => event.preventDefault());
byId("clear-journal").addEventListener("click", () => attempt(async () => {
  await call("DELETE", "journal");
  cleared = entries.at(-1)?.number ?? cleared;
  entries = [];
  showJournal();
}));

// The faults

function showFaults(rules) {
  if (JSON.stringify(rules) === shownFaults) return;
  shownFaults = JSON.stringify(rules);
  byId("fault-count").textContent = rules.length || "";
  fill(byId("rules"), rules.map((each) => {
    const remove = element("button", "Remove", { type: "button", "data-fault": each.id });
    const cells = [each.id, each.effect, each.route ?? "any", each.when, each.status, each.seconds,
      each.times ?? "always", each.seen, each.applied];
    return element("tr", null, {}, ...cells.map((cell) => element("td", cell)), element("td", null, {}, remove));
  }));
}

byId("add-fault").addEventListener("input", tellEffect);
byId("add-fault").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const rule = { effect: byId("effect").value, when: byId("when").value };
    if (byId("route").value.trim()) rule.route = byId("route").value.trim();
    for (const name of ["status", "seconds", "times"]) {
      const given = byId(name).value.trim();
      if (given) rule[name] = Number.isNaN(Number(given)) ? given : Number(given);
    }
    await call("POST", "faults", rule);
    byId("route").value = "";
    await refresh();
  });
});
byId("clear-faults").addEventListener("click", () => attempt(async () => {
  await call("DELETE", "faults");
  await refresh();
}));
byId("rules").addEventListener("click", (event) => {
  const id = event.target.dataset?.fault;
  if (id) attempt(async () => { await call("DELETE", `faults/${id}`); await refresh(); });
});

function tellEffect() {
  byId("effect-told").textContent = words.effects[byId("effect").value] ?? "";
}

// All of it

async function refresh() {
  const sandbox = byId("sandbox").value;
  const query = `overview?sandbox=${encodeURIComponent(sandbox)}` + (library.changes === null ? "" : `&seen=${library.changes}`);
  const [read, journal, faults, time] = await Promise.all([
    call("GET", query),
    call("GET", `journal?since=${since()}&limit=${MOST_ROWS}`),
    call("GET", "faults"),
    call("GET", "clock"),
  ]);
  if (held || sandbox !== byId("sandbox").value) return;
  setClock(time);
  const changed = keep(read);
  if (changed || shownStates !== statesNow()) showLibrary();
  if (changed && selected) await select(selected);
  const isNew = record(journal.entries);
  const requests = Object.values(journal.counts).reduce((sum, count) => sum + count, 0);
  byId("journal-count").textContent = requests || "";
  if (isNew && byId("follow").checked) showJournal();
  showFaults(faults.faults);
}

function showView() {
  const view = ["library", "journal", "faults"].find((name) => location.hash === `#${name}`) ?? "library";
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
  for (const tab of document.querySelectorAll("nav a")) {
    tab.setAttribute("aria-selected", String(tab.hash === `#${view}`));
  }
}

async function tick() {
  if (!document.hidden) {
    try {
      await refresh();
      if (shownTrouble.startsWith("The emulator does not answer")) tell("");
    } catch (error) {
      // It may start again with other numbers.
      entries = [];
      cleared = 0;
      library.changes = null;
      tell(`The emulator does not answer as expected: ${error.message}`);
    }
  }
  setTimeout(tick, EVERY_MS);
}

async function begin() {
  const [status, told] = await Promise.all([call("GET", ""), call("GET", "words")]);
  words = told;
  const sandboxes = [...new Set([...status.settings.sandboxes, ...Object.keys(status.library)])];
  options(byId("sandbox"), sandboxes.map((each) => [each, each]));
  options(byId("effect"), Object.keys(words.effects).map((each) => [each, each]));
  byId("routes").replaceChildren(...words.routes.map((value) => element("option", null, { value })));
  tellEffect();
  showView();
  addEventListener("hashchange", showView);
  setInterval(showClock, 250);
  await tick();
}

attempt(begin);
