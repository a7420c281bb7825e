// The editor on samples, in a frame of the page where a labeling config is written. That page sends
// {config, data} (data may be left out) to this window; only pages of our own origin are heard.

import { request } from "./annotate_api.js";
import { loadEditor, replaceTask } from "./editor.js";
import { samplesFor } from "./label_samples.js";

const page = JSON.parse(document.getElementById("page").textContent);
const banner = document.getElementById("banner");
const asked = { config: page.config, data: null };
let store = null;

if (page.editor) start();

async function start() {
  const LabelStudio = await loadEditor(page.editor, page.user);
  store = await opened(LabelStudio);
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
  await draw();
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

/** What was asked last; the answers to earlier ones come too late. */
let turn = 0;

async function draw() {
  const { config, data: given } = asked;
  const mine = ++turn;
  try {
    const xml = new DOMParser().parseFromString(config, "text/xml");
    const wrong = xml.querySelector("parsererror");
    if (wrong) return complain(`It is not well-formed XML: ${wrong.querySelector("div")?.textContent.trim() ?? ""}`);
    // The server cleans the HTML of both: the editor gets nothing else.
    const shown = await request("POST", `/projects/${page.project}/label-preview/shown`, { label_config: config });
    if (mine !== turn) return;
    if (shown.config === null) return complain("It is not well-formed XML.");
    complain("");
    const first = shown.task?.data;
    const samples = samplesFor(xml, page.samples);
    const known = Object.keys(samples).every((key) => key in (first ?? {})) ? first : null;
    const data = { ...samples, ...known, ...given };
    replaceTask(store, { id: 1, data, annotations: [], predictions: [] }, shown.config);
    const annotation = store.annotationStore.createAnnotation();
    store.annotationStore.selectAnnotation(annotation.id);
  } catch (error) {
    if (mine === turn) complain(error.message);
  }
}

/** What is wrong, above the editor; nothing when the text is empty. */
function complain(text) {
  banner.hidden = !text;
  banner.replaceChildren(Object.assign(document.createElement("p"), { textContent: text && `The editor cannot show this config: ${text}` }));
}
