// The Annotate page: one task after the other in Label Studio's editor, saved by itself, nothing lost.

import { RequestFailed, clock, madeFor, request, uuid } from "./annotate_api.js";
import { Editing } from "./annotate_editing.js";
import { LabelHistory } from "./annotate_history.js";
import { probe, unplayable } from "./annotate_media.js";
import { hide, listMedia, say, show } from "./annotate_notices.js";
import { Outbox, latest } from "./annotate_outbox.js";

const PRESENCE_EVERY_MS = 20_000;

const page = JSON.parse(document.getElementById("page").textContent);
const bar = (id) => document.getElementById(id);

/** The task that is shown, as the API gives it; its `data` as the browser loads it, HTML in it clean. */
let task = null;
/** What the server last said of annotations: id to `updated_at`. */
let versions = new Map();

madeFor(page.user);
const outbox = new Outbox(page, { waiting, sent, saved: arrived, refused });
const editing = new Editing(page, outbox, { submit, update, skip, unskip, remove, saveDraft });
const labeled = new LabelHistory(page, (id) => leave(() => open(id)));

for (const name of ["help", "history", "instructions"]) {
  bar(name)?.addEventListener("click", () => bar(`${name}-dialog`).showModal());
}
// Once in a tab, before somebody begins.
const instructions = bar("instructions-dialog");
if (instructions?.dataset.opens && !sessionStorage.getItem(`instructions-${instructions.dataset.opens}`)) {
  sessionStorage.setItem(`instructions-${instructions.dataset.opens}`, "shown");
  instructions.showModal();
}
// Keys that press a button of ours are not the editor's, and behind a dialog it gets none.
for (const own of document.querySelectorAll(".bar, #notices, dialog")) {
  own.addEventListener("keydown", (event) => {
    const isPress = ["Enter", " ", "Escape"].includes(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isPress || own.matches("dialog")) event.stopPropagation();
  });
}
bar("next")?.addEventListener("click", () => leave(() => next()));
bar("previous")?.addEventListener("click", () => leave(() => open(labeled.before(task.id))));
if (page.editor) start();

async function start() {
  say("Loading …");
  try {
    await editing.load();
  } catch (error) {
    return show("The annotation editor could not be loaded", error.message, [["Try again", () => location.reload()]]);
  }
  history.replaceState({ task: page.task }, "");
  await open(page.task, { annotation: new URLSearchParams(location.search).get("annotation"), isNew: false });
  outbox.resume();
  await labeled.load();
  setInterval(present, PRESENCE_EVERY_MS);
}

/** Gets a task and shows it; again when something of it arrived at the server meanwhile, which is in neither then. */
async function open(id, options) {
  try {
    for (;;) {
      const kept = outbox.of(id);
      const found = await request("GET", `/tasks/${id}/shown`);
      if (kept.every((work) => outbox.at(work))) return await display(found, options);
    }
  } catch (error) {
    cannotOpen(error, () => open(id, options));
  }
}

/** Shows a task in place. `isNew`: it gets its own entry in the browser's history. */
async function display(found, { annotation = null, isNew = true } = {}) {
  task = found;
  versions = new Map(task.annotations.map(({ id, updated_at }) => [id, updated_at]));
  if (isNew) history.pushState({ task: task.id }, "", `/projects/${page.project.id}/tasks/${task.id}`);
  const name = task.storage_filename ?? `Task ${task.id}`;
  document.title = `${name} · ${page.project.title} · Longshore`;
  bar("name").textContent = bar("name").title = name;
  bar("position").textContent =
    task.inner_id <= page.project.task_count ? `${task.inner_id} of ${page.project.task_count}` : `no. ${task.inner_id}`;
  bar("others").textContent = "";
  hide();
  labeled.at(task.id);
  say(page.may_annotate ? "" : "You may look, not annotate.");
  editing.show(task, annotation);
  const refusal = outbox.of(task.id).find((work) => work.refusal);
  if (refusal) refused(refusal, refusal.refusal);
  present();
  lookAtMedia();
}

/** Says what of the task cannot be loaded; of a player (or its source) that failed, else that it cannot be played. */
async function lookAtMedia(failed) {
  const of = task;
  const problems = await probe(of.data, page);
  if (of !== task) return;
  if (!problems.length && failed) problems.push(unplayable(failed));
  listMedia(problems, () => leave(() => open(of.id, { annotation: editing.shown, isNew: false })));
}
document.addEventListener("error", ({ target }) => target.matches?.("video, audio, source") && lookAtMedia(target), true);

/** The editor says over the whole page that a film's format is wrong, whatever is: what was found stands above it. */
function mindDialog(added) {
  const close = async () => {
    const dialog = added.querySelector?.(".ant-modal-confirm-error");
    if (!dialog?.textContent.includes("error rendering your video")) return;
    watch.disconnect();
    if ((await probe(task.data, page)).length) dialog.querySelector("button").click();
  };
  const watch = new MutationObserver(close);
  watch.observe(added, { childList: true, subtree: true });
  close();
}
new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach(mindDialog))).observe(document.body, { childList: true });

/** The next task: one that was left by Previous, else the next to label; `saved` is what was just made here. */
async function next(ahead, saved) {
  const known = labeled.behind(task.id);
  if (known && !saved) return open(known);
  try {
    let found = await ahead;
    if (!found || found.id === task.id) found = await request("GET", nextAddress());
    await display(found);
  } catch (error) {
    if (error.body?.code !== "nothing_left") return cannotOpen(error, () => next());
    if (saved) await open(task.id, { annotation: saved.id, isNew: false });
    show("Nothing left to label", "What is not labeled yet, you have skipped, or somebody else has it open just now.", [
      ["Look again", () => leave(() => next())],
      ["Back to the tasks", () => location.assign(`/projects/${page.project.id}`)],
    ]);
  }
}

function nextAddress() {
  return `/projects/${page.project.id}/shown-next?after=${task.id}`;
}

/** Goes elsewhere when the draft is safe. */
async function leave(go) {
  await editing.flush();
  await go();
}

addEventListener("popstate", ({ state }) => state?.task && leave(() => open(state.task, { isNew: false })));
addEventListener("beforeunload", (event) => {
  if (editing.isUnsaved || !outbox.isEmpty) event.preventDefault();
});
addEventListener("pagehide", () => {
  const work = editing.isUnsaved && editing.work("draft");
  if (work) outbox.keep(work);
});

async function submit(work) {
  const of = task;
  say("Saving …");
  // The next task is asked for meanwhile; it is only shown when this one is saved.
  const ahead = request("GET", nextAddress()).catch(() => null);
  const saved = await delivered(work);
  if (!saved) return;
  labeled.add(saved, of);
  if (of !== task || !editing.isOf(work) || editing.hasChangedSince(work)) return arrived(work, saved);
  await next(ahead, saved);
  say(`Saved ${clock()}`);
}

/** The server has a submission that nobody waits for; when its task is shown, then as it is there. */
async function arrived(work, saved) {
  if (work.task !== task?.id || work.kind === "draft") return;
  if (!editing.isOf(work)) {
    await editing.flush();
  } else if (editing.hasChangedSince(work)) {
    // What was changed meanwhile is a draft of what was submitted.
    const { task: of, project, body } = editing.work("draft");
    await saveDraft({ task: of, project, kind: "draft", annotation: saved.id, base: saved.updated_at, body });
  }
  if (work.task !== task.id) return;
  await open(work.task, { annotation: saved.id, isNew: false });
  say(`Saved ${clock()}`);
}

async function skip(work) {
  return work.kind === "update" ? update(work, (saved) => next(null, saved)) : submit(work);
}

async function update(work, then) {
  const of = task;
  say("Saving …");
  const saved = await delivered(work);
  if (!saved) return;
  if (!then || of !== task || !editing.isOf(work)) return arrived(work, saved);
  await then(saved);
  say(`Saved ${clock()}`);
}

async function unskip(work) {
  await update({ ...work, body: { was_cancelled: false } });
}

async function saveDraft(work) {
  const before = outbox.at(work);
  if (before && before.kind !== "draft") {
    outbox.keep(work);
    return {};
  }
  say("Saving the draft …");
  // The editor waits for its draft before it submits: without a connection that must not be long.
  return new Promise((done) => {
    outbox
      .deliver(work, () => done({}))
      .then((draft) => {
        if (draft && task.id === work.task) say(`Draft saved ${clock()}`);
        done(draft ?? {});
      })
      .catch((error) => {
        refused(work, error);
        done({});
      });
  });
}

async function remove({ annotation, draft, work }) {
  try {
    if (annotation) {
      // The state that is shown: what somebody saved since is not deleted.
      const version = task.annotations.find(({ id }) => id === annotation)?.updated_at;
      await request("DELETE", `/api/annotations/${annotation}`, undefined, version && { "if-match": `"${version}"` });
    } else if (draft) {
      await request("DELETE", `/api/drafts/${draft}`);
    }
    outbox.drop(work);
    await open(work.task, { isNew: false });
    say("Deleted.");
  } catch (error) {
    await open(work.task, { isNew: false });
    show("Not deleted", error.words);
  }
}

/** The saved annotation, or null when something is to be decided first; what, is shown. */
async function delivered(work) {
  try {
    return await outbox.deliver(work);
  } catch (error) {
    refused(work, error);
    return null;
  }
}

/** The server did not get it: it stays on this computer and is tried again. */
function waiting(work, error) {
  say("Not saved");
  const where = work.isKept ? "Kept on this computer" : "Kept in this page (do not close it)";
  if (error.isSignedOut) {
    const title = error.status === 401 ? "Not saved: you are signed out" : "Not saved: somebody else is signed in";
    show(title, `${where}. ${error.message} Sign in again as ${page.user.email} in another tab, and come back.`, [
      ["Sign in again", () => window.open("/user/login", "_blank")],
      ["Try again", () => outbox.retry()],
    ]);
  } else if (error.status === 0) {
    show("Not saved: no connection", `${where}; sending again …`, [["Try now", () => outbox.retry()]]);
  } else {
    show("Not saved yet", `${error.words} ${where}; sending again …`, [["Try now", () => outbox.retry()]]);
  }
}

function sent(work) {
  if (work.task === task?.id) editing.sent = work;
  if (outbox.isEmpty) hide("banner");
}

/** The server does not take it: a person decides. */
function refused(work, error) {
  if (!(error instanceof RequestFailed)) throw error;
  work.refusal = error;
  if (work.task !== task?.id) {
    return show("Not saved", `Your work on task ${work.task}: ${error.words}`, [
      [`Open task ${work.task}`, () => leave(() => open(work.task))],
    ]);
  }
  say("Not saved");
  const drop = async () => {
    outbox.drop(work);
    const { draft_id: draft } = work.body;
    if (draft) await request("DELETE", `/api/drafts/${draft}`).catch(() => null);
    return open(work.task, { annotation: work.annotation, isNew: false });
  };
  const current = error.status === 412 && error.body.current;
  if (current) {
    return conflict(work, current, error, drop);
  }
  show("Not saved", error.words, [
    ["Try again", () => resend(work)],
    ["Drop my changes", drop],
  ]);
}

function conflict(work, current, error, drop) {
  const at = new Date(current.updated_at);
  // The error's words begin with the person.
  const [saver = "Somebody else"] = error.message.match(/^\S+@\S+/) ?? [];
  const isOwn = current.updated_by === page.user.id;
  const title = isOwn ? "You saved this in another window" : "Somebody else was faster";
  show(title, `${isOwn ? "You" : saver} saved this annotation at ${clock(at)}, after you opened it. Yours is kept on this computer and not saved.`, [
    [isOwn ? "Show that one" : "Show theirs", drop],
    [isOwn ? "Keep this as a new annotation" : "Keep mine as a new annotation", () => keepMine(work, current.id)],
  ]);
}

async function keepMine(work, parent) {
  const { task: of, project } = work;
  const uniqueId = uuid();
  const body = { was_cancelled: false, ...latest(work), unique_id: uniqueId, parent_annotation: parent };
  outbox.drop(work);
  hide("banner");
  await update({ task: of, project, kind: "submit", annotation: null, uniqueId, body });
}

async function resend(work) {
  hide("banner");
  delete work.refusal;
  if (work.kind === "draft") await saveDraft(work);
  else await update({ ...work, body: latest(work), later: undefined });
}

function cannotOpen(error, again) {
  if (!(error instanceof RequestFailed)) throw error;
  say("");
  const actions = [["Try again", again]];
  if (error.isSignedOut) actions.unshift(["Sign in again", () => window.open("/user/login", "_blank")]);
  show("The task could not be opened", error.words, actions);
}

/** Tells others that this task is open here, and learns who else has it open and what changed. */
async function present() {
  if (!page.may_annotate || document.hidden) return;
  const of = task;
  const seen = await request("POST", `/api/tasks/${of.id}/presence`).catch(() => null);
  if (!seen || of !== task) return;
  const names = seen.others.map(({ email }) => email);
  bar("others").textContent = names.length ? `Also here: ${names.join(", ")}` : "";
  const changed = seen.annotations.find(({ id, updated_at }) => versions.has(id) && versions.get(id) !== updated_at);
  if (!changed || outbox.of(of.id).length) return;
  versions.set(changed.id, changed.updated_at);
  if (editing.isShown(changed.id)) {
    show("Changed meanwhile", "This annotation was saved elsewhere while you have it open.", [
      ["Show it", () => leave(() => open(of.id, { annotation: changed.id, isNew: false }))],
    ]);
  }
}
