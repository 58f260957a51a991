// The panel beside the calendar: everything about one object.

import {read} from "./api.js";
import {whenFree} from "./held.js";
import {away, badge, copier, el, icon, message, within} from "./parts.js";
import {pretty, representation} from "./preview.js";
import {redraw} from "./redraw.js";
import {instant, long, span, turn} from "./times.js";

const KINDS = {
  personalized: "Personalized offer", fallback: "Fallback offer", placement: "Placement", tag: "Collection qualifier",
  collection: "Collection", rule: "Decision rule", formula: "Ranking formula", decision: "Decision",
};

export class Detail {
  /** `state.set` opens and closes objects; `spoken(text)` tells screen readers. */
  constructor(element, state, spoken) {
    this.element = element;
    this._state = state;
    this._spoken = spoken;
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.leave();
    });
  }

  /** Show the object of the state; `offer` is its row in the calendar, if it has one. */
  async show(library, offer) {
    const {conn_id, sandbox, kind, id} = this._state;
    this._reading?.abort();
    if (!id) return this.hide();
    if (this.element.hidden) this._from = document.activeElement;
    const reading = (this._reading = new AbortController());
    this.element.hidden = false;
    document.body.classList.add("with-detail");
    const told = {name: offer?.name ?? id, kind, id, state: offer?.state, offer};
    const shown = JSON.stringify([conn_id, sandbox, kind, id]);
    const isNew = this._shown !== shown;
    // The same object, read again, does not take the focus from where the reader is.
    if (isNew) {
      this._shown = shown;
      this._print = null;
      this._fill((at) => [this._top(told, at), message("loading", "Reading the object…", "")], library);
      this.element.querySelector("h2").focus({preventScroll: true});
    }
    try {
      const found = await read("object", {conn_id, sandbox, kind, id}, reading.signal);
      if (reading.signal.aborted) return;
      const name = found.entity.name ?? told.name;
      if (isNew) this._spoken(`${name} is open`);
      const print = JSON.stringify([found, offer, offer && [...offer.marks]]);
      if (this._print === print) return void this.tell(library);
      this._print = print;
      this._fill((at) => [this._top({...told, name, status: found.entity.status}, at, found.links), ...this._sections(found, at, offer)], library);
    } catch (error) {
      if (error.name === "AbortError") return;
      // What was read before stays, unless the object is gone.
      if (this._print && error.status !== 404) return void this.tell(library);
      this._print = null;
      const again = el("button", {type: "button", onclick: () => this._again(library, offer)}, "Try again");
      const request = error.request ? el("p", {class: "quiet"}, `Request ${error.request}`) : null;
      this._fill((at) => [this._top(told, at), message("error", error.title ?? "The object cannot be shown", error.message, request, again)], library);
    }
  }

  /** Show what is open by the time of a later reading of the library. */
  tell(library) {
    whenFree(this.element, () => this._shown && redraw(this.element, this._made(library)));
  }

  leave() {
    this._state.set({kind: "", id: ""});
  }

  /** Close the panel, and give the focus back to where it came from, or to what is shown there now. */
  hide() {
    this._reading?.abort();
    const focused = this.element.contains(document.activeElement);
    this._shown = null;
    this.element.hidden = true;
    this.element.replaceChildren();
    document.body.classList.remove("with-detail");
    if (!focused) return;
    const from = this._from?.isConnected && this._from !== document.body ? this._from : document.querySelector(".board, .agenda, main");
    from.focus({preventScroll: true});
  }

  _again(library, offer) {
    this._shown = null;
    this.show(library, offer);
  }

  /** Put parts in the panel, once no button of the mouse is down over it; `made` makes them for a library. */
  _fill(made, library) {
    this._made = (at) => made(at).filter(Boolean);
    const shown = this._shown;
    whenFree(this.element, () => {
      if (this._shown !== shown) return;
      const focused = this.element.contains(document.activeElement);
      this.element.replaceChildren(...this._made(library));
      if (focused) this.element.querySelector("h2").focus({preventScroll: true});
    });
  }

  _top({name, kind, id, state, status, offer}, library, links = {}) {
    const marks = offer ? ["live", "unreachable"].filter((mark) => offer.marks.has(mark) && mark !== state) : [];
    const shown = state ? badge(state) : status ? badge(status === "live" ? "live" : status, status) : null;
    const close = el("button", {type: "button", class: "plain close", "aria-label": "Close", onclick: () => this.leave()}, icon("close"));
    const link = new URL(this._state.hashOf(kind, id), document.baseURI).href;
    const optimizer = links.journey_optimizer ? away(links.journey_optimizer, "Open in Journey Optimizer") : null;
    optimizer?.classList.add("button", "first");
    return el(
      "header",
      {},
      el("p", {class: "over"}, KINDS[kind] ?? kind, close),
      el("h2", {tabindex: "-1"}, name),
      el("p", {class: "badges"}, shown, marks.map((mark) => badge(mark)), offer && library ? el("span", {class: "quiet"}, turn(offer, library.now)) : null),
      el("p", {class: "acts"}, optimizer, copier(link, "Copy link"), copier(id, "Copy id")),
    );
  }

  _sections(found, library, offer) {
    const json = pretty(found.entity.properties ?? found.entity);
    return [
      section("Window", this._window(found.window, library, offer)),
      section("Content", (found.representations ?? []).map(representation)),
      section("Used by", this._links(found.referrers)),
      section("Uses", this._links(found.references)),
      section("Runs of Airflow", (found.runs ?? []).map(run)),
      section("History", this._history(found.history ?? [], library)),
      el("details", {class: "json"}, el("summary", {}, "JSON"), copier(json, "Copy JSON"), el("pre", {tabindex: "0"}, json)),
    ];
  }

  _window(window, library, offer) {
    const start = instant(window?.start);
    const end = instant(window?.end);
    if (start === null && end === null) return offer?.kind === "fallback" ? [el("p", {}, "A fallback has no window: it is shown when nothing else is.")] : [];
    const facts = el(
      "dl",
      {class: "facts"},
      el("dt", {}, "Opens"), el("dd", {}, start === null ? "–" : long(start)),
      el("dt", {}, "Closes"), el("dd", {}, end === null ? "never" : long(end)),
      start !== null && end !== null ? [el("dt", {}, "Length"), el("dd", {}, span(end - start))] : null,
    );
    return [library && start !== null && end !== null ? progress(start, end, library.now) : null, facts];
  }

  _links(list) {
    if (!list?.length) return [];
    const items = list.map(({kind, id, name, status}) => {
      if (!kind) return el("li", {}, el("small", {}, "Unknown"), name ?? id);
      const open = (event) => {
        event.preventDefault();
        this._state.set({kind, id});
      };
      const link = el("a", {href: this._state.hashOf(kind, id), onclick: open}, name ?? id);
      return el("li", {}, el("small", {}, KINDS[kind] ?? kind), link, status ? el("span", {class: "quiet"}, status) : null);
    });
    return [el("ul", {class: "links"}, items)];
  }

  _history(history, library) {
    if (!history.length) return [];
    const items = history.map((each) => {
      const at = instant(each.at);
      const when = at === null ? "" : `${long(at)}${library ? ` · ${span(library.now - at)} ago` : ""}`;
      const facts = each.etag === undefined || each.etag === null ? "" : `etag ${each.etag}`;
      const by = each.run ? within(each.run.href, `${each.run.dag_id} · ${each.run.task_id}`) : null;
      return el("li", {}, el("strong", {}, each.what), by, facts ? el("span", {class: "quiet"}, facts) : null, el("small", {}, when));
    });
    return [el("ol", {class: "history"}, items)];
  }
}

function section(title, content) {
  const parts = content.filter(Boolean);
  return parts.length ? el("section", {}, el("h3", {}, title), ...parts) : "";
}

function run({dag_id, run_id, task_id, map_index, try_number, action, at, href}) {
  const task = map_index !== null && map_index >= 0 ? `${task_id}[${map_index}]` : task_id;
  const moment = instant(at);
  const link = href ? within(href, `${dag_id} · ${task}`) : el("span", {}, `${dag_id} · ${task}`);
  const facts = [run_id, try_number ? `try ${try_number}` : null, moment === null ? null : long(moment)].filter(Boolean).join(" · ");
  return el("p", {class: "run"}, el("strong", {}, action ?? "changed"), " by ", link, el("small", {}, facts));
}

/** How far a window is, as a bar with now on it. */
function progress(start, end, now) {
  const part = Math.min(Math.max((now - start) / (end - start), 0), 1);
  const bar = el("div", {class: "progress", "aria-hidden": "true"}, el("i"));
  bar.firstChild.style.width = `${part * 100}%`;
  return bar;
}
