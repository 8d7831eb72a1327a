/** What helm's error messages mean for the author of the chart and its values. Pure. */
import { type Failure, toOneLine } from '../core/outcome.ts';

/**
 * A failure of kind `chart` from what helm wrote to stderr, with a hint for known errors; `what` names what helm was to do.
 */
export function explainHelm(what: string, stderr: string, end: string): Failure {
  const lines = stderr.trim().split('\n');
  const from = lines.findIndex((line) => /^(Error|ERROR):/.test(line));
  const said =
    from === -1
      ? end
      : lines
          .slice(from)
          .join(' ')
          .replace(/^error: ((INSTALLATION|UPGRADE) FAILED: )?/i, '');
  const known = explanations.find(({ words }) => words.test(said));
  return {
    kind: 'chart',
    reason: cutAtWord(`${what}: ${known?.say?.(said) ?? said}`),
    hint: known?.hint ?? 'Try it by hand with "helm template" and the same values.',
    evidence: lines.slice(-40),
  };
}

interface Explanation {
  words: RegExp;
  hint: string;
  /** Replaces helm's own message, where that is hard to understand. */
  say?: (said: string) => string;
}

const explanations: Explanation[] = [
  {
    words: /library charts are not installable/i,
    hint: 'It only holds templates for other charts: give one that uses it.',
    say: () => 'it is a library chart, which cannot be installed',
  },
  {
    words: /missing in charts\//i,
    hint: 'An archive brings its dependencies along: package it again with "helm package --dependency-update".',
    say: (said) => `it lacks dependencies: ${/missing in charts\/ directory: (.*)/.exec(said)?.[1] ?? said}`,
  },
  {
    words: /chart requires kubeVersion/i,
    hint: 'Give another node-image, or a version of the chart that supports this Kubernetes.',
  },
  {
    words: /values don't meet the specifications of the schema|additional properties .{0,500} not allowed/i,
    hint: "Fix the value that is named (values, set), or the chart's values.schema.json.",
  },
  {
    words: /cannot re-use a name that is still in use|cannot reuse a name that is still in use/i,
    hint: 'A release of this name is in the namespace: set another release or namespace, or remove the old one with helm uninstall.',
    say: () => 'another release of the same name is already in the namespace',
  },
  {
    words: /failed to create typed patch object/i,
    hint: 'Helm 4 applies objects by the API server, which refuses what Helm 3 let through, such as two entries of one name in env or ports, or an unknown field: fix the template, or set helm-version to a version 3, with its checksum in tools-checksums.',
    say: describeTypedPatch,
  },
  {
    words: /Namespace "[^"]{0,253}" .{0,300} exists and cannot be imported .{0,300} invalid ownership metadata/i,
    hint: 'The chart contains a namespace that exists already: turn it off in its values, or set a namespace that does not exist.',
  },
  {
    words: /invalid ownership metadata/i,
    hint: 'Another release, or a user, created this object: set another release name or namespace, or delete the object.',
  },
  {
    words:
      /field is immutable|spec is immutable|updates to statefulset spec for fields other than|is immutable after creation/i,
    hint: 'The object already exists with another value in a field that cannot change: delete it, or install into a new namespace.',
  },
  {
    words: /conflict occurred|Apply failed with \d+ conflict/i,
    hint: 'The object already exists and another client manages the field: delete the object, or install into a new namespace.',
  },
  {
    words: /no matches for kind|resource mapping not found|ensure CRDs are installed/i,
    hint: "The cluster does not know this kind: its CRD must be installed first, for example in the chart's crds/.",
  },
  {
    words: /failed calling webhook/i,
    hint: "If it comes with this chart, its pods are not ready yet when helm creates the objects that it admits: create those in a post-install hook, or install the webhook's chart first. If it belongs to a removed release, delete its webhook configuration.",
    say: describeWebhook,
  },
  {
    words: /admission webhook .{0,500} denied|is forbidden/i,
    hint: 'The cluster rejects the field: change the chart, or the policy.',
  },
  {
    words: /execution error|parse error|YAML parse error|nil pointer|function .{0,200} not defined|render/i,
    hint: 'Fix the template at the file and line named; "helm template" shows the same by hand.',
  },
  {
    words: /is invalid:|unknown field|strict decoding/i,
    hint: "Fix the field that is named in the chart's template or values.",
  },
  {
    words: /Chart\.yaml|chart not found|path .{0,300} not found/i,
    hint: 'Check the input chart: the directory that holds Chart.yaml, or an archive of it.',
  },
];

/** `failed to create typed patch object (ns/web; apps/v1, Kind=Deployment): errors: <one or more of them>` */
function describeTypedPatch(said: string): string {
  const [, name, kind, errors] =
    /failed to create typed patch object \(([^;]*); [^)]*Kind=(\w+)\): (?:errors: )?(.*)/.exec(said) ?? [];
  return name === undefined ? said : `the API server refuses ${kind} ${name}: ${errors}`;
}

const longestReason = 500;

/** On one line, and no longer than a headline may be; the whole is in the evidence. */
function cutAtWord(text: string): string {
  const line = toOneLine(text, 10 * longestReason);
  if (line.length <= longestReason) return line;
  const cut = line.slice(0, longestReason);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), longestReason - 80))} …`;
}

/** `failed calling webhook "a.b": failed to call webhook: Post "https://hook.certs.svc:443/validate?timeout=5s": dial tcp …` */
function describeWebhook(said: string): string {
  const [, webhook, service, namespace, why] =
    /failed calling webhook "([^"]+)": .*?"https:\/\/([^./"]+)\.([^./"]+)\.svc[^"]*": (.*)/.exec(said) ?? [];
  if (webhook === undefined) return said;
  return `the webhook ${webhook}, which admits the objects of the chart, does not answer (Service ${service} in namespace ${namespace}): ${why}`;
}
