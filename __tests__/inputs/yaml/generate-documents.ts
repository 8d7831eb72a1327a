/** Documents of YAML by the thousand, the same ones for the same seed, in all the ways in which people write them. */

/** Numbers from 0 up to 1, the same for the same seed: https://en.wikipedia.org/wiki/Xorshift */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

const plainWords = `
web
nginx:1.27
a b
http://x/y?z=1#frag
-x
--flag=1
:8080
?x
a:b
x#y
<
<<x
=
..
y
Y
yes
Yes
YES
yEs
n
N
no
No
NO
on
On
oN
off
OFF
true
TRUE
tRUE
false
False
null
Null
NULL
nUll
~
nil
None
NaN
inf
Infinity
.nanx
.
0
-0
+0
00
07
08
09
010
0400
0o400
0O400
0o
0o8
-0400
+0o17
0755
0x1F
0X1f
0x
0xg
-0x1f
0b101
0B1
0b2
-0b11
+0b1
1_000
0_7
1__0
_1
1_
0x_1
-_1
9007199254740991
9007199254740993
-9007199254740993
9223372036854775807
9223372036854775808
-9223372036854775808
-9223372036854775809
18446744073709551615
18446744073709551616
+18446744073709551615
1.0
1.
.5
-.5
+.5
1.5e3
1e3
1E-3
1e
e1
1e400
-1e400
1e-400
1.2.3
0.1
1_0.5
.1_0
1e+06
123456789012345678901234567890
0.000001
0.0000001
1e21
1e20
6.02e23
08.5
0x1.8
1.30
1,000
12:30
12:30:45
190:20:30
1:00
-1:30
2024-01-01
2024-1-2
2024-01-01T10:00:00Z
2024-01-01 10:00:00
2001-12-14t21:59:43.10-05:00
20240101
1d
10Mi
100m
1Gi
5%
v1
é
naïve ☃
日本
🚀
it's
say "x"
`
  .trim()
  .split('\n');
const keys = [
  'name',
  'image',
  'env',
  'a-b',
  'app.kubernetes.io/name',
  'x_y',
  'mode',
  'Port',
  'é',
  'key with space',
  '$schema',
  '__proto__',
  'constructor',
];
const oddKeys = [
  '1',
  '0400',
  '1.5',
  'yes',
  'n',
  'true',
  '1e3',
  '-1',
  '2024-01-01',
  '12:30',
  '.5',
  '1234567.5',
  '1e-7',
  '0x1f',
  '"quoted"',
  "'single'",
  '9007199254740993',
];
const unreadableKeys = ['18446744073709551615', '~', 'null', '', '.inf', '[a]', '{a: b}'];
const tags = [
  '!!str',
  '!!int',
  '!!float',
  '!!bool',
  '!!null',
  '!!binary',
  '!!timestamp',
  '!custom',
  '!!string',
  '!',
  '!<tag:yaml.org,2002:str>',
  '!!merge',
  '!vault',
  '!!seq',
  '!!map',
];

interface Place {
  indent: number;
  inFlow: boolean;
  depth: number;
}

/** One document. */
export class DocumentGenerator {
  readonly #random: () => number;
  #anchors: string[] = [];
  #mappings: string[] = [];
  #named = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Of every hundred documents some are cut or smudged, so that what is refused is compared as well. */
  next(): string {
    this.#anchors = [];
    this.#mappings = [];
    this.#named = 0;
    let text = this.#chance(0.9)
      ? this.#mapping({ indent: 0, inFlow: false, depth: 0 })
      : this.#sequence({ indent: 0, inFlow: false, depth: 0 });
    if (this.#chance(0.1)) text = `# ${this.#pick(['note', 'x: y', '---', '{{ .Values.x }}'])}\n${text}`;
    if (this.#chance(0.1)) text = `${text}${this.#pick(['...\n', '# end', '\n\n', '   \n', '...\n# end\n'])}`;
    if (this.#chance(0.05)) text = `\uFEFF${text}`;
    if (this.#chance(0.1)) text = text.replaceAll('\n', '\r\n');
    if (this.#chance(0.05)) text = this.#smudge(text);
    return text;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }

  #smudge(text: string): string {
    const signs = [...text];
    const at = this.#below(signs.length);
    const sign = this.#pick([...' \n\t:-,[]{}#&*!|>\'"%@`?~0', '']);
    return [...signs.slice(0, at), sign, ...signs.slice(at + this.#below(2))].join('');
  }

  #pad(count: number): string {
    return ' '.repeat(count);
  }

  #comment(): string {
    if (this.#chance(0.9)) return '';
    return this.#pick([' # note', '   # a: b', '\t# tab', ' #']);
  }

  /** Lines `key: value`, each ended. */
  #mapping(place: Place): string {
    const lines: string[] = [];
    const used = new Set<string>();
    for (let i = 1 + this.#below(place.depth === 0 ? 6 : 4); i > 0; i -= 1) {
      if (this.#chance(0.05)) lines.push(this.#pick(['\n', `${this.#pad(this.#below(6))}# comment\n`]));
      const key = this.#key(used);
      const gap = this.#chance(0.03) ? ' ' : '';
      const colon = `${key}${gap}:`;
      lines.push(`${this.#pad(place.indent)}${colon}${this.#blockValue(place, false)}`);
      if (this.#chance(0.04)) lines.push(`${this.#pad(place.indent)}${key}: ${this.#scalar(place)}\n`);
      if (this.#mappings.length > 0 && this.#chance(0.15)) lines.push(this.#mergeLine(place));
      if (this.#chance(0.02))
        lines.push(
          `${this.#pad(place.indent)}? ${this.#key(used)}\n${this.#pad(place.indent)}: ${this.#scalar(place)}\n`,
        );
    }
    return lines.join('');
  }

  #mergeLine(place: Place): string {
    const alias = () => `*${this.#pick(this.#mappings)}`;
    const value = this.#pick([
      alias(),
      alias(),
      `[${alias()}, ${alias()}]`,
      `{image: merged, mode: 0644}`,
      `[{name: first}, {name: second, x: y}]`,
      `[{name: first}, ${alias()}]`,
    ]);
    const key = this.#chance(0.1) ? '!!merge <<' : this.#chance(0.05) ? '"<<"' : '<<';
    return `${this.#pad(place.indent)}${key}: ${value}\n`;
  }

  #key(used: Set<string>): string {
    for (;;) {
      if (this.#chance(0.003)) return this.#pick(unreadableKeys);
      const key = this.#chance(0.15) ? this.#pick(oddKeys) : this.#pick(keys);
      // Of 1 and "1", Go keeps the one or the other as it happens, and of two keys that are one number as well.
      const name = /^(yes|true)$/.test(key) ? 'true' : key;
      if (used.has(name)) {
        used.add(`${name}${used.size}`);
        if (used.size > 40) return `k${used.size}`;
        continue;
      }
      used.add(name);
      return key;
    }
  }

  #anchor(): { text: string; name: string } | undefined {
    if (!this.#chance(0.1)) return undefined;
    const name = `${this.#pick(['a', 'base', 'x-1', 'a_b', 'A9'])}${this.#named++}`;
    return { text: `&${name}`, name };
  }

  /** What follows `key:` or `-`, line end included. */
  #blockValue(place: Place, inSequence: boolean): string {
    const { indent, depth } = place;
    const anchor = this.#anchor();
    const name = anchor === undefined ? '' : ` ${anchor.text}`;
    const kind = this.#random();
    if (depth < 5 && kind < 0.2) {
      const step = this.#pick([1, 2, 2, 2, 4, 7]);
      const inner = this.#mapping({ indent: indent + step, inFlow: false, depth: depth + 1 });
      if (anchor !== undefined) {
        this.#anchors.push(anchor.name);
        this.#mappings.push(anchor.name);
      }
      if (
        inSequence &&
        step > 1 &&
        anchor === undefined &&
        /^ +\S/.test(inner) &&
        this.#chance(0.8) &&
        !/^ *#/.test(inner)
      )
        return `${this.#pad(step - 1)}${inner.trimStart()}`;
      return `${name}${this.#comment()}\n${inner}`;
    }
    if (depth < 5 && kind < 0.35) {
      const step = inSequence ? this.#pick([1, 2, 3]) : this.#pick([0, 0, 2, 2, 4]);
      const inner = this.#sequence({ indent: indent + step, inFlow: false, depth: depth + 1 });
      if (anchor !== undefined) this.#anchors.push(anchor.name);
      return `${name}${this.#comment()}\n${inner}`;
    }
    if (kind < 0.45) return `${name} ${this.#blockScalar(place)}`;
    if (kind < 0.6 && depth < 5) {
      const flow = this.#flow({ ...place, inFlow: true, depth: depth + 1 });
      if (anchor !== undefined) {
        this.#anchors.push(anchor.name);
        if (flow.startsWith('{')) this.#mappings.push(anchor.name);
      }
      return `${name}${this.#gap(inSequence)}${flow}${this.#comment()}\n`;
    }
    if (kind < 0.65) return `${name}${this.#comment()}\n`;
    if (kind < 0.7 && this.#anchors.length > 0) return ` *${this.#pick(this.#anchors)}${this.#comment()}\n`;
    const scalar = this.#scalar(place);
    if (anchor !== undefined) this.#anchors.push(anchor.name);
    return `${name}${this.#gap(inSequence)}${scalar}${this.#comment()}\n`;
  }

  #gap(inSequence: boolean): string {
    if (this.#chance(inSequence ? 0.005 : 0.05)) return '\t';
    return this.#pick([' ', ' ', ' ', '   ']);
  }

  #sequence(place: Place): string {
    const lines: string[] = [];
    for (let i = 1 + this.#below(4); i > 0; i -= 1)
      lines.push(`${this.#pad(place.indent)}-${this.#blockValue(place, true)}`);
    return lines.join('');
  }

  #scalar(place: Place): string {
    if (this.#chance(0.01)) return `!!binary ${this.#pick(['aGVsbG8=', 'AAEC/w==', '"4pyT\n  4pyT"', "''"])}`;
    const tag = this.#chance(0.03) ? `${this.#pick(tags)} ` : '';
    const kind = this.#random();
    if (kind < 0.6) return `${tag}${this.#plain(place)}`;
    if (kind < 0.8) return `${tag}${this.#quoted('"', place)}`;
    return `${tag}${this.#quoted("'", place)}`;
  }

  #plain(place: Place): string {
    if (this.#chance(0.1)) return String((this.#random() - 0.5) * 10 ** this.#below(25));
    if (this.#chance(0.1)) return `0${this.#below(8 ** 4).toString(8)}`;
    const word = this.#pick(plainWords);
    if (place.inFlow) return /[:?#,[\]{}]/.test(word) ? 'flow' : word;
    if (this.#chance(0.05))
      return `${word}\n${this.#pad(place.indent + 1 + this.#below(5))}${this.#pick(['more', 'and # x', 'words'])}`;
    return word;
  }

  #quoted(mark: string, place: Place): string {
    const pieces: string[] = [];
    for (let i = this.#below(4); i >= 0; i -= 1) {
      const kind = this.#random();
      if (kind < 0.5) pieces.push(this.#pick(plainWords).replaceAll(/['"\\]/g, ''));
      else if (kind < 0.7)
        pieces.push(
          mark === '"'
            ? this.#pick([
                '\\n',
                '\\t',
                '\\"',
                '\\\\',
                '\\u00e9',
                '\\x41',
                '\\U0001F680',
                '\\0',
                '\\e',
                '\\ ',
                '\\_',
                '\\N',
                '\\L',
                '\\a',
              ])
            : "''",
        );
      else if (kind < 0.85) pieces.push(this.#pick([' ', '  ', ': ', ' #', '{', ', ', '- ', '\t']));
      // Also less indented than its parent, which YAML 1.2 refuses and Go reads.
      else if (kind < 0.95) pieces.push(`\n${this.#pad(this.#below(place.indent + 4))}x`);
      else pieces.push(`\n\n${this.#pad(place.indent + 1)}y`);
    }
    return `${mark}${pieces.join('')}${mark}`;
  }

  #blockScalar(place: Place): string {
    const base = place.indent + this.#pick([1, 2, 2, 4]);
    const lines: string[] = [];
    for (let i = this.#below(5); i > 0; i -= 1)
      lines.push(
        this.#chance(0.2)
          ? ''
          : `${this.#pad(base + (lines.length > 0 && this.#chance(0.3) ? this.#below(4) : 0))}${this.#pick([...plainWords, '# no comment', 'a: b', '- x', '\ttab', 'trail  ', '{{ x }}'])}`,
      );
    const digit = this.#chance(0.15) ? String(base - place.indent) : '';
    const chomp = this.#pick(['', '', '-', '+']);
    const head = this.#chance(0.5) ? `${digit}${chomp}` : `${chomp}${digit}`;
    return `${this.#pick(['|', '|', '>'])}${head}${this.#comment()}\n${lines.map((line) => `${line}\n`).join('')}`;
  }

  /** A collection in brackets, whose lines may have any indentation. */
  #flow(place: Place): string {
    const isMapping = this.#chance(0.5);
    const items: string[] = [];
    const used = new Set<string>();
    for (let i = this.#below(4); i > 0; i -= 1) {
      const value =
        place.depth < 4 && this.#chance(0.2) ? this.#flow({ ...place, depth: place.depth + 1 }) : this.#scalar(place);
      items.push(isMapping ? `${this.#key(used)}:${this.#chance(0.05) ? '' : ` ${value}`}` : value);
    }
    const gap = () =>
      this.#chance(0.15)
        ? `${this.#pick(['', '', ' # c'])}\n${this.#pad(this.#below(place.indent + 5))}`
        : this.#pick(['', ' ']);
    const comma = this.#chance(0.1) && items.length > 0 ? ',' : '';
    const body = items.map((item) => `${gap()}${item}`).join(`${this.#chance(0.1) ? ' ' : ''},`);
    return `${isMapping ? '{' : '['}${body}${comma}${gap()}${isMapping ? '}' : ']'}`;
  }
}
