/**
 * Removes what looks like a secret from Kubernetes objects before they are written to disk; pure. A secret is recognised by the
 * name of its field or by a well-known form; anything else stays. All patterns are bounded, since the text is foreign.
 */

const hidden = '***';

/** Copies of the whole object that clients store in annotations. */
const copies = ['kubectl.kubernetes.io/last-applied-configuration'];

/** Parts of a name by which its value is a secret, wherever they are in it. */
const secretPart =
  /passw(or)?d|passphrase|pgpass|secret|token|credential|api[-_. ]?key|access[-_. ]?key|private[-_. ]?key|connection[-_. ]?string|authorization/i;
/** The same as separate words. */
const secretWords = new Set(
  'pass pwd pw passwd jwt cookie cookies auth dsn psk creds cred otp pin signing encryption bearer'.split(' '),
);
/** The last words of names whose value only describes a secret: its location, its name, its lifetime. */
const harmlessEnds = new Set(
  'name names ref refs path paths file files dir namespace seconds policy type types class mode version count method enabled ttl expiry expiration duration length size provider store issuer audience kind affinity timeout format algorithm mount volume controller user username usage'.split(
    ' ',
  ),
);
/** `…Key` of Kubernetes and of databases that is no secret. */
const harmlessKeys = new Set(
  'topology label annotation public primary foreign partition sort group routing row lookup property node map'.split(
    ' ',
  ),
);
const quantities = new Set(['max', 'min', 'num', 'total', 'count']);

/** A copy of text without what looks like a secret: in addresses, headers, assignments, options, tokens and keys. */
export function redactText(text: string): string {
  if (text.length < 4) return text;
  let redacted = hideKeys(text);
  redacted = hideUserInfo(redacted)
    .replace(/(jdbc:oracle:thin:[^\s/@]{1,128}\/)[^\s@]{1,256}(?=@)/gi, `$1${hidden}`)
    .replace(/(?<=[\w.-]:)[^\s:@]{1,128}(?=@(?:tcp|unix)\()/g, hidden)
    .replace(
      /\b((?:proxy-)?authorization|(?:set-)?cookie2?)(\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?)[^\r\n"'\\]{1,8192}/gi,
      `$1$2${hidden}`,
    )
    // Tokens that are recognised by their form: JSON web tokens, GitHub, GitLab, Slack, AWS, OpenAI and Stripe, hashes of
    // passwords.
    .replace(/(?<![\w-])eyJ[\w-]{5,8192}\.[\w-]{5,16384}(?:\.[\w-]{0,8192})?/g, hidden)
    .replace(/(?<![\w-])(?:gh[opsur]_|github_pat_|glpat-|xox[abprs]-|sk[-_]|rk_live_|pk_live_)[\w-]{16,512}/g, hidden)
    .replace(/(?<!\w)(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)/g, hidden)
    .replace(/\$(?:apr1|2[abxy]|1|5|6|y|argon2[id]{1,2})\$[\w./$=,+-]{8,512}/g, hidden);
  redacted = hideAssignments(redacted)
    .replace(/<([A-Za-z][\w.:-]{0,63})>([^<]{1,1024})(?=<\/)/g, (all, name: string) =>
      isSecretName(name) ? `<${name}>${hidden}` : all,
    )
    .replace(option, (all, before: string, flag: string, gap: string, value: string) => {
      const safe = hideOption(flag, value, redacted);
      return safe === undefined ? all : `${before}${flag}${gap}${safe}`;
    })
    .replace(/(\blogin\s{1,4}[^\s]{1,128}\s{1,4}password\s{1,4})[^\s]{1,256}/gi, `$1${hidden}`);
  return /\b(?:mysql|mariadb)/.test(redacted)
    ? redacted.replace(/(\s-p)(?=\S)[^\s"']{1,256}/g, `$1${hidden}`)
    : redacted;
}

/** The beginning of `name=value`, `"name": "value"`, `name: value`, also within text. */
const assignment = /(?<![\w.]|[\w.]-)([A-Za-z_][\w.-]{0,127})\\?["']?[ \t]{0,4}(?:=>|:=|[:=])[ \t]{0,4}/g;
/** The text after it: a scheme and its credentials, a quoted text, a block of YAML, a word. */
const assigned =
  /(?:Bearer|Basic|Token|Digest)\s{1,4}[^\s"'&;,]{1,8192}|"[^"\\\r\n]{0,8192}"|'[^'\r\n]{0,8192}'|\\"[^"\\\r\n]{0,8192}\\"|[|>][+-]?[ \t]{0,4}\r?\n(?:[ \t]{1,64}[^\r\n]{0,4096}(?:\r?\n|$)){1,200}|[^\s"'&;,)}\]\\]{1,8192}/iy;
/** `--name value` and `-n value`. */
const option =
  /(^|[\s"'(])(--?[A-Za-z][\w-]{0,63})(\s{1,4})("[^"\r\n]{1,2048}"|'[^'\r\n]{1,2048}'|[^\s"'-][^\s"']{0,2047})/g;

/**
 * A copy of an object as the API gives it, or of a list of them, without managedFields, with `***` in place of the values of
 * Secrets and of all that looks like a secret: by the name of a field, of a variable, of a header, of an option, or by its own
 * form.
 */
export function redactObject<T>(value: T): T {
  return redact(value) as T;
}

function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return redactList(value);
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, unknown>;
  const isSecret = object.kind === 'Secret';
  const redacted: [string, unknown][] = [];
  for (const [key, item] of Object.entries(object)) {
    if (key === 'managedFields' || copies.includes(key)) continue;
    if (isSecret && (key === 'data' || key === 'stringData')) redacted.push([key, hideValues(item)]);
    else if (key === 'value' && isSecretName(object.name ?? object.key)) redacted.push([key, hideScalar(item)]);
    else redacted.push([key, isSecretName(key) ? hideScalar(item) : redact(item)]);
  }
  return Object.fromEntries(redacted);
}

function hideValues(values: unknown): unknown {
  if (typeof values !== 'object' || values === null) return values;
  return Object.fromEntries(Object.keys(values).map((key) => [key, hidden]));
}

/** The value of a name that indicates a secret. Values nested below it may also be the name of a Secret. */
function hideScalar(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? value : hidden;
  if (typeof value === 'number') return hidden;
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'string' ? hideScalar(item) : redact(item)));
  return redact(value);
}

/** Lists of strings may be a command, in which an option is before its value. */
function redactList(items: unknown[]): unknown[] {
  const said = items
    .filter((item) => typeof item === 'string')
    .join(' ')
    .slice(0, 4096);
  return items.map((item, i) => {
    const former = items[i - 1];
    if (typeof item === 'string' && typeof former === 'string' && /^--?[a-z][\w-]{0,63}$/i.test(former)) {
      const safe = hideOption(former, item, said);
      if (safe !== undefined) return safe;
    }
    if (typeof item === 'string' && /^-p\S/.test(item) && /\b(?:mysql|mariadb)/.test(said)) return `-p${hidden}`;
    return redact(item);
  });
}

function hideAssignments(text: string): string {
  const parts: string[] = [];
  let from = 0;
  assignment.lastIndex = 0;
  for (let found = assignment.exec(text); found !== null; found = assignment.exec(text)) {
    if (!isSecretName(found[1])) continue;
    assigned.lastIndex = assignment.lastIndex;
    const value = assigned.exec(text)?.[0];
    if (value === undefined || isHarmless(value)) continue;
    parts.push(text.slice(from, assignment.lastIndex), hideQuoted(value));
    from = assignment.lastIndex + value.length;
    assignment.lastIndex = from;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(from);
}

/** The value of an option of a command without its secret; undefined where it has none. */
function hideOption(flag: string, value: string, command: string): string | undefined {
  if (flag.startsWith('--') || flag.length > 2)
    return isSecretName(flag.replace(/^-+/, '')) ? hideQuoted(value) : undefined;
  if (flag === '-u' || flag === '-U') {
    const colon = value.indexOf(':');
    return colon > 0 && !/^\d+(:\d+)?["']?$/.test(value) ? `${value.slice(0, colon + 1)}${hidden}` : undefined;
  }
  // Directories and ports are what it means elsewhere.
  if (flag === '-p' || flag === '-P')
    return /^["']?([./~$]|\d+(:\d+)*(\/\w+)?["']?$)/.test(value) ? undefined : hideQuoted(value);
  if (flag === '-a' && /\bredis-cli\b/.test(command)) return hideQuoted(value);
  return flag === '-w' && /\b(ldap|bind)/.test(command) ? hideQuoted(value) : undefined;
}

function hideQuoted(value: string): string {
  const quote = /^\\?["']/.exec(value)?.[0] ?? '';
  return quote !== '' && value.endsWith(quote) ? `${quote}${hidden}${quote}` : hidden;
}

/** Placeholders for a value that is elsewhere, or for none. */
function isHarmless(value: string): boolean {
  return (
    /^["']?(\$[({][^\s]{0,200}|\$[A-Za-z_]\w{0,100}|true|false|null|none|\*{3})["']?$/i.test(value) ||
    /^(""|'')$/.test(value)
  );
}

/** Whether a name indicates a confidential value. */
function isSecretName(name: unknown): boolean {
  if (typeof name !== 'string' || name === '' || name.length > 256) return false;
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  const last = words.at(-1) ?? '';
  if (harmlessEnds.has(last) || quantities.has(words[0] ?? '')) return false;
  if (last === 'key' || last === 'keys') return words.length > 1 && !harmlessKeys.has(words.at(-2) ?? '');
  if (last === 'session' || (words.at(-2) === 'session' && last === 'id')) return true;
  return secretPart.test(name) || words.some((word) => secretWords.has(word));
}

/** `scheme://user:password@host`: the password may hold slashes and at-signs; a token may be alone before the host. */
function hideUserInfo(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = text.indexOf('://'); at !== -1; at = text.indexOf('://', from)) {
    const begin = at + 3;
    let end = begin;
    while (
      end < text.length &&
      end < begin + 2048 &&
      !/[\s"'<>`]/.test(text.charAt(end)) &&
      !text.startsWith('://', end)
    )
      end++;
    const safe = hideInAddress(
      /[a-z0-9]{1,16}$/i.exec(text.slice(Math.max(0, at - 16), at))?.[0] ?? '',
      text.slice(begin, end),
    );
    parts.push(text.slice(from, begin), safe);
    from = end;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(from);
}

/** What follows `scheme://`. */
function hideInAddress(scheme: string, rest: string): string {
  const slash = rest.search(/[/?#]/);
  const authority = slash === -1 ? rest : rest.slice(0, slash);
  const colon = authority.indexOf(':');
  const hasPort = colon !== -1 && /^:\d{1,5}$/.test(authority.slice(colon)) && slash !== -1;
  const isOpen = colon !== -1 && !hasPort && !authority.startsWith('[');
  const sign = isOpen ? rest.lastIndexOf('@') : authority.lastIndexOf('@');
  if (sign === -1) return rest;
  if (colon !== -1 && colon < sign) return `${rest.slice(0, colon + 1)}${hidden}${rest.slice(sign)}`;
  return /^https?$/i.test(scheme) && rest.slice(0, sign) !== 'git' ? `${hidden}${rest.slice(sign)}` : rest;
}

/** Private keys in PEM. */
function hideKeys(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = text.indexOf('-----BEGIN '); at !== -1; at = text.indexOf('-----BEGIN ', from)) {
    const head = /^-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY( BLOCK)?-----/.exec(text.slice(at, at + 80))?.[0];
    if (head === undefined) {
      parts.push(text.slice(from, at + 11));
      from = at + 11;
      continue;
    }
    const end = text.indexOf('-----END ', at);
    parts.push(text.slice(from, at + head.length), hidden);
    from = end === -1 ? text.length : end;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(from);
}
