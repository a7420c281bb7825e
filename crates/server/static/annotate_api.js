// Requests to Longshore's API, and what goes wrong with them in words.

/** A request that failed: `status` 0 when there was no answer; `body` is the error's JSON. */
export class RequestFailed extends Error {
  constructor(status, body) {
    super(body?.detail ?? (status ? `The server answered ${status}.` : "The server does not answer."));
    this.status = status;
    this.body = body ?? {};
  }

  /** Will the same request succeed later? */
  get isPassing() {
    return [0, 408, 425, 429].includes(this.status) || this.status >= 500;
  }

  get isSignedOut() {
    return this.status === 401 || this.body.code === "another_person";
  }

  /** What the server says of it, with what it says of fields. */
  get words() {
    return [this.message, ...Object.values(this.body.validation_errors ?? {}).flat()].join(" ");
  }
}

/** For whom the page was made: the server refuses requests when somebody else is signed in by then. */
const made = {};

export function madeFor(user) {
  made["x-longshore-user"] = String(user.id);
}

/** The JSON answer, or null for 204. */
export async function request(method, path, body, headers = {}) {
  let answer;
  let text;
  try {
    answer = await fetch(path, {
      method,
      headers: { accept: "application/json", ...made, ...(body && { "content-type": "application/json" }), ...headers },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
    text = await answer.text();
  } catch {
    throw new RequestFailed(0);
  }
  if (!answer.ok) throw new RequestFailed(answer.status, parsed(text));
  return text ? JSON.parse(text) : null;
}

/** JSON, or undefined: a proxy in between may answer HTML. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `17:58`. */
export function clock(at = new Date()) {
  return at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** A version 4 UUID, also on pages without https, where `crypto.randomUUID` is missing. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Are two results the same, whatever the order of their members? */
export function isSame(one, other) {
  const ordered = (_, value) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return JSON.stringify(one, ordered) === JSON.stringify(other, ordered);
}
