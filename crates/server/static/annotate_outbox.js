// What is on its way to the server. Kept on this computer first and dropped when the server has it, so that neither
// a lost connection nor a closed page loses it.
//
// A work: {task, project, kind: "draft" | "submit" | "update", annotation: id or null, base: the annotation's
// `updated_at` when it was opened, body}. There is at most one a task: a later one takes the place of an earlier.

import { RequestFailed, isSame, request } from "./annotate_api.js";

const LONGEST_PAUSE_MS = 30_000;

export class Outbox {
  /** `on.waiting(work, error)`: not sent yet, tried again. `on.sent(work)`. */
  constructor(user, on) {
    this.user = user;
    this.on = on;
    this.works = new Map(this.#stored().map((work) => [work.task, work]));
    this.sending = Promise.resolve();
    this.wake = () => {};
    addEventListener("online", () => this.retry());
    addEventListener("focus", () => this.retry());
  }

  /** The work of a task that the server does not have yet. */
  of(task) {
    return this.works.get(task);
  }

  get isEmpty() {
    return this.works.size === 0;
  }

  /** Sends what an earlier page left; `refused(work, error)` gets what the server does not take. */
  resume(refused) {
    for (const work of [...this.works.values()]) this.deliver(work).catch((error) => refused(work, error));
  }

  /** Keeps the work on this computer, without sending it now. False when there is no room. */
  keep(work) {
    this.works.set(work.task, work);
    try {
      localStorage.setItem(this.#key(work.task), JSON.stringify(work));
      return true;
    } catch {
      return false;
    }
  }

  drop(task) {
    this.works.delete(task);
    localStorage.removeItem(this.#key(task));
  }

  /** Sends until the server has it: its answer, or null when a later work took its place. Throws what the server
   *  refuses for good; the work stays here then. `waiting` is told when the first try did not arrive. */
  async deliver(work, waiting = () => {}) {
    work.isKept = this.keep(work);
    for (let attempt = 0; this.works.get(work.task) === work; attempt += 1) {
      try {
        const answer = await this.#send(work);
        if (this.works.get(work.task) === work) this.drop(work.task);
        this.on.sent(work);
        return answer;
      } catch (error) {
        if (!(error instanceof RequestFailed) || !(error.isPassing || error.isSignedOut)) throw error;
        this.on.waiting(work, error);
        waiting();
        await this.#pause(attempt);
      }
    }
    return null;
  }

  /** Tries again at once. */
  retry() {
    this.wake();
  }

  /** One at a time, so that a draft never arrives behind the annotation that it became. */
  #send(work) {
    const sent = this.sending.catch(() => {}).then(() => transmit(work, this.user));
    this.sending = sent;
    return sent;
  }

  #pause(attempt) {
    return new Promise((over) => {
      const timer = setTimeout(over, Math.min(1000 * 2 ** attempt, LONGEST_PAUSE_MS));
      const earlier = this.wake;
      this.wake = () => {
        clearTimeout(timer);
        earlier();
        over();
      };
    });
  }

  #key(task) {
    return `longshore.unsent:${this.user.id}:${task}`;
  }

  #stored() {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(this.#key("")))
      .map((key) => JSON.parse(localStorage.getItem(key)));
  }
}

async function transmit({ task, kind, annotation, base, body, mayBeSomebodyElse }, user) {
  if (mayBeSomebodyElse) await checkPerson(user);
  if (kind === "update") return update(annotation, base, body);
  const place = annotation && kind === "draft" ? `/annotations/${annotation}` : "";
  return request("POST", `/api/tasks/${task}${place}/${kind === "draft" ? "drafts" : "annotations"}`, body);
}

async function update(annotation, base, body) {
  try {
    return await request("PATCH", `/api/annotations/${annotation}`, body, base && { "if-match": `"${base}"` });
  } catch (error) {
    // Our own change, whose answer was lost.
    const current = error.status === 412 && error.body.current;
    if (current && isSame(current.result, body.result) && current.was_cancelled === Boolean(body.was_cancelled)) {
      return current;
    }
    throw error;
  }
}

/** After a new sign-in, somebody else may sit here. */
async function checkPerson(user) {
  const { id } = await request("GET", "/api/current-user/whoami");
  if (id !== user.id) throw new RequestFailed(401, { detail: `Somebody else is signed in. Sign in as ${user.email}.` });
}
