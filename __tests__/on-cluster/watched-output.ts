import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** What a program prints, of both its streams, from its start on. */
export class WatchedOutput {
  text = '';
  readonly #child: ChildProcessByStdio<Writable | null, Readable, Readable>;
  readonly #listeners = new Set<() => void>();

  /** `end` is the event after which nothing more is waited for: `exit` where others may hold its output open. */
  constructor(child: ChildProcessByStdio<Writable | null, Readable, Readable>, end: 'exit' | 'close') {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.text += chunk.toString();
        this.#tell();
      });
    child.on(end, () => this.#tell());
  }

  /** Resolves once it has been printed; rejects when the program has ended without. */
  untilPrinted(what: string | RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (typeof what === 'string' ? this.text.includes(what) : what.test(this.text)) resolve();
        else if (this.#child.exitCode !== null) reject(new Error(`ended without printing ${what}:\n${this.text}`));
        else return;
        this.#listeners.delete(look);
      };
      this.#listeners.add(look);
      look();
    });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
