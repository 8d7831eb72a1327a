import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import * as tar from 'tar-stream';

/** An image, named so in the local docker, whose one program is for an architecture that is not this machine's. */
export const foreignTestImage = 'k8s-test-foreign:1';

/** The machine numbers of ELF (elf.h). */
const elfMachines = { x64: 62, arm64: 183 };

/** Makes the image from nothing but the header of a program, as an archive that `docker save` might have written. */
export async function makeForeignImage(): Promise<void> {
  const other = process.arch === 'arm64' ? 'x64' : 'arm64';
  const layer = await archive({ program: renderElf(elfMachines[other]) });
  const config = {
    architecture: other === 'x64' ? 'amd64' : other,
    os: 'linux',
    config: { Cmd: ['/program'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(layer).digest('hex')}`] },
  };
  const manifest = [{ Config: 'config.json', RepoTags: [foreignTestImage], Layers: ['layer.tar'] }];
  const image = await archive({
    'layer.tar': layer,
    'config.json': Buffer.from(JSON.stringify(config)),
    'manifest.json': Buffer.from(JSON.stringify(manifest)),
  });
  execFileSync('docker', ['load', '--quiet'], { input: image, stdio: ['pipe', 'ignore', 'pipe'] });
}

async function archive(files: Record<string, Buffer>): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name, mode: 0o755 }, content);
  pack.finalize();
  return buffer(pack);
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
