// Task data for a labeling config that has no tasks yet: for each `$field`, a sample that its tag can show.

const TEXT =
  "Ada Lovelace wrote the first program for Charles Babbage's machine in London in 1843. It was never run while she lived.";
const HTML = `<h2>Ada Lovelace</h2><p>${TEXT}</p>`;
const ITEMS = [
  { id: "1", title: "First", body: "The first item", html: "<p>The first item</p>" },
  { id: "2", title: "Second", body: "The second item", html: "<p>The second item</p>" },
  { id: "3", title: "Third", body: "The third item", html: "<p>The third item</p>" },
];
const CHAT = [
  { author: "Ann", text: "Where is the first program?", content: "Where is the first program?", role: "user", start: 0, end: 1.5 },
  { author: "Bob", text: "In the notes of 1843.", content: "In the notes of 1843.", role: "assistant", start: 1.5, end: 3 },
];

/** Data for every field of the config (an XML document); `files` are addresses: {image, audio, video, pdf, text}. */
export function samplesFor(xml, files) {
  const data = {};
  for (const element of xml.getElementsByTagName("*")) {
    const field = element.getAttribute("value")?.match(/^\$([\w-]+)(.*)$/);
    const list = element.getAttribute("valueList")?.match(/^\$([\w-]+)$/);
    if (list) data[list[1]] = [files.image, files.image];
    if (!field) continue;
    const [, key, rest] = field;
    const sample = sampleOf(element, files);
    const member = rest.match(/^\[[^\]]*\]\.?([\w-]*)/);
    if (!member) data[key] = sample;
    else if (!member[1]) data[key] = [sample, sample];
    else data[key] = [0, 1].map((place) => ({ ...data[key]?.[place], [member[1]]: sample }));
  }
  return data;
}

function sampleOf(element, files) {
  const isUrl = element.getAttribute("valueType") === "url";
  switch (element.tagName.toLowerCase()) {
    case "image":
    case "bitmask":
      return files.image;
    case "audio":
    case "audioplus":
      return files.audio;
    case "video":
      return files.video;
    case "pdf":
      return files.pdf;
    case "hypertext":
      return isUrl ? files.text : HTML;
    case "paragraphs":
    case "chat":
      return CHAT;
    case "timeseries":
      return series(element);
    case "table":
      return { name: "Ada Lovelace", born: 1815, city: "London" };
    case "list":
    case "ranker":
      return ITEMS;
    // Controls whose choices come with the task.
    case "choices":
    case "labels":
    case "taxonomy":
      return [{ value: "First" }, { value: "Second" }, { value: "Third" }];
    default:
      if (element.tagName.endsWith("Labels")) return [{ value: "First" }, { value: "Second" }];
      return isUrl ? files.text : TEXT;
  }
}

/** Columns as the tag and its channels name them. */
function series(element) {
  const steps = [...Array(120).keys()];
  const columns = { [element.getAttribute("timeColumn") ?? "time"]: steps };
  [...element.getElementsByTagName("Channel")].forEach((channel, place) => {
    columns[channel.getAttribute("column")] = steps.map((step) => Math.sin(step / (6 + place)) * (place + 1));
  });
  return columns;
}
