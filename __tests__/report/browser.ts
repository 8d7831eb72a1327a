import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Chromium as Debian (lab/up), the runners of GitHub and laptops have it. */
const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const directories = (process.env.PATH ?? '').split(path.delimiter);

/** Starts the browser of this machine, without a window, and without any words to its makers. */
export async function launchBrowser(): Promise<Browser> {
  const files = programs.flatMap((name) => directories.map((directory) => path.join(directory, name)));
  const executablePath = files.find((file) => existsSync(file));
  if (executablePath === undefined)
    throw new Error(`reports are tested in a browser; install one of ${programs.join(', ')}`);
  const quiet = ['quic', 'gpu', 'background-networking', 'component-update', 'sync'].map((one) => `--disable-${one}`);
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--no-first-run', ...quiet] });
}

export interface OpenedPage {
  page: Page;
  /** Errors of scripts and of the content security policy, dialogs, and all that was asked of a network. */
  problems: string[];
}

/** Opens a file as a user does who has downloaded it. */
export async function openFile(
  browser: Browser,
  file: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (said) => {
    if (['error', 'warning'].includes(said.type())) problems.push(said.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('dialog', (dialog) => {
    problems.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url() !== `file://${file}`) problems.push(`asked for ${request.url()}`);
  });
  await page.goto(`file://${file}`);
  return { page, problems };
}
