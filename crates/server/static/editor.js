// Label Studio's editor in a page of ours. It is published only as a part of Label Studio's own application: its
// webpack chunks are loaded, their modules used, and the application in them is never started.

import { guard } from "./editor_guard.js";

/** This page's own script: whoever carries its nonce may run. */
const own = document.getElementById("own");

/** Loads the editor; `loading` is the server's `Loading` (src/editor.rs). Resolves to the class `LabelStudio`. */
export async function loadEditor({ scripts, editor, tailwind, flags }, user) {
  window.APP_SETTINGS = {
    hostname: location.origin,
    user,
    feature_flags: flags,
    feature_flags_default_value: false,
    editor_keymap: {},
    lookupHotkey: () => null,
  };
  followColorScheme();
  guard();
  // Until webpack's runtime runs, chunks gather in a plain array.
  const chunks = (window.webpackChunklabelstudio = []);
  const runtime = scripts.at(-1);
  await Promise.all(scripts.slice(0, -1).map(load));
  // The third part of a chunk would start the application.
  for (const chunk of chunks) chunk.length = 2;
  await load(runtime);
  const module = await new Promise((ready) => chunks.push([["longshore"], {}, ready]));
  // For what webpack loads later.
  module.nc = own.nonce;
  module(editor);
  const style = document.createElement("style");
  style.textContent = module(tailwind).A.toString();
  document.head.prepend(style);
  return window.LabelStudio;
}

/** Scripts load side by side and run in their order. */
function load(address) {
  return new Promise((ready, failed) => {
    const script = document.createElement("script");
    script.async = false;
    script.nonce = own.nonce;
    script.src = address;
    script.onload = ready;
    script.onerror = () => failed(new Error(`${address} could not be loaded`));
    document.head.append(script);
  });
}

function followColorScheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.setAttribute("data-color-scheme", dark.matches ? "dark" : "light");
  dark.addEventListener("change", follow);
  follow();
}

/** A task of the API as the editor takes it. `editable` is false for people who may only look. */
export function forEditor(task, editable) {
  const readonly = !editable;
  return {
    ...task,
    annotations: (task.annotations ?? []).map(({ id, ...annotation }) => ({
      ...annotation,
      pk: String(id),
      readonly,
      createdBy: annotation.created_username,
      createdAgo: annotation.created_ago,
      createdDate: annotation.created_at,
      leadTime: annotation.lead_time ?? 0,
      skipped: annotation.was_cancelled ?? false,
      completed_by: person(annotation),
    })),
    predictions: (task.predictions ?? []).map(({ id, ...prediction }) => ({
      ...prediction,
      pk: String(id),
      createdBy: prediction.model_version?.trim() ?? "",
      createdAgo: prediction.created_ago,
      createdDate: prediction.created_at,
    })),
  };
}

/** Label Studio's ` ann@example.com, 7` as a person of the editor. */
function person({ completed_by: id, created_username: name }) {
  if (typeof id !== "number") return undefined;
  return { id, email: name?.split(",")[0].trim() || null };
}

/** Shows a task (of `forEditor`) in an editor that is there, in place of the one before, and with another labeling
 *  config when one is given. */
export function replaceTask(store, task, config) {
  const users = task.annotations.map((annotation) => annotation.completed_by).filter(Boolean);
  store.clearApp();
  store.resetState();
  store.enrichUsers(users);
  store.assignTask({ id: task.id, data: task.data });
  if (config) store.assignConfig(config);
  store.initializeStore({
    ...task,
    annotations: task.annotations.map((annotation) => ({ ...annotation, completed_by: annotation.completed_by?.id })),
  });
  store.renderApp();
}
