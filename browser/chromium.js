// Debian's Chromium, headless, as one person uses it.

import axe from 'axe-core';
import { chromium } from 'playwright-core';

/** A browser; the local Azure's certificate is of an authority that only this run knows. */
export async function open() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      // Tests ask nobody for another host.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
      // Root, as in a container, has no user namespaces for the sandbox.
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
    ],
  });
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1280, height: 800 },
  });
  const page = await context.newPage();
  /** What the browser complained of: blocked by the policy, failed scripts, errors. */
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error}`));
  return { page, context, complaints, close: () => browser.close() };
}

export async function signIn(page, url, { email, password }) {
  await page.goto(`${url}/user/login`);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

/** What axe finds wrong with the page for people with disabilities, as lines; `exclude` are selectors. */
export async function barriers(page, exclude = []) {
  // Through the debugger, which the page's content security policy does not concern.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate((left) => globalThis.axe.run({ exclude: left }), exclude);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target }) => `${id}: ${help}: ${target}`));
}
