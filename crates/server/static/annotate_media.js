// Can the browser load what a task shows? A video player that cannot stays blank without a word, so each address is
// asked for its first byte, and what is wrong is said above the editor.

import { parsed, request } from "./annotate_api.js";

const RESOLVE = /^\/tasks\/\d+\/(resolve|shown-html)/;
/** Of a task with hundreds of pages, the first say enough. */
const MOST_PROBES = 12;

/** What the page shows and cannot be loaded: [{title, text, fix, command, after, link}]. */
export async function probe(data, page) {
  const shown = Object.entries(data).filter(([key]) => page.project.config.includes(`$${key}`));
  const addresses = new Set();
  for (const [, value] of shown) mapTexts(value, (text) => (RESOLVE.test(text) || isForeign(text)) && addresses.add(text));
  const problems = await Promise.all([...addresses].slice(0, MOST_PROBES).map((address) => problemOf(address, page)));
  return problems.filter(Boolean);
}

/** A player, or its source, whose file is there, and no film or sound that the browser knows. */
export function unplayable({ currentSrc, src }) {
  return {
    title: `${blobOf(currentSrc || src).name} cannot be played`,
    text: "The file can be read, but this browser does not know its format. MP4 with H.264, MP3 and WAV play in all browsers: convert it, and sync the storage again.",
  };
}

async function problemOf(address, page) {
  if (isForeign(address)) return foreign(address);
  const blob = blobOf(address);
  const problem = (text, more) => ({ title: `${blob.name} cannot be shown`, text, ...more });
  let answer;
  try {
    // Past the browser's cache, which would answer for what was there once.
    answer = await fetch(address, { headers: { range: "bytes=0-0" }, cache: "no-store", signal: AbortSignal.timeout(30_000) });
  } catch {
    return unreadable(address, blob, problem, page);
  }
  if (answer.status === 416 || answer.headers.get("content-length") === "0") return problem("The blob is empty: it has no bytes.");
  if (answer.ok) {
    answer.body?.cancel();
    return null;
  }
  const detail = parsed(await answer.text())?.detail;
  return askServer(address, problem, detail ?? (answer.redirected ? "Azure refused the pre-signed link." : `The server answered ${answer.status}.`));
}

/** The browser got no answer that it may read. */
async function unreadable(address, blob, problem, { media_url }) {
  const first = await fetch(address, { redirect: "manual" }).catch(() => null);
  first?.body?.cancel();
  if (!first) return problem("The server does not answer. Check the connection.");
  if (first.type !== "opaqueredirect") return problem("The connection broke while the blob was read.");
  const account = `the storage account ${blob.account ?? ""}`;
  return askServer(
    address,
    problem,
    media_url
      ? `The server reads the blob, and this browser reaches neither ${account} nor ${media_url}, from one of which it comes: ` +
          "a firewall, the network, or a name that does not lead to this server. Ask who runs it."
      : `This browser does not reach ${account}, and the server does: a firewall or the network ` +
          "keeps the browser away. With pre-signed URLs off in the storage, media come through the server.",
  );
}

/** What the server finds when it looks itself; `otherwise` when it finds nothing. */
async function askServer(address, problem, otherwise) {
  let found;
  try {
    found = await request("GET", address.replace(/\/(resolve|shown-html)/, "/unreadable"));
  } catch (error) {
    return problem(error.words);
  }
  if (!found) return problem(otherwise);
  const { text, command, portal } = found.fix;
  return problem(found.cause, {
    fix: command ? `${text.replace(/[.:]$/, "")}:` : text,
    command,
    after: portal && `In the Azure portal: ${portal}.`,
    link: found.check,
  });
}

function foreign(address) {
  const host = new URL(address).host;
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
