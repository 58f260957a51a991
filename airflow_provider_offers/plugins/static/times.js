// Moments as text. The page shows the browser's time zone or UTC, and counts from the service's clock.

const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

let zone;
let formats = {};

/** Choose the time zone: "UTC", or anything else for the browser's. */
export function useZone(name) {
  zone = name === "UTC" ? "UTC" : undefined;
  const make = (options) => new Intl.DateTimeFormat(undefined, {timeZone: zone, ...options});
  formats = {
    short: make({day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23"}),
    dated: make({day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23"}),
    long: make({
      weekday: "short", day: "numeric", month: "short", year: "numeric",
      hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
    }),
    year: make({year: "numeric"}),
    clock: make({weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short"}),
  };
}

export const browserZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "local";
/** Without the year if it is this one. */
export const short = (at) => formats[formats.year.format(at) === formats.year.format() ? "short" : "dated"].format(at);
export const long = (at) => formats.long.format(at);
export const clock = (at) => formats.clock.format(at);

/** A time of the service in milliseconds; null for none. */
export function instant(text) {
  const at = text ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : at;
}

/** A duration in its largest whole unit, such as "3 d". */
export function span(milliseconds) {
  const length = Math.abs(milliseconds);
  if (length < MINUTE) return `${Math.round(length / 1000)} s`;
  if (length < HOUR) return `${Math.round(length / MINUTE)} min`;
  if (length < 2 * DAY) return `${Math.round(length / HOUR)} h`;
  return `${Math.round(length / DAY)} d`;
}

/** What happens to a window next, such as "opens in 3 d". Nothing happens to an archived offer. */
export function turn(offer, now) {
  if (offer.status === "archived") return "";
  if (offer.start !== null && now < offer.start) return `opens in ${span(offer.start - now)}`;
  if (offer.end !== null && now < offer.end) return `ends in ${span(offer.end - now)}`;
  if (offer.end !== null) return `ended ${span(now - offer.end)} ago`;
  return "";
}
