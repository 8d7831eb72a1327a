/**
 * The script of report.html: filters, order, search and details of the list of tests. It runs in a browser, from one file and
 * without a network. Everything it shows is set with `textContent`, never as markup. "npm run generate" compiles it into
 * src/report/report-page.ts.
 */

/** A test as `toPageTest` of report-html.ts writes it into the page: empty fields are left out. */
interface PageTest {
  name: string;
  suite: string;
  classname: string;
  seconds: number;
  status: 'passed' | 'failed' | 'error' | 'skipped';
  file?: string;
  line?: number;
  message?: string;
  details?: string;
  properties?: string;
  attachments?: { name: string; href?: string; picture?: string }[];
  flakyRuns?: number;
  inFlight?: boolean;
  reconstructed?: boolean;
  /** How it ended in fresh pods, in words. */
  retries?: string;
  /** Its entry in the quarantine, in words. */
  quarantine?: string;
  /** Whether it failed in quarantine. */
  excused?: boolean;
  /** The text that the search reads; built on the first search. */
  text?: string;
}

type Group = PageTest['status'] | 'flaky' | 'quarantine';

const rowsPerClick = 200;
/** Few rows at first: the sections after the tests must stay within reach. */
const firstRows = 50;
const firstRowsOfAll = 10;
const rank: Record<Group, number> = { error: 0, failed: 0, flaky: 1, quarantine: 1, skipped: 2, passed: 3 };
const maxNameChars = 300;
const maxCauseChars = 300;

function groupOf({ status, flakyRuns, excused }: PageTest): Group {
  if (excused) return 'quarantine';
  return status === 'passed' && flakyRuns ? 'flaky' : status;
}

const isRed = (test: PageTest): boolean => test.status === 'failed' || test.status === 'error';
const firstLineOf = (text: string): string => text.split('\n', 1)[0] ?? '';

function placeOf({ file, line }: PageTest): string {
  return file ? `${file}${line ? `:${line}` : ''}` : '';
}

function formatSeconds(seconds: number): string {
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
}

function timeOf(test: PageTest): string {
  return test.inFlight && test.seconds === 0 ? '' : formatSeconds(test.seconds);
}

function isIn(test: PageTest, filter: string): boolean {
  if (filter === 'all') return true;
  if (filter === 'failed') return isRed(test);
  if (filter === 'flaky' || filter === 'quarantine') return groupOf(test) === filter;
  if (filter === 'reconstructed') return test.reconstructed === true;
  return test.status === filter;
}

function textOf(test: PageTest): string {
  const { name, classname, suite, message = '', properties = '' } = test;
  test.text ??= [name, classname, suite, placeOf(test), message, properties].join('\n').toLowerCase();
  return test.text;
}

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  text?: string,
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function renderDetails(test: PageTest): HTMLElement {
  const { status, suite, classname, name, message = '', details = '', properties, flakyRuns, quarantine } = test;
  const box = element('div', 'details');
  const facts = [status, suite, classname, placeOf(test), timeOf(test)];
  if (flakyRuns) facts.push(`failed runs before: ${flakyRuns}`);
  if (test.inFlight) facts.push('was running when the run ended');
  else if (test.reconstructed) facts.push('reconstructed, since the run ended before its report was written');
  box.append(element('p', 'mono', facts.filter(Boolean).join('  ·  ')));
  if (test.retries) box.append(element('p', '', test.retries));
  if (quarantine) box.append(element('p', '', quarantine));
  if (properties) box.append(element('p', 'mono', properties));
  if (name.length > 120) box.append(element('pre', '', name));
  // The row shows a message of one short line already, as the cause.
  const isLong = message.includes('\n') || message.length > maxCauseChars;
  if (isLong && !details.includes(firstLineOf(message))) box.append(element('pre', '', message));
  if (details) box.append(element('pre', '', details));
  for (const pre of box.querySelectorAll('pre')) pre.tabIndex = 0;
  if (test.attachments) box.append(renderAttachments(test.attachments));
  return box;
}

function renderAttachments(attachments: NonNullable<PageTest['attachments']>): HTMLElement {
  const list = element('ul', 'attachments');
  for (const { name, href, picture } of attachments) {
    const item = element('li', '');
    const label = href ? element('a', 'mono', name) : element('span', 'mono', name);
    if (label instanceof HTMLAnchorElement && href) label.href = href;
    item.append(label);
    if (picture) {
      const image = element('img', '');
      image.src = picture;
      image.alt = name;
      item.append(image);
    }
    list.append(item);
  }
  return list;
}

function renderRow(test: PageTest): HTMLLIElement {
  const item = element('li', isRed(test) ? 'red' : '');
  const button = element('button', 'test');
  button.type = 'button';
  button.setAttribute('aria-expanded', 'false');
  const dot = element('span', `dot ${groupOf(test)}`);
  dot.setAttribute('role', 'img');
  dot.setAttribute('aria-label', groupOf(test));
  const isCut = test.name.length > maxNameChars;
  const name = element('span', 'name', isCut ? `${test.name.slice(0, maxNameChars)}…` : test.name);
  name.append(element('span', 'where mono', placeOf(test) || test.classname || test.suite || ''));
  if (groupOf(test) === 'flaky') name.append(element('span', 'badge', 'flaky'));
  if (test.quarantine) name.append(element('span', 'badge', 'in quarantine'));
  if (test.inFlight) name.append(element('span', 'badge alarm', 'was running'));
  else if (test.reconstructed) name.append(element('span', 'badge', 'reconstructed'));
  button.append(dot, name, element('span', 'time', timeOf(test)));
  const cause = firstLineOf((test.message || test.details || '').trim()).slice(0, maxCauseChars);
  if (cause) button.append(element('span', 'cause mono', cause));
  button.addEventListener('click', () => {
    const isOpen = button.getAttribute('aria-expanded') !== 'true';
    button.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) item.append(renderDetails(test));
    else item.lastChild?.remove();
  });
  item.append(button);
  return item;
}

interface Controls {
  list: HTMLElement;
  search: HTMLInputElement;
  order: HTMLSelectElement;
  more: HTMLButtonElement;
  found: HTMLElement;
  buttons: HTMLButtonElement[];
}

/** The controls of the page; undefined for a run without tests, whose page has none. */
function findControls(): Controls | undefined {
  const list = document.getElementById('tests');
  const search = document.querySelector<HTMLInputElement>('#search');
  const order = document.querySelector<HTMLSelectElement>('#order');
  const more = document.querySelector<HTMLButtonElement>('#more');
  const found = document.getElementById('found');
  if (!list || !search || !order || !more || !found) return undefined;
  return {
    list,
    search,
    order,
    more,
    found,
    buttons: [...document.querySelectorAll<HTMLButtonElement>('[data-filter]')],
  };
}

class TestList {
  readonly #tests: PageTest[];
  readonly #controls: Controls;
  #filter: string;
  #matching: PageTest[] = [];
  #shown = 0;

  constructor(tests: PageTest[], controls: Controls) {
    this.#tests = tests;
    this.#controls = controls;
    this.#filter = tests.some(isRed) ? 'failed' : 'all';
    if (this.#filter === 'all') controls.order.value = 'slowest';
  }

  start(): void {
    const { buttons, search, order, more, list } = this.#controls;
    for (const button of buttons)
      button.addEventListener('click', () => {
        this.#filter = button.dataset.filter ?? 'all';
        this.#refresh();
      });
    search.addEventListener('input', () => this.#refresh());
    order.addEventListener('change', () => this.#refresh());
    // The button may vanish while it has the focus: the first new row takes it over.
    more.addEventListener('click', () => this.#showMore(rowsPerClick)[0]?.querySelector('button')?.focus());
    document.addEventListener('keydown', (event) => this.#pressKey(event));
    this.#refresh();
    if (this.#filter === 'failed' && this.#matching.length <= 3)
      list.querySelector<HTMLElement>('button.test')?.click();
  }

  #refresh(): void {
    const { list, search, order, found, buttons } = this.#controls;
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.#matching = this.#tests.filter(
      (test) => isIn(test, this.#filter) && words.every((word) => textOf(test).includes(word)),
    );
    if (order.value === 'worst') this.#matching.sort((a, b) => rank[groupOf(a)] - rank[groupOf(b)]);
    if (order.value === 'slowest') this.#matching.sort((a, b) => b.seconds - a.seconds);
    if (order.value === 'name') this.#matching.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    list.replaceChildren();
    this.#shown = 0;
    this.#showMore(this.#filter === 'all' && words.length === 0 ? firstRowsOfAll : firstRows);
    const count = this.#matching.length.toLocaleString('en-US');
    const total = this.#tests.length.toLocaleString('en-US');
    if (this.#matching.length === 0) found.textContent = 'No test matches.';
    else found.textContent = words.length > 0 ? `${count} of ${total} tests match` : '';
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.filter === this.#filter));
  }

  #showMore(count: number): HTMLLIElement[] {
    const { list, more } = this.#controls;
    const rows = this.#matching.slice(this.#shown, this.#shown + count).map(renderRow);
    list.append(...rows);
    this.#shown += rows.length;
    const left = this.#matching.length - this.#shown;
    more.hidden = left <= 0;
    more.textContent = `Show more (${left.toLocaleString('en-US')} left)`;
    return rows;
  }

  #pressKey(event: KeyboardEvent): void {
    const { search } = this.#controls;
    const { key, target } = event;
    if (!(target instanceof Element)) return;
    if (key === '/' && !/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) {
      event.preventDefault();
      search.focus();
    }
    if (key === 'Escape' && target === search) {
      search.value = '';
      this.#refresh();
    }
    if ((key === 'ArrowDown' || key === 'ArrowUp') && target.classList.contains('test')) {
      const item = target.parentElement;
      const next = key === 'ArrowDown' ? item?.nextElementSibling : item?.previousElementSibling;
      if (!next) return;
      event.preventDefault();
      next.querySelector('button')?.focus();
    }
  }
}

const controls = findControls();
const data = document.getElementById('tests-data');
if (controls) new TestList(data ? (JSON.parse(data.textContent ?? '[]') as PageTest[]) : [], controls).start();
