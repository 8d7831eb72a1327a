/**
 * Makes the commit and the tag of a release, and pushes nothing: `node scripts/prepare-release.ts 1.2.3`.
 *
 * The commit is main's except for one change: in the reusable workflow every call of the action by its moving tag becomes a
 * call by main's commit. A caller that pins that workflow, by version or by commit, then also pins the action, which no
 * expression of GitHub can do. `--check v1.2.3` checks whether a tag is exactly that.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const workflow = '.github/workflows/k8s-tests.yml';
const [first = '', second = ''] = process.argv.slice(2);
const isCheck = first === '--check';
const version = (isCheck ? second : first).replace(/^v/, '');
const tag = `v${version}`;
const major = `v${version.split('.')[0]}`;

if (!/^\d+\.\d+\.\d+$/.test(version)) fail(`"${version}" is not a version; write it as 1.2.3`);
const base = git('rev-parse', '--verify', isCheck ? `${tag}^{commit}^` : 'HEAD');
const problems = findProblems();
if (problems.length > 0) fail(problems.join('\n'));

if (isCheck) {
  if (git('rev-parse', `${tag}^{tree}`) !== makeTree())
    fail(`${tag} is not its parent ${base} with the calls in ${workflow} pinned, and nothing else`);
  process.stdout.write(`${tag} is what it should be\n`);
} else {
  const message = `${tag}: the reusable workflow calls the action of this release`;
  const commit = git('commit-tree', makeTree(), '-p', base, '-m', message);
  git('tag', '--annotate', '--message', tag, tag, commit);
  process.stdout.write(`${tag} is made. What is left to do:\n\n`);
  // The branch: GitHub lets the token of a workflow move a tag only to a commit whose workflows are those of some branch.
  process.stdout.write(`  git push --atomic origin ${tag} ${commit}:refs/heads/releases/${tag}\n`);
}

/** The obstacles to a release of this version, a line each. */
function findProblems(): string[] {
  const found: string[] = [];
  const said = JSON.parse(git('show', `${base}:package.json`)).version;
  if (said !== version) found.push(`package.json says ${said}, not ${version}`);
  if (!new RegExp(`^## ${version.replaceAll('.', '\\.')}( |$)`, 'm').test(git('show', `${base}:CHANGELOG.md`)))
    found.push(`CHANGELOG.md has no section "## ${version}"`);
  if (!isCheck && git('status', '--porcelain') !== '') found.push('there are changes that are not committed');
  if (!isCheck && git('tag', '--list', tag) !== '')
    found.push(`${tag} is there already; a release is never made twice`);
  return found;
}

/** The tree of the base commit, with the calls of the action pinned to that commit. */
function makeTree(): string {
  const calls = new RegExp(`(uses: floe/k8s-test-action)@${major}$`, 'gm');
  const text = execFileSync('git', ['show', `${base}:${workflow}`], { encoding: 'utf8' });
  if (!calls.test(text)) fail(`${workflow} does not call floe/k8s-test-action@${major}`);
  const pinned = text.replaceAll(calls, `$1@${base} # ${tag}`);
  const blob = execFileSync('git', ['hash-object', '-w', '--stdin'], { input: pinned, encoding: 'utf8' }).trim();
  const directory = mkdtempSync(path.join(tmpdir(), 'release-'));
  try {
    // An index of its own: neither the checkout nor what is staged in it is touched.
    const env = { ...process.env, GIT_INDEX_FILE: path.join(directory, 'index') };
    execFileSync('git', ['read-tree', base], { env });
    execFileSync('git', ['update-index', '--cacheinfo', `100644,${blob},${workflow}`], { env });
    return execFileSync('git', ['write-tree'], { env, encoding: 'utf8' }).trim();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}

function fail(problem: string): never {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}
