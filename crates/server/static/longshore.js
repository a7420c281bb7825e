// What the pages do beyond HTML, declared by attributes:
//   data-events="URL"            HTML that the server sends (SSE) replaces the element's content; in it,
//                                <template data-for="ID"> replaces the content of that element, if there is
//                                one, and with data-reloads asks for the whole page again
//   data-live="URL"              asks now and then (data-every, data-method, data-state) and reloads when the state is another
//   data-copy="ID"               the button copies the text of the element with that id
//   data-dialog="ID"             the button opens that <dialog>; data-close in it closes it
//   <time datetime>              shown in the person's own time zone
//   data-selects="NAME"          a form whose checkboxes NAME are counted into [data-selected]
//   data-indents                 a textarea whose Tab key indents; Esc lets the next Tab leave it
//   data-go-to="ID"              the button puts the cursor of that textarea at data-line and data-column (from 1)
//   data-preview-of="ID"         a frame that gets that textarea's text when it says {preview: "ready"}, and whenever
//                                htmx has replaced the element data-preview-checked, unless an error is in it
"use strict";

const all = (selector, within = document) => within.querySelectorAll(selector);

// Live parts. A tab that nobody sees holds no connection: browsers allow six per server.
const live = new Set();
document.addEventListener("visibilitychange", () => {
  for (const { listen, stop } of live) (document.hidden ? stop : listen)();
});
function watch(part) {
  let source = null;
  let lostAt = null; // Since when the part may be out of date,
  let line = null; // which this says next to it.
  const stop = () => {
    source?.close();
    source = null;
  };
  const listen = () => {
    if (source || document.hidden || !part.isConnected) return;
    source = new EventSource(part.dataset.events);
    source.onmessage = ({ data }) => {
      lostAt = null;
      line?.remove();
      line = null;
      replace(part, data);
    };
    source.onerror = () => {
      lostAt ??= new Date();
      setTimeout(complain, 3000);
      // The browser comes again by itself, unless the server refused it.
      if (source?.readyState !== EventSource.CLOSED) return;
      stop();
      setTimeout(listen, 5000);
    };
  };
  const complain = async () => {
    const answer = lostAt && await fetch("/api/current-user/whoami").catch(() => null);
    if (!lostAt || document.hidden || !part.isConnected) return;
    const at = lostAt.toLocaleTimeString([], { timeStyle: "short" });
    if (!line) {
      line = document.createElement("p");
      line.className = "notice";
      line.setAttribute("role", "status");
      part.before(line);
    }
    if (answer?.status === 401) {
      const link = document.createElement("a");
      link.href = `/user/login?next=${encodeURIComponent(location.pathname + location.search)}`;
      link.textContent = "Sign in";
      line.replaceChildren(`You are signed out: this is how it was at ${at}. `, link);
    } else {
      line.textContent = `No connection: this is how it was at ${at}. Trying again …`;
    }
  };
  live.add({ part, listen, stop });
  listen();
}

/** The element's new content, with the focus where it was; templates in it are for other elements. */
function replace(element, html) {
  if (element.dataset.shown === html) return;
  element.dataset.shown = html;
  const focused = element.contains(document.activeElement) && document.activeElement.id;
  element.innerHTML = html;
  for (const template of all("template[data-for]", element)) {
    template.remove();
    const other = document.getElementById(template.dataset.for);
    if (other && "reloads" in template.dataset) location.reload();
    else if (other) replace(other, template.innerHTML);
  }
  prepare(element);
  globalThis.htmx?.process(element);
  if (focused) document.getElementById(focused)?.focus();
}

// Parts that are asked for.
for (const part of all("[data-live]")) {
  const { live, method, state, every } = part.dataset;
  const ask = async () => {
    try {
      const answer = await fetch(live, { method, headers: { accept: "application/json" } });
      // The page itself leads to the sign-in page.
      if (answer.status === 401 || (answer.ok && (await answer.json()).state !== state)) {
        location.reload();
        return;
      }
    } catch {
      // The server or the network is away; the next try may find it.
    }
    setTimeout(ask, Number(every));
  };
  setTimeout(ask, Number(every));
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) {
    const text = document.getElementById(button.dataset.copy).textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      // Not over plain http, for instance: select it, so that the keyboard can.
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      say("Selected. Press Ctrl+C to copy.");
    }
  } else if (button.dataset.dialog) {
    document.getElementById(button.dataset.dialog).showModal();
  } else if ("close" in button.dataset) {
    button.closest("dialog").close();
  }
});

// One help text at a time.
document.addEventListener("toggle", ({ target }) => {
  if (!target.open || !target.matches(".help")) return;
  for (const other of all(".help[open], .menu[open]")) if (other !== target) other.open = false;
}, true);
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const open of all(".help[open], .menu[open]")) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
document.addEventListener("click", ({ target }) => {
  for (const open of all(".help[open], .menu[open]")) if (!open.contains(target)) open.open = false;
});

// Checkboxes of a form: how many are chosen, and ranges with Shift.
let last = null;
document.addEventListener("click", ({ target, shiftKey }) => {
  const form = target.closest?.("[data-selects]");
  if (!form || target.type !== "checkbox") return;
  const boxes = [...all(`input[name="${form.dataset.selects}"]`, form)];
  if (target.dataset.all !== undefined) {
    for (const box of boxes) box.checked = target.checked;
  } else if (shiftKey && last && boxes.includes(last)) {
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(target)].sort((a, b) => a - b);
    for (const box of boxes.slice(from, to + 1)) box.checked = target.checked;
  }
  last = target;
  count(form);
});
function count(form) {
  const chosen = all(`input[name="${form.dataset.selects}"]:checked`, form).length;
  for (const place of all("[data-selected]", form)) place.textContent = chosen;
  form.classList.toggle("has-selection", chosen > 0);
}

// Writing a labeling config.
let leaves = false;
document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-indents]")) return;
  if (event.key === "Tab" && !event.shiftKey && !leaves) {
    event.preventDefault();
    // The browser's own editing, so that Ctrl+Z takes it back.
    document.execCommand("insertText", false, "  ");
  }
  leaves = event.key === "Escape";
});
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-go-to]");
  if (!button) return;
  const area = document.getElementById(button.dataset.goTo);
  const lines = area.value.split("\n").slice(0, button.dataset.line - 1);
  const at = lines.reduce((sum, line) => sum + line.length + 1, 0) + Number(button.dataset.column) - 1;
  area.focus();
  area.setSelectionRange(at, at + 1);
  const height = parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, lines.length * height - area.clientHeight / 2);
});
for (const frame of all("[data-preview-of]")) {
  const checked = document.getElementById(frame.dataset.previewChecked);
  const show = () => {
    if (checked.querySelector(".error")) return; // The frame keeps what was right.
    const config = document.getElementById(frame.dataset.previewOf).value;
    frame.contentWindow.postMessage({ config }, location.origin);
  };
  addEventListener("message", ({ source, data }) => {
    if (source === frame.contentWindow && data?.preview === "ready") show();
  });
  document.addEventListener("htmx:afterSwap", ({ target }) => { if (target === checked) show(); });
}

/** A short message for everybody, screen readers included. */
function say(text) {
  const place = document.getElementById("said");
  if (!place) return;
  place.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { place.textContent = ""; }, 5000 + 50 * text.length);
}
// A refusal never takes the place of what was asked for again, and is always said.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { status, responseText } = detail.xhr;
  if (status < 400 || !detail.requestConfig.elt.matches("[hx-swap=none], [hx-select]")) return;
  detail.shouldSwap = false;
  const answer = new DOMParser().parseFromString(responseText, "text/html");
  say(answer.querySelector(".problem")?.textContent || `The server refused it (${status}).`);
});
document.addEventListener("htmx:sendError", () => say("The server does not answer. Check the connection."));
document.addEventListener("htmx:timeout", () => say("The server did not answer in time."));

function prepare(within) {
  for (const time of all("time[datetime]", within)) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime()) || time.title) continue;
    time.title = time.textContent;
    time.textContent = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
  for (const form of all("[data-selects]", within)) count(form);
  for (const gone of live) {
    if (gone.part.isConnected) continue;
    gone.stop();
    live.delete(gone);
  }
  for (const part of all("[data-events]", within)) watch(part);
}
prepare(document);
document.addEventListener("htmx:afterSwap", ({ target }) => prepare(target));
