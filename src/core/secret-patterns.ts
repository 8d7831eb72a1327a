/** The patterns that masking searches for: the texts of secrets, their base64 and their dumps as numbers, as trees of bytes. */
import { must } from './must.ts';

/** Shorter values occur by chance in every log; they are refused as secrets. */
export const shortestSecret = 4;
/**
 * A line of a secret that is shorter (a lone brace, a word) occurs everywhere; it is masked only where the whole secret occurs.
 */
const shortestLine = 8;
/** This many characters of the base64 of a value within a longer one are still its own, independent of what precedes it. */
const shortestBase64 = 8;
const shortestBase64Twice = 10;
/** The header and footer lines of a key are not secret: every other key has them too. */
const keyFrame = /^-----(BEGIN|END) [A-Z0-9 ]{1,60}-----$/;

/** How the bytes of a pattern are written. */
export type PatternKind = 'text' | 'base64' | 'hex' | 'decimal';
export const patternKinds: readonly PatternKind[] = ['text', 'base64', 'hex', 'decimal'];
/** This many bytes of a truncated pattern are masked; shorter ones reveal little, and occur by chance. */
const shortestBegin: Record<PatternKind, number> = { text: 5, base64: 8, hex: 10, decimal: 14 };

/**
 * A tree for each kind of pattern, whose root has the number that the kind has in `patternKinds`. Nodes are numbered; bytes are
 * compared after folding by kind: letters of hexadecimal digits occur in both cases, and base64 for addresses has two other
 * signs.
 */
export class PatternTree {
  readonly #children = new Map<number, number>();
  readonly #kindOfNode: number[] = [];
  readonly #isEnd: boolean[] = [];
  readonly #depth: number[] = [];
  readonly #fold = patternKinds.map(foldOf);

  constructor(values: readonly string[]) {
    for (const i of patternKinds.keys()) this.#addNode(i, 0);
    for (const value of values) for (const { kind, bytes } of patternsOf(value)) this.#add(kind, bytes);
  }

  /** How many nodes there are: their numbers are below. */
  get size(): number {
    return this.#kindOfNode.length;
  }

  /** The node after one more byte, or -1 where no pattern continues with it. */
  step(node: number, byte: number): number {
    return this.#children.get(this.#keyOf(this.kindOf(node), node, byte)) ?? -1;
  }

  /** The kind of patterns that a node belongs to, as its place in `patternKinds`. */
  kindOf(node: number): number {
    return this.#kindOfNode[node] ?? 0;
  }

  #keyOf(kind: number, node: number, byte: number): number {
    return node * 256 + (this.#fold[kind]?.[byte] ?? byte);
  }

  /** Whether a pattern ends with this node. */
  endsAt(node: number): boolean {
    return this.#isEnd[node] === true;
  }

  /**
   * Whether what precedes a node is long enough to be distinguished from other text where the rest of the pattern was cut off.
   */
  isTelling(node: number): boolean {
    const kind = must(patternKinds[this.kindOf(node)], 'the kind of a pattern');
    return this.#depthOf(node) >= shortestBegin[kind];
  }

  #depthOf(node: number): number {
    return this.#depth[node] ?? 0;
  }

  #addNode(kind: number, depth: number): number {
    this.#kindOfNode.push(kind);
    this.#depth.push(depth);
    this.#isEnd.push(false);
    return this.#kindOfNode.length - 1;
  }

  #add(kind: PatternKind, bytes: Uint8Array): void {
    const root = patternKinds.indexOf(kind);
    let node = root;
    for (const byte of bytes) {
      let next = this.step(node, byte);
      if (next === -1) {
        next = this.#addNode(root, this.#depthOf(node) + 1);
        this.#children.set(this.#keyOf(root, node, byte), next);
      }
      node = next;
    }
    this.#isEnd[node] = true;
  }
}

/** For each byte, the one that represents it in the patterns of a kind. */
function foldOf(kind: PatternKind): Uint8Array {
  const fold = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  if (kind === 'hex') for (let byte = 0x41; byte <= 0x46; byte++) fold[byte] = byte | 0x20;
  if (kind === 'base64') {
    fold[0x2d] = 0x2b;
    fold[0x5f] = 0x2f;
  }
  // Go prints bytes as [112 97], JSON has [112,97].
  if (kind === 'decimal') fold[0x20] = 0x2c;
  return fold;
}

function patternsOf(value: string): { kind: PatternKind; bytes: Uint8Array }[] {
  const wholes = [value, value.trim()];
  return partsOf(value).flatMap((part) => {
    const bytes = Buffer.from(part);
    const twice = wholes.includes(part) ? base64TwiceOf(bytes) : [];
    return [
      { kind: 'text' as const, bytes },
      { kind: 'hex' as const, bytes: Buffer.from(bytes.toString('hex')) },
      { kind: 'decimal' as const, bytes: Buffer.from(bytes.join(',')) },
      ...[...[part, ...jsonOf(part)].flatMap((text) => base64Of(Buffer.from(text))), ...twice].map((text) => ({
        kind: 'base64' as const,
        bytes: Buffer.from(text),
      })),
    ];
  });
}

/**
 * A value within a text of JSON, as JavaScript, Python and Go write it, where that is not the value itself: base64 has such
 * texts in it, as Secrets of Kubernetes with a configuration of docker and tokens do.
 */
function jsonOf(value: string): string[] {
  const plain = JSON.stringify(value.toWellFormed()).slice(1, -1);
  const toUnicode = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const forms = [plain, plain.replace(/[^\x20-\x7e]/g, toUnicode), plain.replace(/[&<>\u2028\u2029]/g, toUnicode)];
  return [...new Set(forms)].filter((form) => form !== value);
}

/**
 * The parts of a secret that are searched for: all of it, without the surrounding white space, and each line that is long
 * enough.
 */
export function partsOf(value: string): string[] {
  if (value.length < shortestSecret) return [];
  const parts = new Set([value]);
  const trimmed = value.trim();
  if (trimmed.length >= shortestSecret) parts.add(trimmed);
  const lines = trimmed.split(/\r?\n/).map((line) => line.trim());
  if (lines.length > 1) {
    // With the line endings of other systems.
    for (const one of [value, trimmed]) parts.add(one.replaceAll('\r\n', '\n')).add(one.replace(/\r?\n/g, '\r\n'));
    for (const line of lines) if (line.length >= shortestLine && !keyFrame.test(line)) parts.add(line);
  }
  return [...parts];
}

/** The base64 of bytes, and what they leave in the base64 of a longer text that holds them, at each of three places. */
export function base64Of(bytes: Buffer): string[] {
  const whole = bytes.toString('base64');
  return [whole, whole.replace(/={1,2}$/, ''), ...base64Within(bytes).filter((own) => own.length >= shortestBase64)];
}

/**
 * What bytes leave in the base64 of a text that holds the base64 of another one that holds them, as a pull Secret of Kubernetes
 * does: the base64 of a configuration of docker, in which `auth` is the base64 of user and password.
 */
function base64TwiceOf(bytes: Buffer): string[] {
  const whole = bytes.toString('base64');
  const within = base64Within(bytes).flatMap((own) => base64Within(Buffer.from(own)));
  return [...base64Of(Buffer.from(whole)), ...within].filter((own) => own.length >= shortestBase64Twice);
}

/** What bytes leave in the base64 of a longer text that holds them, at each of three places. */
function base64Within(bytes: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes]);
    // Characters that also encode bits of the text before or after are not part of the value.
    return shifted.toString('base64').slice(before === 0 ? 0 : before + 1, Math.floor((shifted.length * 4) / 3));
  });
}
