// Can the browser load what a task shows? A video player that cannot stays blank without a word, so each address is
// asked for its first byte, and what is wrong is said above the editor.

import { parsed } from "./annotate_api.js";

const RESOLVE = /^\/tasks\/\d+\/resolve/;
/** Of a task with hundreds of pages, the first say enough. */
const MOST_PROBES = 12;

/** The data with every blob's address as one of this server, which reads it as the organization may. */
export function throughServer(task, blobHosts) {
  return mapTexts(task.data, (text) => {
    const url = text.startsWith("https://") ? parsedUrl(text) : null;
    return url?.host.endsWith(blobHosts) ? `/tasks/${task.id}/resolve/?fileuri=${encodeURIComponent(text)}` : text;
  });
}

/** What the page shows and cannot be loaded: [{title, text, command, link}]. */
export async function probe(data, page) {
  const shown = Object.entries(data).filter(([key]) => page.project.config.includes(`$${key}`));
  const addresses = new Set();
  for (const [, value] of shown) mapTexts(value, (text) => (RESOLVE.test(text) || isForeign(text)) && addresses.add(text));
  const problems = await Promise.all([...addresses].slice(0, MOST_PROBES).map((address) => problemOf(address, page)));
  return problems.filter(Boolean);
}

async function problemOf(address, page) {
  if (isForeign(address)) return foreign(address, page);
  const blob = blobOf(address);
  const problem = (text, more) => ({ title: `${blob.name} cannot be shown`, text, ...more });
  let answer;
  try {
    answer = await fetch(address, { headers: { range: "bytes=0-0" }, signal: AbortSignal.timeout(30_000) });
  } catch {
    return unreadable(address, blob, page, problem);
  }
  if (answer.ok) {
    answer.body?.cancel();
    return null;
  }
  if (answer.status === 416) return problem("The blob is empty: it has no bytes.");
  const text = await answer.text();
  if (!answer.redirected) {
    const { detail, cause, fix } = parsed(text) ?? {};
    return problem([detail ?? `The server answered ${answer.status}.`, cause].filter(Boolean).join(" "), { fix });
  }
  const code = answer.headers.get("x-ms-error-code");
  const redirect = redirectOf(blob, page);
  return problem(`Azure refused the pre-signed link: ${[code, `status ${answer.status}`].filter(Boolean).join(", ")}.`, {
    link: redirect?.check,
  });
}

/** The browser got no answer that it may read. */
async function unreadable(address, blob, page, problem) {
  const redirect = redirectOf(blob, page);
  const first = await fetch(address, { redirect: "manual" }).catch(() => null);
  first?.body?.cancel();
  if (!first) return problem("The server does not answer. Check the connection.");
  if (!redirect || first.type !== "opaqueredirect") return problem("The connection broke while the blob was read.");
  if (!(await answersAtAll(address))) {
    return problem(
      `This browser does not reach the storage account ${redirect.account}: the network, or the account's firewall, keeps it away. ` +
        "Media can be read through this server instead: switch pre-signed URLs off in the storage.",
      { link: redirect.check },
    );
  }
  const { text, command, portal } = redirect.fix;
  return problem(redirect.cause, {
    fix: `${text.replace(/[.:]$/, "")}:`,
    command,
    after: portal && `In the Azure portal: ${portal}.`,
    link: redirect.check,
  });
}

/** Is there an answer, even one that the page may not read? */
async function answersAtAll(address) {
  const stop = new AbortController();
  try {
    await fetch(address, { mode: "no-cors", signal: stop.signal });
    return true;
  } catch {
    return false;
  } finally {
    stop.abort();
  }
}

function foreign(address, page) {
  const host = new URL(address).host;
  if (page.redirects.some(({ account }) => host.startsWith(`${account}.`))) return null;
  return {
    title: `${address} is not shown`,
    text: `The task names a file of ${host}. Pages of Longshore load only blobs of the project's storages, so that other sites learn nothing of your work. Put the file into a container, and sync it.`,
  };
}

function isForeign(text) {
  return /^https?:\/\/[^\s]+$/.test(text) && parsedUrl(text)?.origin !== location.origin;
}

/** {name, account} of an address of ours; `azure-blob://CONTAINER/NAME` leaves the account open. */
function blobOf(address) {
  const uri = fromBase64(new URL(address, location.origin).searchParams.get("fileuri") ?? "");
  const [, scheme, host, path] = uri.match(/^([a-z-]+):\/\/([^/]+)\/(.*)$/) ?? [];
  if (!path) return { name: "A file of this task" };
  if (!scheme.startsWith("http")) return { name: path };
  return { name: decoded(path.split(/[?#]/)[0].replace(/^[^/]+\//, "")), account: host.split(".")[0] };
}

/** What the page knows of the account that a blob is redirected to. */
function redirectOf({ account }, { redirects }) {
  return redirects.find((redirect) => redirect.account === account) ?? (account ? undefined : redirects[0]);
}

function mapTexts(value, change) {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, mapTexts(member, change)]));
  }
  return value;
}

function parsedUrl(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function fromBase64(text) {
  try {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return new TextDecoder().decode(Uint8Array.from(plain, (letter) => letter.charCodeAt(0)));
  } catch {
    return text;
  }
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
