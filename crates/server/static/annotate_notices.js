// What the page says: a short state in the bar, one banner that asks for something, and media that cannot be shown.

const place = (id) => document.getElementById(id);

/** The state in the bar. */
export function say(text) {
  if (place("state")) place("state").textContent = text;
}

/** The banner; `actions` are [label, what to do]. */
export function show(title, text, actions = []) {
  const buttons = actions.map(([label, act]) => {
    const button = element("button", label);
    button.type = "button";
    button.addEventListener("click", () => act());
    return button;
  });
  fill(place("banner"), element("h2", title), element("p", text), row(buttons));
}

/** Takes the notices away, or one of them. */
export function hide(...ids) {
  for (const id of ids.length ? ids : ["banner", "media"]) {
    place(id).hidden = true;
    place(id).replaceChildren();
  }
}

/** What `probe` found. */
export function listMedia(problems, again) {
  if (!problems.length) return hide("media");
  const parts = problems.flatMap(({ title, text, fix, command, after, link }) => [
    element("h2", title),
    element("p", [text, fix].filter(Boolean).join(" ")),
    command && element("pre", command),
    after && element("p", after),
    link && linkTo(link),
  ]);
  const button = element("button", "Try again");
  button.type = "button";
  button.addEventListener("click", again);
  fill(place("media"), ...parts.filter(Boolean), row([button]));
}

function linkTo(address) {
  const link = element("a", "Check the storage's access");
  link.href = address;
  link.target = "_blank";
  const paragraph = element("p", "");
  paragraph.append(link);
  return paragraph;
}

function row(buttons) {
  const actions = element("div", "");
  actions.className = "actions";
  actions.append(...buttons);
  return actions;
}

function fill(section, ...parts) {
  section.replaceChildren(...parts);
  section.hidden = false;
}

function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}
