// What a stranger may write into data, configs, names, types and errors, and where the editor may show it.

/** Sets this in the window above all, asks this path of the server, and this site. In small letters, as e-mails are. */
export const CANARY = 'stranger_ran';
export const POSTED = '/settings/members/2/role';
export const ELSEWHERE = 'evil.example';

const RUN = `top.${CANARY}=1`;
const HTMX = '/static/htmx.min.js';

/**
 * Markup that runs, loads, sends, leads away or obeys a library; much of it by being read twice in two ways. What a
 * browser may read as text to the end comes after what it cannot.
 */
export const HTML = [
  '<b>Shown</b>',
  `<script>${RUN}</script>`,
  `<img src=x onerror="${RUN}"><input autofocus onfocus="${RUN}"><details open ontoggle="${RUN}">x</details>`,
  `<a href="javascript:${RUN}">link</a><a href="java&#10;script:${RUN}">link</a>`,
  `<img src="https://${ELSEWHERE}/b.png"><video poster="https://${ELSEWHERE}/c.png"></video>`,
  `<form id=f action="${POSTED}" method=post><input name=role value=owner><button autofocus>send</button></form>`,
  `<link rel=stylesheet href="https://${ELSEWHERE}/d.css"><link rel=prefetch href="https://${ELSEWHERE}/e"><link rel=preload as=script href="${HTMX}">`,
  `<object data="https://${ELSEWHERE}/f"></object><embed src="https://${ELSEWHERE}/g">`,
  `<script src="${HTMX}"></script><div hx-post="${POSTED}" hx-vals='{"role":"owner"}' hx-trigger="load">x</div>`,
  `<div data-hx-post="${POSTED}" data-hx-trigger="load" data-events="${POSTED}">x</div>`,
  `<iframe srcdoc="<script>${RUN}</script>"></iframe><iframe src="javascript:${RUN}"></iframe>`,
  `<svg onload="${RUN}"><animate onbegin="${RUN}" attributeName=x /><a xlink:href="javascript:${RUN}"><text>x</text></a></svg>`,
  `<svg><style><img><script>${RUN}</script><script src="${HTMX}"></script></style></svg>`,
  `<svg><style><img src=x onerror="${RUN}"></style></svg>`,
  `<svg><foreignObject><iframe srcdoc="&lt;script&gt;${RUN}&lt;/script&gt;"></iframe></foreignObject></svg>`,
  `<math><annotation-xml encoding="text/html"><script>${RUN}</script></annotation-xml></math>`,
  `<template><script>${RUN}</script></template>`,
  `<style>@import url(https://${ELSEWHERE}/a.css); * { background: url(https://${ELSEWHERE}/a.png) }</style>`,
  `<meta http-equiv=refresh content="0;url=https://${ELSEWHERE}/"><base href="https://${ELSEWHERE}/">`,
  `<svg></p><style><a id="</style><img src=1 onerror=${RUN}>">`,
  `<form><math><mtext></form><form><mglyph><style></math><img src onerror=${RUN}>`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${RUN}&gt;"></table></mtext></math>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<noembed><img title="</noembed><img src onerror=${RUN}>"></noembed>`,
  `<textarea><img title="</textarea><img src onerror=${RUN}>"></textarea>`,
].join('\n');

/** The same in what a name has room for; out of an attribute, a title, a field and a script, and without a blank. */
export const NAME = `"'></title></textarea></script><img/src=x/onerror=${RUN}><svg/onload=${RUN}>`;

const attribute = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll('\n', '&#10;');
const choices = '<Choices name="c" toName="t"><Choice value="Marked"/></Choices>';
const base64 = (text) => Buffer.from(text).toString('base64');

/** Every tag with this HTML in it: `data`, and a config in which the word "Marked" says that it is drawn. */
export function tagsWith(html) {
  const bad = attribute(html);
  return {
    'HyperText': { config: `<HyperText name="t" value="$h"/><HyperTextLabels name="l" toName="t"><Label value="${bad}" hint="${bad}"/></HyperTextLabels>${choices}`, data: { h: html } },
    'HyperText document': { config: `<HyperText name="t" value="$h"/>${choices}`, data: { h: `<html><head>${html}</head><body onload="${RUN}">${html}</body></html>` } },
    'HyperText inline': { config: `<HyperText name="t" value="$h" inline="true"/>${choices}`, data: { h: html } },
    'HyperText in base64': { config: `<HyperText name="t" value="$h" encoding="base64unicode"/>${choices}`, data: { h: base64(html) } },
    'HyperText in the config': { config: `<HyperText name="t" value="$x"><![CDATA[${html}]]></HyperText>${choices}`, data: {} },
    'HyperText in an attribute': { config: `<HyperText name="t" value="${bad}"/>${choices}`, data: {} },
    'an address that is none': { config: `<HyperText name="t" value="$h" valueType="url"/>${choices}`, data: { h: html }, isError: true },
    'Text, Header, Markdown and Style': {
      config: `<Text name="t" value="$h"/><Text name="u" value="${bad}"/><Labels name="l" toName="t"><Label value="${bad}"/></Labels><Header value="$h"/><Header value="${bad}"/><Markdown value="$h"/><Markdown><![CDATA[${html}]]></Markdown><Style><![CDATA[</style>${html}]]></Style>${choices}`,
      data: { h: html },
    },
    'labels and choices': {
      config: `<Text name="t" value="x"/><Labels name="l" toName="t"><Label value="a" html="${bad}" hint="${bad}"/></Labels><Choices name="c" toName="t"><Choice value="Marked"/><Choice value="b" html="${bad}" hint="${bad}"/></Choices>`,
      data: {},
    },
    'labels and choices of the task': {
      config: `<Text name="t" value="x"/><Choices name="d" toName="t" value="$list"/><Labels name="l" toName="t" value="$list"/><Taxonomy name="x" toName="t" value="$list"/>${choices}`,
      data: { list: [{ value: html, html: html, hint: html, alias: html }, { value: 'b', html: html }] },
    },
    'Paragraphs': {
      config: `<Paragraphs name="t" value="$talk" layout="dialogue" nameKey="author" textKey="text"/><ParagraphLabels name="l" toName="t"><Label value="a"/></ParagraphLabels>${choices}`,
      data: { talk: [{ author: html, text: html, html: html }] },
    },
    'Table': { config: `<Table name="t" value="$row"/>${choices}`, data: { row: { [html]: html, html: html } } },
    'List and Ranker': {
      config: `<List name="t" value="$items" title="${bad}"/><Ranker name="r" toName="t"><Bucket name="b" title="${bad}" default="true"/></Ranker><Text name="u" value="x"/><Choices name="c" toName="u"><Choice value="Marked"/></Choices>`,
      data: { items: [{ id: html, title: html, body: html, html: html }, { id: '2', title: 'b', html: html }] },
    },
    'fields and their hints': {
      config: `<Text name="t" value="x"/><TextArea name="a" toName="t" placeholder="${bad}" value="$h"/><Rating name="g" toName="t" hint="${bad}"/><Number name="n" toName="t" hint="${bad}"/><DateTime name="d" toName="t"/><View className="${bad}" style="${bad}" idAttr="${bad}">${choices}</View>`,
      data: { h: html },
    },
    'Image and everything that is drawn on it': {
      config: `<Image name="t" value="$h"/>${['Ellipse', 'Polygon', 'KeyPoint', 'Brush', 'Bitmask', 'Vector'].map((kind) =>
        `<${kind} name="${kind}" toName="t"/><${kind}Labels name="${kind}Labels" toName="t"><Label value="${bad}" hint="${bad}"/></${kind}Labels>`).join('')}<Rectangle name="r" toName="t"/><RectangleLabels name="rl" toName="t"><Label value="${bad}"/></RectangleLabels><MagicWand name="m" toName="t"/>${choices}`,
      data: { h: html },
    },
    'Audio': {
      config: `<Audio name="t" value="$h"/><AudioPlus name="p" value="$h"/><Labels name="l" toName="t"><Label value="${bad}"/></Labels>${choices}`,
      data: { h: html },
    },
    'Video': {
      config: `<Video name="t" value="$h"/><VideoRectangle name="b" toName="t"/><Labels name="l" toName="t"><Label value="${bad}"/></Labels><TimelineLabels name="tl" toName="t"><Label value="${bad}"/></TimelineLabels>${choices}`,
      data: { h: html },
    },
    'TimeSeries': {
      config: `<TimeSeries name="t" value="$series" valueType="json" timeColumn="time"><Channel column="x" legend="${bad}" units="${bad}"/><MultiChannel><Channel column="y" legend="${bad}" units="${bad}"/></MultiChannel></TimeSeries><TimeSeriesLabels name="l" toName="t"><Label value="${bad}"/></TimeSeriesLabels><Text name="u" value="x"/><Choices name="c" toName="u"><Choice value="Marked"/></Choices>`,
      data: { series: { time: [1, 2, 3], x: [1, 2, 3], y: [3, 2, 1] } },
    },
    'Pdf': { config: `<Pdf name="t" value="$h"/>${choices}`, data: { h: html } },
    'what surrounds other tags': {
      config: `<Text name="t" value="$h"/><Text name="u" value="$h"/><Pairwise name="p" toName="t,u" leftClass="${bad}"/><Collapse><Panel value="${bad}"><Header value="$h"/></Panel></Collapse><Filter name="f" toName="c" placeholder="${bad}"/><Relations><Relation value="${bad}"/></Relations><PagedView><View><Header value="$h"/></View></PagedView><TextArea name="a" toName="t"><Shortcut value="${bad}" alias="${bad}"/></TextArea><Repeater on="$talk" indexFlag="{{i}}"><Text name="t{{i}}" value="$talk[{{i}}].text"/><Header value="$talk[{{i}}].text"/></Repeater><Dialog name="d" value="$talk"/><CustomInterface name="i" data="$h"><![CDATA[${RUN}]]></CustomInterface>${choices}`,
      data: { h: html, talk: [{ name: html, text: html, hint: html, date: html }] },
    },
  };
}

export const TAGS = tagsWith(HTML);

/** What people and models said of a task with a HyperText. */
export const result = [
  { from_name: 'c', to_name: 't', type: 'choices', id: 'a1', value: { choices: [HTML] }, meta: { text: [HTML] } },
  { from_name: 'l', to_name: 't', type: 'labels', id: 'a2', meta: { text: [HTML] },
    value: { start: 0, end: 1, text: HTML, labels: [HTML] } },
];
