/** Takes secrets out of Kubernetes objects before they are written down; pure. */

const hidden = '***';

/** Names of settings whose values are nobody's business. */
const secretName =
  /pass(word|wd|phrase)?|secret|token|credential|api_?key|access_?key|private_?key|signing|encryption|\bauth\b|_auth\b|\bdsn\b|connection_?string|\bpwd\b/i;

/** `scheme://user:password@host` in any text. */
const passwordInUrl = /(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/@]{0,200}:)[^\s/@]{1,4000}(@)/gi;

/** What clients keep of an object beside it: all of its text once more. */
const copies = ['kubectl.kubernetes.io/last-applied-configuration'];

/**
 * A copy of an object as the API gives it, or of a list of them, without managedFields, with `***` in place of the values
 * of Secrets, of environment variables and arguments that look like secrets, and of passwords in URLs.
 */
export function redactObject(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactObject);
  if (typeof value === 'string') return value.replace(passwordInUrl, `$1${hidden}$2`);
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, unknown>;
  const isSecret = object.kind === 'Secret';
  const redacted: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(object)) {
    if (key === 'managedFields' || copies.includes(key)) continue;
    if (isSecret && (key === 'data' || key === 'stringData')) redacted[key] = hideValues(item);
    else if (key === 'env' && Array.isArray(item)) redacted[key] = item.map(redactVariable);
    else if ((key === 'args' || key === 'command') && Array.isArray(item)) redacted[key] = redactWords(item);
    else redacted[key] = redactObject(item);
  }
  return redacted;
}

function hideValues(values: unknown): unknown {
  if (typeof values !== 'object' || values === null) return values;
  return Object.fromEntries(Object.keys(values).map((key) => [key, hidden]));
}

function redactVariable(variable: unknown): unknown {
  if (typeof variable !== 'object' || variable === null) return variable;
  const { name, value } = variable as { name?: unknown; value?: unknown };
  if (typeof name === 'string' && typeof value === 'string' && value !== '' && secretName.test(name))
    return { ...variable, value: hidden };
  return redactObject(variable);
}

/** `--password=x` and `--password x`. */
function redactWords(words: unknown[]): unknown[] {
  return words.map((word, i) => {
    if (typeof word !== 'string') return redactObject(word);
    const former = words[i - 1];
    if (typeof former === 'string' && /^--?[a-z][\w-]*$/i.test(former) && secretName.test(former)) return hidden;
    const [flag, ...rest] = word.split('=');
    if (rest.length > 0 && /^--?[a-z][\w-]*$/i.test(flag!) && secretName.test(flag!)) return `${flag}=${hidden}`;
    return redactObject(word);
  });
}
