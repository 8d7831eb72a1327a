/** Secrets as real encoders write them: Python, Go, JavaScript, bash, coreutils and OpenSSL. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface EncodedSecret {
  secret: string;
  encoder: string;
  text: string;
  /** The encoder's output for an empty text: the text around every secret. */
  frame: string;
}

type Encoded = Record<string, Record<string, string>>;

const directory = import.meta.dirname;
const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');
const all = JSON.parse(read('secrets.json')) as Record<string, string>;

/** By name; the empty one is left out. */
export const secrets: Record<string, string> = Object.fromEntries(
  Object.entries(all).filter(([, text]) => text !== ''),
);

const escapeXml = (text: string) =>
  text.replace(
    /[&<>"']/g,
    (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' })[sign] ?? '',
  );

const encoders: Record<string, (text: string) => string> = {
  nothing: (text) => text,
  'JSON.stringify': (text) => JSON.stringify(text),
  'JSON.stringify, /': (text) => JSON.stringify(text).replaceAll('/', '\\/'),
  'JSON.stringify twice': (text) => JSON.stringify(JSON.stringify(text)),
  'JSON.stringify four times': (text) => JSON.stringify(JSON.stringify(JSON.stringify(JSON.stringify(text)))),
  'JSON.stringify in XML': (text) => escapeXml(JSON.stringify(text)),
  'JSON.stringify twice in XML': (text) => escapeXml(JSON.stringify(JSON.stringify(text))),
  'JSON.stringify in an address': (text) => encodeURIComponent(JSON.stringify(text)),
  'JSON.stringify in an address in JSON': (text) => JSON.stringify({ a: encodeURIComponent(JSON.stringify(text)) }),
  'XML in JSON.stringify': (text) => JSON.stringify(escapeXml(text)),
  'XML in XML': (text) => escapeXml(escapeXml(text)),
  encodeURIComponent: (text) => encodeURIComponent(text),
  'encodeURIComponent twice': (text) => encodeURIComponent(encodeURIComponent(text)),
  encodeURI: (text) => encodeURI(text),
  'encodeURI in XML': (text) => escapeXml(encodeURI(text)),
  URLSearchParams: (text) => new URLSearchParams({ k: text }).toString(),
  escape: (text) => escape(text),
  CDATA: (text) => `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`,
  'units of UTF-16': (text) =>
    Array.from(
      { length: text.length },
      (_, i) => `\\u${text.charCodeAt(i).toString(16).toUpperCase().padStart(4, '0')}`,
    ).join(''),
  'code points in braces': (text) => [...text].map((one) => `\\u{${one.codePointAt(0)?.toString(16)}}`).join(''),
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  'base64 of base64url amid': (text) => Buffer.from(`<<${text}>>`).toString('base64url'),
  'base64 of JSON.stringify': (text) => Buffer.from(JSON.stringify({ auth: text })).toString('base64'),
  'base64url of JSON.stringify': (text) => Buffer.from(JSON.stringify({ a: text, b: 1 })).toString('base64url'),
  'JSON.stringify of a Buffer': (text) => JSON.stringify(Buffer.from(text)),
  'JSON.stringify of bytes, indented': (text) => JSON.stringify([...Buffer.from(text)], null, 1),
  'JSON.stringify of bytes, twice': (text) => JSON.stringify(JSON.stringify([...Buffer.from(text)], null, 1)),
  'util.inspect of bytes': (text) => [...Buffer.from(text)].join(', '),
  hex: (text) => Buffer.from(text).toString('hex'),
  'hex with 0x': (text) => [...Buffer.from(text)].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(', '),
};

/** Each secret by each encoder. */
export function encodeSecrets(): EncodedSecret[] {
  const sources: [string, Encoded][] = [
    ['JavaScript', byJavaScript()],
    ['Python', byPython()],
    ['Go', JSON.parse(read('encode-go.json')) as Encoded],
    ['shell', byShell()],
  ];
  return sources.flatMap(([language, encoded]) =>
    Object.keys(secrets).flatMap((secret) =>
      Object.entries(encoded[secret] ?? {}).map(([encoder, text]) => ({
        secret,
        encoder: `${language}: ${encoder}`,
        text,
        frame: encoded.empty?.[encoder] ?? '',
      })),
    ),
  );
}

function byJavaScript(): Encoded {
  return Object.fromEntries(
    Object.entries(all).map(([name, text]) => [
      name,
      Object.fromEntries(Object.entries(encoders).map(([encoder, encode]) => [encoder, encode(text)])),
    ]),
  );
}

function byPython(): Encoded {
  return JSON.parse(run('python3', [path.join(directory, 'encode.py')], {}, JSON.stringify(all))) as Encoded;
}

function byShell(): Encoded {
  const encoded: Encoded = {};
  for (const [name, text] of Object.entries(all)) {
    const said = run('bash', [path.join(directory, 'encode.sh')], { SECRET: text, LC_ALL: 'C.UTF-8' }, '');
    encoded[name] = Object.fromEntries(
      said
        .split('\0')
        .slice(0, -1)
        .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
    );
  }
  return encoded;
}

function run(program: string, args: string[], env: Record<string, string>, input: string): string {
  const ended = spawnSync(program, args, { input, encoding: 'utf8', env: { PATH: process.env.PATH ?? '', ...env } });
  if (ended.status !== 0) throw new Error(`${program} ended with ${ended.status}: ${ended.stderr}`);
  return ended.stdout;
}
