import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** An image, named so in the local docker, whose one program is for an architecture that is not this machine's. */
export const foreignTestImage = 'k8s-test-foreign:1';

/** The machine numbers of ELF (elf.h). */
const elfMachines = { x64: 62, arm64: 183 };

/** Makes the image from nothing but the header of a program. */
export function makeForeignImage(): void {
  const directory = mkdtempSync(path.join(tmpdir(), 'foreign-'));
  const other = process.arch === 'arm64' ? 'x64' : 'arm64';
  writeFileSync(path.join(directory, 'program'), renderElf(elfMachines[other]), { mode: 0o755 });
  const archive = execFileSync('tar', ['-C', directory, '-c', 'program']);
  const platform = `linux/${other === 'x64' ? 'amd64' : 'arm64'}`;
  const change = 'CMD ["/program"]';
  execFileSync('docker', ['import', '--platform', platform, '--change', change, '-', foreignTestImage], {
    input: archive,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  rmSync(directory, { recursive: true });
}

export function removeForeignImage(): void {
  execFileSync('docker', ['image', 'rm', foreignTestImage], { stdio: 'ignore' });
}

/** The head of a 64-bit little-endian executable of Linux, with one program header that loads nothing. */
function renderElf(machine: number): Buffer {
  const elf = Buffer.alloc(64 + 56);
  elf.write('\x7fELF', 0, 'latin1');
  elf[4] = 2; // 64 bits
  elf[5] = 1; // little endian
  elf[6] = 1; // version
  elf.writeUInt16LE(2, 16); // executable
  elf.writeUInt16LE(machine, 18);
  elf.writeUInt32LE(1, 20); // version
  elf.writeBigUInt64LE(64n, 32); // where the program headers begin
  elf.writeUInt16LE(64, 52); // size of this header
  elf.writeUInt16LE(56, 54); // size of a program header
  elf.writeUInt16LE(1, 56); // their number
  return elf;
}
