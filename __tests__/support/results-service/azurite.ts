import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { BlobServiceClient, type ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';

/** A blob store on loopback with one empty container, whose URLs have to be signed. */
export interface BlobStore {
  container: ContainerClient;
  stop: () => Promise<void>;
}

const account = 'resultsservice';

/**
 * Starts Azurite on a free port of loopback, with a key of its own and everything in memory.
 * @throws when Azurite ends before it listens, with what it printed.
 */
export async function startBlobStore(): Promise<BlobStore> {
  const key = randomBytes(64).toString('base64');
  const require = createRequire(import.meta.url);
  const program = require.resolve('azurite/dist/src/blob/main.js');
  // The API version check refuses what the client library of the day sends before Azurite knows of it.
  const args = ['--blobPort', '0', '--inMemoryPersistence', '--skipApiVersionCheck', '--disableTelemetry', '--silent'];
  const azurite = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, AZURITE_ACCOUNTS: `${account}:${key}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => azurite.once('close', () => resolve()));
  // A test process that fails before it can stop the store takes it along.
  const killAtExit = () => azurite.kill('SIGKILL');
  process.once('exit', killAtExit);
  const stop = async () => {
    process.off('exit', killAtExit);
    azurite.kill('SIGTERM');
    await ended;
  };
  const address = await new Promise<string>((resolve, reject) => {
    let printed = '';
    for (const stream of [azurite.stdout, azurite.stderr])
      stream.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
        const listening = /successfully listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(printed);
        if (listening !== null) resolve(listening[1]!);
      });
    azurite.once('error', reject);
    azurite.once('close', () => reject(new Error(`Azurite ended before it listened:\n${printed}`)));
  });
  const client = new BlobServiceClient(`${address}/${account}`, new StorageSharedKeyCredential(account, key));
  const container = client.getContainerClient('artifacts');
  try {
    await container.create();
  } catch (error) {
    await stop();
    throw error;
  }
  return { container, stop };
}
