// The editor on samples, in a frame of the page where a labeling config is written. That page sends
// {config, data} (data may be left out) to this window; only pages of our own origin are heard.

import { request } from "./annotate_api.js";
import { throughServer } from "./annotate_media.js";
import { loadEditor, replaceTask } from "./editor.js";
import { samplesFor } from "./label_samples.js";

const page = JSON.parse(document.getElementById("page").textContent);
const banner = document.getElementById("banner");
const asked = { config: page.config, data: null };
let store = null;
/** Data of the project's first task, when it has one. */
let first = null;

if (page.editor) start();

async function start() {
  const LabelStudio = await loadEditor(page.editor, page.user);
  [store, first] = await Promise.all([opened(LabelStudio), firstTask()]);
  addEventListener("message", ({ origin, data: message }) => {
    if (origin !== location.origin || typeof message?.config !== "string") return;
    if (message.config === asked.config && !message.data && !asked.data) return;
    Object.assign(asked, { data: null }, message);
    draw();
  });
  addEventListener("error", (event) => {
    // Media that ended loading after their config was replaced: nobody looks at them any more.
    if (event.message.includes("[dead]")) event.preventDefault();
    else complain(event.message);
  });
  addEventListener("unhandledrejection", ({ reason }) => complain(reason?.message ?? String(reason)));
  draw();
  parent.postMessage({ preview: "ready" }, location.origin);
}

function opened(LabelStudio) {
  return new Promise((onStorageInitialized) => {
    new LabelStudio("editor", {
      config: "<View></View>",
      user: page.user,
      interfaces: ["basic", "panel", "controls", "side-column", "edit-history"],
      onStorageInitialized,
    });
  });
}

async function firstTask() {
  try {
    const { tasks } = await request("GET", `/api/tasks?project=${page.project}&page_size=1&fields=all`);
    return tasks.length ? throughServer(tasks[0], page.blob_hosts) : null;
  } catch {
    return null;
  }
}

function draw() {
  complain("");
  try {
    const xml = new DOMParser().parseFromString(asked.config, "text/xml");
    const wrong = xml.querySelector("parsererror");
    if (wrong) return complain(`It is not well-formed XML: ${wrong.querySelector("div")?.textContent.trim() ?? ""}`);
    const samples = samplesFor(xml, page.samples);
    const known = Object.keys(samples).every((key) => key in (first ?? {})) ? first : null;
    const data = { ...samples, ...known, ...asked.data };
    replaceTask(store, { id: 1, data, annotations: [], predictions: [] }, asked.config);
    const annotation = store.annotationStore.createAnnotation();
    store.annotationStore.selectAnnotation(annotation.id);
  } catch (error) {
    complain(error.message);
  }
}

/** What is wrong, above the editor; nothing when the text is empty. */
function complain(text) {
  banner.hidden = !text;
  banner.replaceChildren(Object.assign(document.createElement("p"), { textContent: text && `The editor cannot show this config: ${text}` }));
}
