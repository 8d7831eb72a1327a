import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { CheckoutFiles } from '../../src/action/checkout-files.ts';
import { annotationsOf } from '../../src/report/annotations.ts';
import { renderTerminal } from '../../src/report/terminal.ts';
import { launchBrowser, openFile } from '../report/browser.ts';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

/** 20,000 tests of which 5,000 fail, with names and messages that try to be more than text; some of 10 kB. */
const suite = String.raw`
HOSTILE = [
    "::error::pwned", "##[group]pwned", "  ::set-output name=outcome::passed", "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "<!-- --><details open>", "\`code\` \`\`\`fence\`\`\`", "| a | b |",
    "**bold** [link](https://evil.example) ![img](https://evil.example/x.png)", "\x1b[31mred\x1b[0m", "a\u202egnp.exe",
    "NUL \x00 bell \x07", "line one\n::error::line two", "@everyone #1 www.evil.example", "../../etc/passwd",
    "\U0001f600" * 20, "n" * 10_000,
]

def pytest_generate_tests(metafunc):
    # The same name twice: the one of 0 and that of 17 differ by nothing. A hundred names are very long.
    metafunc.parametrize("n", range(20_000), ids=lambda n: f"{HOSTILE[n % 17][:10_000 if n < 1700 else 40]} {0 if n == 17 else n}")

def test_all(n):
    if n % 4 == 0:
        raise AssertionError(HOSTILE[n % 17][:1000])
`;
const script = `mkdir -p /tmp/app/tests && cd /tmp/app && cat > tests/test_hostile.py <<'PY'${suite}PY
printf '[pytest]\\ndisable_test_id_escaping_and_forfeit_all_rights_to_community_support = true\\njunit_family = xunit1\\n' > pytest.ini
exec pytest -q --tb=line -p no:cacheprovider --junitxml=/results/junit.xml tests`;

test('of 20,000 hostile tests 5,000 of which fail, the worst are shown within every limit, and all are in the report', async () => {
  const run = await runOnSharedCluster({ script });
  expect(run.onDisk).toMatchObject({
    outcome: 'failed',
    failure: { kind: 'test' },
    tests: { total: 20_000, passed: 15_000, failed: 5_000 },
  });
  expect(run.onDisk.failure!.reason).toMatch(/^5000 of 20000 tests failed: /);
  expect(run.onDisk.failure!.reason.length).toBeLessThan(1000);

  const summary = readFileSync(run.dir.summary, 'utf8');
  expect(Buffer.byteLength(summary)).toBeLessThan(1024 * 1024);
  expect(summary).toMatch(/^### ❌ failed — 5,000 of 20,000 tests failed: /);
  expect(summary).toMatch(/… and [\d,]+ more in `report.html`/);
  expect(summary).not.toMatch(/(?![\n\t])\p{Cc}|\u202e/u);

  const files = new CheckoutFiles(['services/api/tests/test_hostile.py', 'etc/passwd']);
  const annotations = annotationsOf(run.report.tests, (file) => files.find(file));
  expect(annotations).toHaveLength(10);
  expect(annotations[0]).toMatchObject({
    file: 'services/api/tests/test_hostile.py',
    message: 'AssertionError: ::error::pwned',
  });
  expect(annotations[9]!.title).toBe('and 4,991 more failed tests');
  for (const { title, message } of annotations) expect(title.length + message.length).toBeLessThan(4096);
  for (const line of renderTerminal(run.report)) expect(line).not.toMatch(/^\s*::|##\[|\p{Cc}/u);

  // The tests' own report is kept byte for byte; our description of it is text.
  expect(statSync(path.join(run.dir.junit, 'junit.xml')).size).toBeGreaterThan(3 * 1024 * 1024);
  expect(readFileSync(run.dir.junitXml, 'utf8').match(/<testcase/g)).toHaveLength(20_000);
  expect(run.report.usage).toEqual([expect.objectContaining({ container: 'test-runner' })]);
  expect(run.report.pods).toEqual([expect.objectContaining({ end: 'failed' })]);

  const browser = await launchBrowser();
  try {
    const { page, problems } = await openFile(browser, run.dir.reportHtml);
    expect(await page.locator('[data-filter=failed]').textContent()).toContain('5,000');
    expect(await page.locator('[data-filter=all]').textContent()).toContain('20,000');
    for (const button of (await page.locator('#tests .test').all()).slice(0, 20)) await button.click();
    await page.locator('#search').fill('19996');
    expect(await page.locator('#tests > li').count()).toBe(1);
    expect(await page.locator('img, iframe').count()).toBe(0);
    expect(problems).toEqual([]);
  } finally {
    await browser.close();
  }
});
