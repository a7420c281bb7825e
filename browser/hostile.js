// What a stranger may write into data, configs, names and types, and where the editor may show it.

/** Sets this in the window above all, asks this path of the server, and this site. */
export const CANARY = 'strangerRan';
export const POSTED = '/settings/members/2/role';
export const ELSEWHERE = 'evil.example';

const RUN = `top.${CANARY}=1`;
const HTMX = '/static/htmx.min.js';

/** Markup that runs, loads, sends, leads away or obeys a library; much of it by being read twice in two ways. */
export const HTML = [
  `<script>${RUN}</script>`,
  `<svg><style><img><script>${RUN}</script><script src="${HTMX}"></script></style></svg>`,
  `<svg><style><img src=x onerror="${RUN}"></style></svg>`,
  `<svg></p><style><a id="</style><img src=1 onerror=${RUN}>">`,
  `<svg onload="${RUN}"><animate onbegin="${RUN}" attributeName=x /><a xlink:href="javascript:${RUN}"><text>x</text></a></svg>`,
  `<svg><foreignObject><iframe srcdoc="&lt;script&gt;${RUN}&lt;/script&gt;"></iframe></foreignObject></svg>`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${RUN}&gt;"></table></mtext></math>`,
  `<math><annotation-xml encoding="text/html"><script>${RUN}</script></annotation-xml></math>`,
  `<form><math><mtext></form><form><mglyph><style></math><img src onerror=${RUN}>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<noembed><img title="</noembed><img src onerror=${RUN}>"></noembed>`,
  `<template><script>${RUN}</script></template>`,
  `<textarea><img title="</textarea><img src onerror=${RUN}>"></textarea>`,
  `<style>@import url(https://${ELSEWHERE}/a.css); * { background: url(https://${ELSEWHERE}/a.png) }</style>`,
  `<iframe srcdoc="<script>${RUN}</script>"></iframe><iframe src="javascript:${RUN}"></iframe>`,
  `<a href="javascript:${RUN}">link</a><a href="java&#10;script:${RUN}">link</a>`,
  `<img src=x onerror="${RUN}"><input autofocus onfocus="${RUN}"><details open ontoggle="${RUN}">x</details>`,
  `<img src="https://${ELSEWHERE}/b.png"><video poster="https://${ELSEWHERE}/c.png"></video>`,
  `<meta http-equiv=refresh content="0;url=https://${ELSEWHERE}/"><base href="https://${ELSEWHERE}/">`,
  `<form id=f action="${POSTED}" method=post><input name=role value=owner><button autofocus>send</button></form>`,
  `<link rel=stylesheet href="https://${ELSEWHERE}/d.css"><link rel=prefetch href="https://${ELSEWHERE}/e"><link rel=preload as=script href="${HTMX}">`,
  `<object data="https://${ELSEWHERE}/f"></object><embed src="https://${ELSEWHERE}/g">`,
  `<script src="${HTMX}"></script><div hx-post="${POSTED}" hx-vals='{"role":"owner"}' hx-trigger="load">x</div>`,
  `<div data-hx-post="${POSTED}" data-hx-trigger="load" data-events="${POSTED}">x</div>`,
].join('\n');

const attribute = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll('\n', '&#10;');
const BAD = attribute(HTML);
const choices = '<Choices name="c" toName="t"><Choice value="Marked"/></Choices>';
const base64 = (text) => Buffer.from(text).toString('base64');

/** Every tag that shows texts or HTML: `data`, and a config in which the word "Marked" says that it is drawn. */
export const TAGS = {
  'HyperText': { config: `<HyperText name="t" value="$h"/>${choices}`, data: { h: HTML } },
  'HyperText document': { config: `<HyperText name="t" value="$h"/>${choices}`, data: { h: `<html><head>${HTML}</head><body onload="${RUN}">${HTML}</body></html>` } },
  'HyperText inline': { config: `<HyperText name="t" value="$h" inline="true"/>${choices}`, data: { h: HTML } },
  'HyperText in base64': { config: `<HyperText name="t" value="$h" encoding="base64unicode"/>${choices}`, data: { h: base64(HTML) } },
  'HyperText in the config': { config: `<HyperText name="t" value="$x"><![CDATA[${HTML}]]></HyperText>${choices}`, data: {} },
  'HyperText in an attribute': { config: `<HyperText name="t" value="${BAD}"/>${choices}`, data: {} },
  'an address that is none': { config: `<HyperText name="t" value="$h" valueType="url"/>${choices}`, data: { h: HTML }, isError: true },
  'Text': { config: `<Text name="t" value="$h"/><Labels name="l" toName="t"><Label value="${BAD}"/></Labels>${choices}`, data: { h: HTML } },
  'Text in the config': { config: `<Text name="t" value="${BAD}"/>${choices}`, data: {} },
  'Header and Markdown': { config: `<Text name="t" value="x"/><Header value="$h"/><Header value="${BAD}"/><Markdown value="$h"/><Markdown><![CDATA[${HTML}]]></Markdown>${choices}`, data: { h: HTML } },
  'Style': { config: `<Text name="t" value="x"/><Style><![CDATA[</style>${HTML}]]></Style>${choices}`, data: {} },
  'labels and choices': {
    config: `<Text name="t" value="x"/><Labels name="l" toName="t"><Label value="a" html="${BAD}" hint="${BAD}"/></Labels><Choices name="c" toName="t"><Choice value="Marked"/><Choice value="b" html="${BAD}" hint="${BAD}"/></Choices>`,
    data: {},
  },
  'labels and choices of the task': {
    config: `<Text name="t" value="x"/><Choices name="d" toName="t" value="$list"/><Labels name="l" toName="t" value="$list"/><Taxonomy name="x" toName="t" value="$list"/>${choices}`,
    data: { list: [{ value: HTML, html: HTML, hint: HTML, alias: HTML }, { value: 'b', html: HTML }] },
  },
  'Paragraphs': {
    config: `<Paragraphs name="t" value="$talk" layout="dialogue" nameKey="author" textKey="text"/><ParagraphLabels name="l" toName="t"><Label value="a"/></ParagraphLabels>${choices}`,
    data: { talk: [{ author: HTML, text: HTML, html: HTML }] },
  },
  'Table': { config: `<Table name="t" value="$row"/>${choices}`, data: { row: { [HTML]: HTML, html: HTML } } },
  'List and Ranker': {
    config: `<List name="t" value="$items" title="${BAD}"/><Ranker name="r" toName="t"/><Text name="u" value="x"/><Choices name="c" toName="u"><Choice value="Marked"/></Choices>`,
    data: { items: [{ id: HTML, title: HTML, body: HTML, html: HTML }, { id: '2', title: 'b', html: HTML }] },
  },
  'fields and their hints': {
    config: `<Text name="t" value="x"/><TextArea name="a" toName="t" placeholder="${BAD}" value="$h"/><Rating name="g" toName="t" hint="${BAD}"/><Number name="n" toName="t" hint="${BAD}"/><DateTime name="d" toName="t"/><View className="${BAD}" style="${BAD}" idAttr="${BAD}">${choices}</View>`,
    data: { h: HTML },
  },
  'Image': {
    config: `<Image name="t" value="$h"/><RectangleLabels name="l" toName="t"><Label value="${BAD}"/></RectangleLabels>${choices}`,
    data: { h: HTML },
  },
};

/** What people and models said of a task with a HyperText. */
export const result = [
  { from_name: 'c', to_name: 't', type: 'choices', id: 'a1', value: { choices: [HTML] }, meta: { text: [HTML] } },
  { from_name: 'l', to_name: 't', type: 'labels', id: 'a2', meta: { text: [HTML] },
    value: { start: 0, end: 1, text: HTML, labels: [HTML] } },
];
