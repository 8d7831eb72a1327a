/** A sidecar that writes, renames and swaps files and directories for links all the time, until it is ended. */
import fs from 'node:fs';
import path from 'node:path';

const [, , directory = '', file = '', outside = '', secret = ''] = process.argv;
// A container has the directory itself mounted, independent of changes to its path.
process.chdir(directory);
const at = (name: string) => path.join('.', name);
const attempt = (work: () => void) => {
  try {
    work();
  } catch {
    // It races with who takes the files: what is there a moment before may be gone.
  }
};
process.stdout.write('swapping\n');
const remove = (name: string) => attempt(() => fs.rmSync(at(name), { recursive: true }));
for (let i = 0; ; i++) {
  const n = i % 8;
  // Written under names that are never links: here, unlike in a container, the links lead to where the test looks.
  attempt(() => fs.mkdirSync(at('new')));
  attempt(() => fs.writeFileSync(at('new/f.txt'), `${i} ${secret}`));
  attempt(() => fs.writeFileSync(at('new.xml'), `<testsuite name="${secret}"/>`));
  attempt(() => fs.renameSync(at('new'), at(`d${n}`)));
  attempt(() => fs.renameSync(at('new.xml'), at(`f${n}.xml`)));
  attempt(() => fs.renameSync(at(`f${(n + 3) % 8}.xml`), at(`g${n}.xml`)));
  attempt(() => fs.symlinkSync(file, at(`f${(n + 3) % 8}.xml`)));
  attempt(() => fs.renameSync(at(`d${(n + 2) % 8}`), at(`e${n}`)));
  attempt(() => fs.symlinkSync(outside, at(`d${(n + 2) % 8}`)));
  for (const name of ['new', `d${(n + 5) % 8}`, `e${(n + 4) % 8}`, `g${(n + 6) % 8}.xml`]) remove(name);
}
