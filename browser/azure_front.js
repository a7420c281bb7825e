// Whatever may answer in Azure's name: a proxy before the local Azure, which is trusted as Azure is, and changes what
// comes back to Longshore as a test orders.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

import { ownCertificate } from './certificate.js';

const escaped = (text) => text.replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);

/** Changes of an answer ({status, headers, body}) that all say `text`. */
export const changes = (text) => ({
  /** A refusal says it wherever Azure has words of its own; an answer that is none stays. */
  words(answer) {
    if (answer.status < 400) return;
    const isXml = answer.body.includes('<Message>');
    if (isXml) {
      const detail = `<AuthenticationErrorDetail>${escaped(text)}</AuthenticationErrorDetail></Error>`;
      answer.body = answer.body.replace('<Message>', `<Message>${escaped(text)} `).replace('</Error>', detail);
    } else if (answer.body.startsWith('{')) {
      const said = JSON.parse(answer.body);
      answer.body = JSON.stringify({ ...said, error_description: `${text} ${said.error_description ?? ''}`, message: text });
    }
  },
  /** A refusal that nobody knows: its code says it too. */
  unknown(answer) {
    answer.status = 403;
    answer.headers['x-ms-error-code'] = answer.headers['x-ms-request-id'] = text;
    answer.body = `<Error><Code>${escaped(text)}</Code><Message>${escaped(text)}</Message></Error>`;
  },
  /** The same of Entra ID. */
  unknownToEntra(answer) {
    answer.status = 400;
    answer.headers['x-ms-request-id'] = text;
    answer.body = JSON.stringify({ error: text, error_description: text, trace_id: text });
  },
  /** A page of somebody else: a proxy's, a portal's. */
  foreign(answer) {
    answer.status = 403;
    answer.headers = { server: text, via: text, 'content-type': `text/html; ${text}` };
    answer.body = text;
  },
});

/**
 * `environment` leads a Longshore through it, which has to trust `cert`. `rules` are [pattern, change]: the first
 * whose pattern is in `METHOD https://HOST/PATH?QUERY` changes the answer.
 */
export async function openFront() {
  const { key, cert } = ownCertificate();
  const rules = [];
  const inside = https.createServer({ key, cert }, (request, answer) => {
    const { method, url, headers } = request;
    const to = `https://${headers.host}${url}`;
    const [, change] = rules.find(([pattern]) => pattern.test(`${method} ${to}`)) ?? [];
    const sent = https.request(to, { method, headers, rejectUnauthorized: false }, async (got) => {
      const changed = { status: got.statusCode, headers: { ...got.headers } };
      if (!change) {
        answer.writeHead(changed.status, changed.headers);
        return got.pipe(answer);
      }
      changed.body = Buffer.concat(await got.toArray()).toString();
      change(changed);
      delete changed.headers['transfer-encoding'];
      changed.headers['content-length'] = Buffer.byteLength(changed.body);
      answer.writeHead(changed.status, changed.headers);
      answer.end(method === 'HEAD' ? undefined : changed.body);
    });
    sent.on('error', () => answer.destroy());
    request.pipe(sent);
  });
  const sockets = new Set();
  const proxy = http.createServer().on('connect', (_, socket) => {
    sockets.add(socket.on('error', () => socket.destroy()));
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    inside.emit('connection', socket);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = `http://127.0.0.1:${proxy.address().port}`;
  const close = () => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  };
  return { environment: { HTTPS_PROXY: address, NO_PROXY: '', no_proxy: '' }, cert, rules, close };
}
