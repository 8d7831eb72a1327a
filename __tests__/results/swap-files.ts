/** A sidecar that writes, renames and swaps files and directories for links all the time, until it is ended. */
import fs from 'node:fs';
import path from 'node:path';

const [, , directory = '', file = '', outside = '', secret = ''] = process.argv;
// A container has the directory itself mounted, whatever becomes of its path.
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
for (let i = 0; ; i++) {
  const n = i % 8;
  attempt(() => fs.mkdirSync(at(`d${n}`)));
  attempt(() => fs.writeFileSync(at(`d${n}/f.txt`), `${i} ${secret}`));
  attempt(() => fs.writeFileSync(at(`f${n}.xml`), `<testsuite name="${secret}"/>`));
  attempt(() => fs.renameSync(at(`f${n}.xml`), at(`g${n}.xml`)));
  attempt(() => fs.symlinkSync(file, at(`f${n}.xml`)));
  attempt(() => fs.renameSync(at(`d${n}`), at(`e${n}`)));
  attempt(() => fs.symlinkSync(outside, at(`d${n}`)));
  attempt(() => fs.renameSync(at(`d${n}`), at(`l${n}`)));
  attempt(() => fs.rmSync(at(`g${(n + 3) % 8}.xml`)));
  attempt(() => fs.rmSync(at(`e${(n + 5) % 8}`), { recursive: true }));
}
