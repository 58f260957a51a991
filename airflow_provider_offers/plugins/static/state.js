// What the page shows, kept in the hash of its address, so that an address can be sent to somebody else.

import {outside} from "./parts.js";

const DEFAULTS = {
  conn_id: "", sandbox: "", kind: "", id: "",
  view: "timeline", group: "placement", zoom: "month", at: "", zone: "browser", days: "14",
  text: "", type: "", status: "", mark: "", placement: "", decision: "",
};
/** The words that a value can be; one that is not here is any text. */
const WORDS = {
  view: ["timeline", "agenda"], group: ["placement", "decision"], zoom: ["day", "week", "month", "quarter", "year"],
  zone: ["browser", "UTC"], type: ["", "personalized", "fallback"], status: ["", "approved", "draft", "archived"],
  mark: ["", "live", "expiring", "next", "unreachable", "ended"],
};
const FILTERS = ["text", "type", "status", "mark", "placement", "decision"];
const REMEMBERED = ["conn_id", "view", "group", "zone", "days"];
const STORE = "offer-library-page";

/** The state, its listeners, and its way into the address and back. */
export class State {
  constructor() {
    this._listeners = [];
    // `unknown` is what the address names and the page does not know, such as "zoom=foo".
    Object.assign(this, DEFAULTS, remembered(), {unknown: ""});
    Object.assign(this, this._read());
    this._known = window.location.hash;
    window.addEventListener("hashchange", () => this._take());
    outside()?.addEventListener("hashchange", () => this._take(airflow()?.location.hash ?? ""));
  }

  /** Call `listener(changed)` with the names that changed. */
  listen(listener) {
    this._listeners.push(listener);
  }

  /**
   * Change some values. A moved timeline (`at`) is no event: it changes the address only. What came from `outside`, by
   * the address, has the event `place` if it is about another time.
   *
   * An address that was just changed from outside is taken first: its event comes later, and writing would lose it.
   */
  set(values, outside = false) {
    if (!outside && !("at" in values)) values = {...values, unknown: ""};
    if (window.location.hash !== this._known) this._take();
    const changed = Object.keys(values).filter((name) => this[name] !== values[name]);
    if (!changed.length) return;
    Object.assign(this, values);
    this._write(changed.some((name) => name === "id" || name === "conn_id" || name === "view"));
    remember(this);
    const told = changed.filter((name) => name !== "at");
    if (outside && changed.some((name) => name === "at" || name === "zoom")) told.push("place");
    if (told.length) this._listeners.forEach((listener) => listener(new Set(told)));
  }

  /** Write the whole state into the address, so that a way back leads here. */
  settle() {
    this._write(false);
  }

  get filtered() {
    return FILTERS.some((name) => this[name] !== "");
  }

  /** Show every offer again. */
  clear() {
    this.set(Object.fromEntries(FILTERS.map((name) => [name, ""])));
  }

  /** The filters as parameters of the exports. */
  get query() {
    const {conn_id, sandbox, days, text, type, status, mark, placement, decision} = this;
    return {conn_id, sandbox, days, text, kind: type, status, mark, placement, decision};
  }

  /** The hash that shows an object of this library. */
  hashOf(kind, id) {
    return hashed({...this, kind, id});
  }

  _read() {
    const read = parsed(window.location.hash) ?? parsed(airflow()?.location.hash ?? "");
    return read ? this._whole(read) : {};
  }

  /** All values of an address: what it does not name is as by default, and not as this person had it last. */
  _whole(read) {
    return {...DEFAULTS, conn_id: this.conn_id, ...read.values, unknown: read.unknown};
  }

  _take(hash = window.location.hash) {
    this._known = window.location.hash;
    const read = parsed(hash);
    if (read) this.set(this._whole(read), true);
  }

  _write(enter) {
    const hash = hashed(this);
    if (hash !== window.location.hash) {
      history[enter ? "pushState" : "replaceState"](null, "", hash);
      this._known = window.location.hash;
    }
    const around = airflow();
    if (around && hash !== around.location.hash) {
      // Airflow's document has a base: a hash alone would lead to that.
      const {pathname, search} = around.location;
      around.history.replaceState(around.history.state, "", `${pathname}${search}${hash}`);
    }
  }
}

/** Airflow's window, if the address there is the one of this page and so may carry its hash. */
function airflow() {
  const around = outside();
  return around?.location.pathname.includes("/offer-library") ? around : null;
}

function hashed(state) {
  const query = new URLSearchParams();
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    if (state[name] !== usual || name === "conn_id") query.set(name, state[name]);
  }
  return `#${query}`;
}

/** The values of a hash, and what is unknown in it; null if it has none, like the anchor of a skip link. */
function parsed(hash) {
  if (!hash.includes("=")) return null;
  const pairs = [...new URLSearchParams(hash.slice(1))];
  const known = ([name, value]) => Object.hasOwn(DEFAULTS, name) && isValid(name, value);
  return {
    values: Object.fromEntries(pairs.filter(known).filter(([name, value]) => name !== "conn_id" || value)),
    unknown: pairs.filter((pair) => !known(pair)).map((pair) => pair.join("=")).join(", "),
  };
}

function isValid(name, value) {
  if (name === "days") return /^[1-9]\d{0,2}$/.test(value) && Number(value) <= 366;
  // The timeline can show the years that have four digits.
  if (name === "at") return value === "" || Math.abs(Date.parse(value) - Date.UTC(5000, 0)) < Date.UTC(6950, 0);
  return WORDS[name]?.includes(value) ?? true;
}

function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) ?? "{}");
    const usable = REMEMBERED.filter((name) => typeof kept[name] === "string" && isValid(name, kept[name]));
    return Object.fromEntries(usable.map((name) => [name, kept[name]]));
  } catch {
    return {};
  }
}

function remember(state) {
  try {
    localStorage.setItem(STORE, JSON.stringify(Object.fromEntries(REMEMBERED.map((name) => [name, state[name]]))));
  } catch {
    // Storage is closed to the page: it forgets.
  }
}
