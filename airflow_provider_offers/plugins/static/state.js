// What the page shows, kept in the hash of its address, so that an address can be sent to somebody else.

import {outside} from "./parts.js";

const DEFAULTS = {
  conn_id: "", sandbox: "", kind: "", id: "",
  view: "timeline", group: "placement", zoom: "month", at: "", zone: "browser", days: "14",
  text: "", type: "", status: "", mark: "", placement: "", decision: "",
};
const FILTERS = ["text", "type", "status", "mark", "placement", "decision"];
const REMEMBERED = ["conn_id", "view", "group", "zone", "days"];
const STORE = "offer-library-page";

/** The state, its listeners, and its way into the address and back. */
export class State {
  constructor() {
    this._listeners = [];
    Object.assign(this, DEFAULTS, remembered(), this._read());
    this._known = window.location.hash;
    window.addEventListener("hashchange", () => this._take());
    outside()?.addEventListener("hashchange", () => this._take(airflow()?.location.hash ?? ""));
  }

  /** Call `listener(changed)` with the names that changed. */
  listen(listener) {
    this._listeners.push(listener);
  }

  /**
   * Change some values. A moved timeline (`at`) is no event: it changes the address only.
   * An address that was just changed from outside is taken first: its event comes later, and writing would lose it.
   */
  set(values) {
    if (window.location.hash !== this._known) this._take();
    const changed = Object.keys(values).filter((name) => this[name] !== values[name]);
    if (!changed.length) return;
    Object.assign(this, values);
    this._write(changed.some((name) => name === "id" || name === "conn_id" || name === "view"));
    remember(this);
    const told = changed.filter((name) => name !== "at");
    if (told.length) this._listeners.forEach((listener) => listener(new Set(told)));
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
    return parsed(window.location.hash) ?? parsed(airflow()?.location.hash ?? "") ?? {};
  }

  _take(hash = window.location.hash) {
    this._known = window.location.hash;
    const read = parsed(hash);
    if (read) this.set({...DEFAULTS, ...remembered(), ...read});
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

/** The known values of a hash; null if it has none, like the anchor of a skip link. */
function parsed(hash) {
  if (!hash.includes("=")) return null;
  const query = new URLSearchParams(hash.slice(1));
  return Object.fromEntries([...query].filter(([name]) => name in DEFAULTS));
}

function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) ?? "{}");
    return Object.fromEntries(REMEMBERED.filter((name) => typeof kept[name] === "string").map((name) => [name, kept[name]]));
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
