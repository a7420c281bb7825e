// The editor on the page: what it shows of a task, and what it tells of a person's work.

import { isSame, uuid } from "./annotate_api.js";
import { latest } from "./annotate_outbox.js";
import { forEditor, loadEditor, replaceTask } from "./editor.js";

/** As often as the editor saves drafts. */
const SAVED_EVERY_MS = 5000;
const LOOKING = ["basic", "panel", "topbar", "infobar", "side-column", "annotations:menu", "annotations:tabs",
  "annotations:current", "annotations:view-all", "predictions:menu", "predictions:tabs"];
const ANNOTATING = [...LOOKING, "controls", "submit", "update", "skip", "predictions", "edit-history",
  "annotations:add-new", "annotations:delete"];

export class Editing {
  /** `on`: `submit(work)`, `update(work)`, `skip(work)`, `unskip(work)`, `saveDraft(work)` (resolves to the draft),
   *  `remove({annotation, draft, work})`. */
  constructor(page, outbox, on) {
    this.page = page;
    this.outbox = outbox;
    this.on = on;
    this.store = null;
    /** What the server got since the task is shown. */
    this.sent = null;
    /** Annotation of the editor to the `unique_id` under which it is submitted, however often. */
    this.uniqueIds = new Map();
  }

  async load() {
    const LabelStudio = await loadEditor(this.page.editor, this.page.user);
    const working = this.page.may_annotate && {
      onSubmitDraft: (_, annotation) => this.#draft(annotation),
      onSubmitAnnotation: (_, annotation) => this.#submit(annotation),
      onUpdateAnnotation: (_, annotation) => this.#submit(annotation),
      onSkipTask: () => this.#skip(this.selected),
      onUnskipTask: () => this.on.unskip(this.work("update")),
      onDeleteAnnotation: (_, annotation) =>
        this.on.remove({ annotation: this.#serverId(annotation), draft: annotation.draftId, work: this.work("draft", annotation) }),
    };
    // The editor saves no drafts of what was submitted, though it may not have arrived.
    if (working) setInterval(() => this.selected?.submissionStarted && this.flush(), SAVED_EVERY_MS);
    this.store = await new Promise((onStorageInitialized) => {
      new LabelStudio("editor", {
        config: this.page.project.config,
        user: this.page.user,
        interfaces: this.page.may_annotate ? ANNOTATING : LOOKING,
        onStorageInitialized,
        ...working,
      });
    });
  }

  get selected() {
    return this.store?.annotationStore.selected;
  }

  /** Is there something that neither the server nor this computer has kept? */
  get isUnsaved() {
    const annotation = this.selected;
    if (!annotation || !this.page.may_annotate || annotation.type !== "annotation") return false;
    const { hasChanges, lastAdditionTime } = annotation.history;
    if (!hasChanges || new Date(lastAdditionTime) <= new Date(annotation.draftSaved ?? 0)) return false;
    const kept = this.outbox.at(this.work("draft"));
    const known = kept ? [kept] : [...this.outbox.of(this.task.id), this.sent].filter(Boolean);
    return known.every((work) => this.hasChangedSince({ body: latest(work) }));
  }

  isShown(annotation) {
    return this.#serverId(this.selected) === annotation;
  }

  /** The id on the server of what is shown, or null. */
  get shown() {
    return this.#serverId(this.selected);
  }

  /** Is this the work of what is shown? */
  isOf({ annotation, uniqueId }) {
    return annotation ? this.isShown(annotation) : this.uniqueIds.get(this.selected?.id) === uniqueId;
  }

  hasChangedSince({ body }) {
    return body.result !== undefined && !isSame(this.selected.serializeAnnotation(), body.result);
  }

  /** Shows a task with this annotation, else with what the person left, else what they made, else something new. */
  show(task, wanted) {
    this.task = task;
    this.sent = null;
    this.uniqueIds.clear();
    replaceTask(this.store, forEditor(task, this.page.may_annotate));
    const { annotationStore } = this.store;
    const drafts = this.#drafts().map((draft) => this.#restore(draft)).filter(Boolean);
    const of = (id) => annotationStore.annotations.find(({ pk }) => pk === String(id));
    const own = task.annotations.filter(({ completed_by }) => completed_by === this.page.user.id).at(-1);
    const chosen = of(wanted) ?? drafts.at(-1) ?? of(own?.id) ?? this.#fresh(annotationStore);
    if (chosen.type === "prediction") annotationStore.selectPrediction(chosen.id);
    else annotationStore.selectAnnotation(chosen.id);
  }

  /** Waits until a change that was just made is saved as a draft. */
  async flush() {
    // Not by the editor, which saves none while it saves one, and none of what was submitted.
    if (this.isUnsaved) await this.#draft(this.selected);
  }

  /** The selected annotation as something to send. */
  work(kind, annotation = this.selected) {
    const draft = this.task.drafts?.find(({ id }) => id === annotation.draftId);
    const isDraft = kind === "draft";
    const id = this.#serverId(annotation);
    const body = {
      result: annotation.serializeAnnotation(),
      lead_time:
        (Date.now() - annotation.loadedDate.getTime()) / 1000 +
        (draft?.lead_time ?? 0) +
        (isDraft ? 0 : Number(annotation.leadTime ?? 0)),
    };
    if (!isDraft && annotation.draftId) body.draft_id = annotation.draftId;
    const uniqueId = id ? undefined : this.#uniqueId(annotation);
    if (kind === "submit") {
      body.was_cancelled = false;
      body.unique_id = uniqueId;
      body.parent_prediction = annotation.parent_prediction ?? null;
      body.parent_annotation = annotation.parent_annotation ?? null;
    }
    const base = this.task.annotations.find((known) => known.id === id)?.updated_at;
    return { task: this.task.id, project: this.page.project.id, kind, annotation: id, uniqueId, base, body };
  }

  #fresh(annotationStore) {
    const { annotations, predictions } = annotationStore;
    if (!this.page.may_annotate) {
      const shown = annotations[0] ?? predictions[0] ?? annotationStore.createAnnotation();
      shown.setReadonly(true);
      return shown;
    }
    if (!annotations.length && predictions.length) return annotationStore.addAnnotationFromPrediction(predictions[0]);
    return annotationStore.createAnnotation();
  }

  /** The server's drafts of the task, with what is kept on this computer over them. */
  #drafts() {
    const drafts = this.page.may_annotate ? [...(this.task.drafts ?? [])] : [];
    const kept = this.outbox.of(this.task.id).filter((work) => latest(work).result);
    const over = kept.map((work) => {
      const place = drafts.findIndex(({ annotation }) => (annotation ?? null) === work.annotation);
      const [draft] = place < 0 ? [] : drafts.splice(place, 1);
      return {
        created_at: new Date().toISOString(),
        id: 0,
        ...draft,
        annotation: work.annotation,
        result: latest(work).result,
        unique_id: work.uniqueId,
      };
    });
    return [...drafts, ...over];
  }

  #restore(draft) {
    const { annotationStore } = this.store;
    let annotation;
    if (draft.annotation) {
      annotation = annotationStore.annotations.find(({ pk }) => pk === String(draft.annotation));
      if (!annotation) return null;
      annotation.history.freeze();
      annotation.addVersions({ draft: draft.result });
      annotation.deleteAllRegions({ deleteReadOnly: true });
    } else {
      annotation = annotationStore.addAnnotation({ draft: draft.result, userGenerate: true, createdDate: draft.created_at });
    }
    annotationStore.selectAnnotation(annotation.id);
    annotation.deserializeResults(draft.result);
    if (draft.id) annotation.setDraftId(draft.id);
    annotation.setDraftSaved(draft.updated_at ?? draft.created_at);
    annotation.history.safeUnfreeze();
    annotation.history.reinit();
    if (draft.unique_id) this.uniqueIds.set(annotation.id, draft.unique_id);
    return annotation;
  }

  async #draft(annotation) {
    if (!annotation.history.hasChanges && !annotation.draftId) return {};
    const draft = await this.on.saveDraft(this.work("draft", annotation));
    if (draft.id) annotation.setDraftId(draft.id);
    return draft;
  }

  /** The editor still works on its annotation when this returns; it goes on with the page when it is done. */
  #submit(annotation) {
    const work = this.work(this.#serverId(annotation) ? "update" : "submit", annotation);
    setTimeout(() => this.on[work.kind](work));
  }

  #skip(annotation) {
    const work = this.work(this.#serverId(annotation) ? "update" : "submit", annotation);
    work.body.was_cancelled = true;
    setTimeout(() => this.on.skip(work));
  }

  #uniqueId(annotation) {
    if (!this.uniqueIds.has(annotation.id)) this.uniqueIds.set(annotation.id, uuid());
    return this.uniqueIds.get(annotation.id);
  }

  /** Its id on the server, or null. */
  #serverId(annotation) {
    const id = Number(annotation?.pk);
    return this.task.annotations.some((known) => known.id === id) ? id : null;
  }
}
