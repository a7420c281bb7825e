// What the person annotated last in the project: the list behind the bar's button, and where Previous leads.

import { request } from "./annotate_api.js";

export class LabelHistory {
  /** `open(task)` leaves what is shown and shows a task. */
  constructor(page, open) {
    this.page = page;
    this.open = open;
    /** [{taskId, at, name, wasCancelled}], newest first. */
    this.entries = [];
  }

  async load() {
    if (!this.page.may_annotate) return;
    const address = `/api/projects/${this.page.project.id}/label-stream-history`;
    this.entries = await request("GET", address).catch(() => []);
    this.#draw();
  }

  /** An annotation of the task (of the API) was made. */
  add(annotation, { id, storage_filename: name }) {
    this.entries = this.entries.filter(({ taskId }) => taskId !== id);
    this.entries.unshift({ taskId: id, at: annotation.created_at, name, wasCancelled: annotation.was_cancelled });
    this.#draw();
  }

  /** This task is shown now. */
  at(task) {
    this.task = task;
    this.#draw();
  }

  /** The one that was annotated before this task; the last one when this is not annotated yet. */
  before(task) {
    return this.#tasks()[this.#tasks().indexOf(task) + 1];
  }

  /** The one that was annotated after it. */
  behind(task) {
    return this.#tasks()[this.#tasks().indexOf(task) - 1];
  }

  #tasks() {
    return [...new Set(this.entries.map(({ taskId }) => taskId))];
  }

  #draw() {
    const list = document.querySelector("#history-dialog ol");
    list.replaceChildren(...this.entries.map((entry) => this.#item(entry)));
    if (!this.entries.length) list.append(Object.assign(document.createElement("li"), { textContent: "Nothing yet." }));
    const previous = document.getElementById("previous");
    if (previous) previous.disabled = !this.before(this.task);
  }

  #item({ taskId, at, name, wasCancelled: isSkipped }) {
    const link = document.createElement("a");
    link.href = `/projects/${this.page.project.id}/tasks/${taskId}`;
    link.textContent = name ?? `Task ${taskId}`;
    if (taskId === this.task) link.setAttribute("aria-current", "page");
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      document.getElementById("history-dialog").close();
      this.open(taskId);
    });
    const item = document.createElement("li");
    const when = new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    item.append(link, ` ${isSkipped ? "skipped" : "annotated"} ${when}`);
    return item;
  }
}
