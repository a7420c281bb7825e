// What is on its way to the server. Kept on this computer first and dropped when the server has it, so that neither
// a lost connection nor a closed page loses it.
//
// A work: {task, project, kind: "draft" | "submit" | "update", annotation: id or null, uniqueId: of an annotation that
// is still to be made, base: the annotation's `updated_at` when it was opened, body}. There is at most one an
// annotation. A later one takes the place of an earlier, but for a draft behind a submission: what was submitted goes
// first, and then the draft (`later`). `earlier`: bodies of submissions before it, whose answers are unknown.

import { RequestFailed, isSame, parsed, request } from "./annotate_api.js";

const LONGEST_PAUSE_MS = 30_000;

export class Outbox {
  /** `on.waiting(work, error)`: not sent yet, tried again. `on.sent(work)`. `on.refused(work, error)` and
   *  `on.saved(work, answer)`: of what nobody waits for. */
  constructor({ organization, user }, on) {
    this.prefix = `longshore.unsent:${organization}:${user.id}:`;
    this.on = on;
    this.works = new Map(this.#stored().map((work) => [slotOf(work), work]));
    this.sending = Promise.resolve();
    this.wake = () => {};
    addEventListener("online", () => this.retry());
    addEventListener("focus", () => this.retry());
  }

  /** The works of a task that the server does not have yet. */
  of(task) {
    return [...this.works.values()].filter((work) => work.task === task);
  }

  /** What is kept of the annotation of this work. */
  at(work) {
    return this.works.get(slotOf(work));
  }

  get isEmpty() {
    return this.works.size === 0;
  }

  /** Sends what an earlier page left. */
  resume() {
    for (const work of [...this.works.values()]) this.#deliverAlone(work);
  }

  /** Keeps the work on this computer, without sending it now. False when there is no room. */
  keep(work) {
    const pending = this.at(work);
    if (pending && pending !== work && pending.kind !== "draft") {
      if (work.kind === "draft") pending.later = work.body;
      else work.earlier = [...(pending.earlier ?? []), pending.body];
    }
    const kept = pending?.later && work.kind === "draft" ? pending : work;
    this.works.set(slotOf(work), kept);
    try {
      localStorage.setItem(this.#key(kept), JSON.stringify(kept));
      return true;
    } catch {
      return false;
    }
  }

  drop(work) {
    this.works.delete(slotOf(work));
    localStorage.removeItem(this.#key(work));
  }

  /** Sends until the server has it: its answer, or null when another work took its place or goes first. Throws what
   *  the server refuses for good; the work stays here then. `waiting` is told when the first try did not arrive. */
  async deliver(work, waiting = () => {}) {
    work.isKept = this.keep(work);
    for (let attempt = 0; this.at(work) === work; attempt += 1) {
      try {
        const answer = await this.#send(work);
        const isReplaced = this.at(work) !== work;
        if (!isReplaced) this.#settle(work, answer);
        this.on.sent(work);
        return isReplaced && work.kind !== "draft" ? null : answer;
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

  /** The server has it; what was changed behind it becomes a draft of the annotation that it made. */
  #settle(work, { id, updated_at: base }) {
    const { task, project, later } = work;
    this.drop(work);
    if (later) this.#deliverAlone({ task, project, kind: "draft", annotation: id, base, body: later });
  }

  async #deliverAlone(work) {
    try {
      const answer = await this.deliver(work);
      if (answer) await this.on.saved(work, answer);
    } catch (error) {
      this.on.refused(work, error);
    }
  }

  /** One at a time, so that a draft never arrives behind the annotation that it became. */
  #send(work) {
    const sent = this.sending.catch(() => {}).then(() => transmit(work));
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

  #key(work) {
    return this.prefix + slotOf(work);
  }

  /** What does not read as a work stays where it is. */
  #stored() {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
    return keys.flatMap((key) => {
      const work = parsed(localStorage.getItem(key));
      if (!work?.task || !work.body || this.#key(work) !== key) return [];
      delete work.refusal;
      return [work];
    });
  }
}

/** What the person left last: what they submitted, with what they changed since. */
export function latest({ body, later }) {
  return { ...body, ...later };
}

function slotOf({ task, annotation, uniqueId }) {
  return `${task}:${annotation ?? uniqueId}`;
}

async function transmit({ task, kind, annotation, base, body, earlier }) {
  if (kind === "update") return update(annotation, base, body, earlier);
  if (kind === "draft") {
    return request("POST", `/api/tasks/${task}${annotation ? `/annotations/${annotation}` : ""}/drafts`, body);
  }
  const made = await request("POST", `/api/tasks/${task}/annotations`, body);
  if (isOf(made, body)) return made;
  // An earlier submission made it, whose answer was lost. Nobody else's change is taken back: only the state in which
  // it was made, or which we sent, is changed.
  const { result, was_cancelled, lead_time, draft_id } = body;
  return update(made.id, made.created_at, { result, was_cancelled, lead_time, draft_id }, earlier);
}

async function update(annotation, base, body, earlier = []) {
  try {
    return await request("PATCH", `/api/annotations/${annotation}`, body, base && { "if-match": `"${base}"` });
  } catch (error) {
    const current = error.status === 412 && error.body.current;
    if (!current) throw error;
    // Our own change, whose answer was lost.
    if (isOf(current, body)) return current;
    if (earlier.some((sent) => sent.result && isOf(current, sent))) return update(annotation, current.updated_at, body);
    throw error;
  }
}

/** Is the annotation what this body asks for? */
function isOf(annotation, { result, was_cancelled: isSkipped }) {
  return (
    (result === undefined || isSame(annotation.result, result)) &&
    (isSkipped === undefined || annotation.was_cancelled === isSkipped)
  );
}
