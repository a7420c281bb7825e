// The editor shows texts as HTML in places that nobody would expect: errors, sizes of labels. The server has cleaned
// what is meant to be HTML; here everything else loses what could run before it becomes a part of the page.

const HTML = "http://www.w3.org/1999/xhtml";
const REMOVED = "script, iframe, frame, object, embed, applet, base, link, meta, svg, math, template, noscript";
/** Attributes that load or lead somewhere by script, and those that a library would obey. */
const ACTS = /^(on|hx-|data-hx-|form|action$|srcdoc$|ping$|is$)/i;
const LEADS = /^[\s\u0000-\u0020]*(javascript|vbscript|data\s*:(?!\s*image\/))/i;

/** From now on every text that becomes HTML in this page is harmless, and documents in frames run nothing. */
export function guard() {
  if (guard.isOn) return;
  guard.isOn = true;
  const inner = setterOf(Element.prototype, "innerHTML", function (text, set) {
    put(this, text, () => set.call(this, text));
  });
  setterOf(Element.prototype, "outerHTML", function (text) {
    this.replaceWith(harmless(text));
  });
  Element.prototype.insertAdjacentHTML = function (where, text) {
    const parts = harmless(text);
    if (where === "beforebegin") this.before(parts);
    else if (where === "afterbegin") this.prepend(parts);
    else if (where === "beforeend") this.append(parts);
    else this.after(parts);
  };
  setterOf(HTMLIFrameElement.prototype, "srcdoc", function (text, set) {
    set.call(this, confined(text));
  });
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (/^on/i.test(name)) return;
    const isDocument = this instanceof HTMLIFrameElement && /^srcdoc$/i.test(name);
    setAttribute.call(this, name, isDocument ? confined(value) : value);
  };

  /** The children of an element from a text. */
  function put(element, text, asItIs) {
    text = String(text ?? "");
    // A stylesheet is text, and what has no tag cannot be anything else.
    if (!text.includes("<") || element instanceof HTMLStyleElement || element instanceof HTMLTextAreaElement) return asItIs();
    // Not in the page: a library of the editor reads HTML in a document of its own.
    if (element instanceof HTMLTemplateElement || element.ownerDocument !== document) return asItIs();
    if (element.namespaceURI !== HTML) return void (element.textContent = text);
    element.replaceChildren(harmless(text));
  }

  /** Its elements, cleaned as a tree: no text is read twice, so none can mean two things. */
  function harmless(text) {
    const template = document.createElement("template");
    inner.call(template, String(text));
    const { content } = template;
    for (const element of content.querySelectorAll(REMOVED)) element.remove();
    for (const element of content.querySelectorAll("*")) {
      for (const { name, value } of [...element.attributes]) {
        if (ACTS.test(name) || LEADS.test(value)) element.removeAttribute(name);
      }
    }
    return document.importNode(content, true);
  }
}

/** Annotating a document needs its tree and its events, not its scripts. A sandbox without scripts would hold back the
    events too; this policy, beside the page's own, lets nothing in the document run, load a frame or send a form. */
const POLICY = "script-src 'none'; object-src 'none'; frame-src 'none'; form-action 'none'; base-uri 'none'";

/** The document, whose first element is its policy. */
function confined(text) {
  const [doctype] = /^\s*<!doctype[^>]*>/i.exec(text) ?? [""];
  return `${doctype}<meta http-equiv="Content-Security-Policy" content="${POLICY}">${String(text).slice(doctype.length)}`;
}

/** Puts `change(text, set, element)` before a setter, and gives the setter itself. */
function setterOf(prototype, name, change) {
  const property = Object.getOwnPropertyDescriptor(prototype, name);
  const { set } = property;
  Object.defineProperty(prototype, name, {
    ...property,
    set(text) {
      change.call(this, text, set);
    },
  });
  return set;
}
