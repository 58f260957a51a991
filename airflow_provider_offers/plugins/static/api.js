// The page's own data. Every address is relative, so that Airflow may live below any path.

/** A failure that the page can tell: a title, a message, and the id of the service's request. */
export class Failure extends Error {
  constructor(title, text, request = null, status = 0) {
    super(text);
    this.title = title;
    this.request = request;
    this.status = status;
  }
}

/** The address of a route with its parameters; empty ones are left out. */
export function address(route, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") query.append(name, one);
    }
  }
  return `api/${route}${query.size ? `?${query}` : ""}`;
}

/** The JSON of a route; `Failure` if there is none. */
export async function read(route, parameters = {}, signal = undefined) {
  let answer;
  try {
    answer = await fetch(address(route, parameters), {headers: {Accept: "application/json"}, signal});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("Airflow does not answer", "The API server cannot be reached. Check it, and try again.");
  }
  const body = await answer.json().catch(() => null);
  // A reading that was given up while its answer came.
  signal?.throwIfAborted();
  if (answer.ok && body !== null) return body;
  throw told(answer.status, body?.detail);
}

function told(status, detail) {
  // Airflow's answer about a login that it does not know: 403 at first, and then 401.
  if (status === 401 || (status === 403 && detail === "Invalid JWT token")) {
    return new Failure("You are logged out", "Log in to Airflow again, then load this page again.", null, status);
  }
  if (detail && typeof detail === "object" && !Array.isArray(detail)) {
    return new Failure(detail.title ?? "The request failed", detail.message ?? "", detail.request_id ?? null, status);
  }
  if (status === 403) {
    const text = "Ask an administrator of Airflow for the right to read this connection.";
    return new Failure("You may not read this connection", text, null, status);
  }
  const said = typeof detail === "string" ? detail : "See the log of Airflow's API server.";
  return new Failure(`The API server answered ${status}`, said, null, status);
}
