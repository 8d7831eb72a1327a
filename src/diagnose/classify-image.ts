/**
 * From the messages of the kubelet and containerd about an image to one named cause: what is wrong, what to do, and whether it
 * can still be resolved. Pure. The messages are those of containerd 1.6 to 2.x and of registries; `pull-words.json` of the
 * tests holds those of a real cluster.
 */

import { type Failure, type FailureCode, toOneLine } from '../core/outcome.ts';
import type { ClusterEvent, ContainerStatus, Pod } from '../kube/objects.ts';

export interface PullProblem {
  failure: Failure;
  /**
   * `certain`: no further attempt can change it. `likely`: it may be resolved within `patienceSeconds`. `transient`: it will
   * be.
   */
  confidence: 'certain' | 'likely' | 'transient';
  patienceSeconds: number;
}

/** The kubelet tries again after 10, 20 and 40 s, each plus up to its ten-second rounds: this is three attempts. */
const threeAttemptsSeconds = 60;
/** Four attempts. */
const fourAttemptsSeconds = 120;

type ImageFailureCode = FailureCode & `image-${string}`;

/** For causes that involve no registry. */
const codesWithoutPull: ReadonlySet<FailureCode> = new Set(['image-name-invalid', 'image-not-in-node']);

interface Cause {
  /** In messages of registry and runtime, without the names of images. */
  words: RegExp;
  code: ImageFailureCode;
  what: string;
  hint: (place: { registry: string; image: string }) => string;
  /** 0: certain. */
  patienceSeconds: number;
}

/** The first match is the cause: temporary errors are first, since their messages often quote a refusal. */
const causes: Cause[] = [
  {
    words: /\b429\b|too ?many ?requests|rate limit|increase-rate-limit/i,
    code: 'image-rate-limited',
    what: 'cannot be pulled: the rate limit of the registry is reached',
    hint: ({ registry }) =>
      `Log in before the run (docker login ${registry}): its limit is higher; or name a mirror with registry-mirrors, or load the image with load-images.`,
    patienceSeconds: fourAttemptsSeconds,
  },
  {
    words:
      /\b5\d\d (internal|bad gateway|service|gateway|http version)|status(?: code)?[^:]{0,200}: 5\d\d\b|unexpected status.{0,200} 5\d\d\b/i,
    code: 'image-registry-failing',
    what: 'cannot be pulled: the registry returns server errors',
    hint: ({ registry }) =>
      `Check the status of ${registry}; or name a mirror with registry-mirrors, or load the image with load-images.`,
    patienceSeconds: fourAttemptsSeconds,
  },
  {
    // An unreachable resolver gives "server misbehaving" or a timeout; this is the answer of a working one.
    words: /no such host/i,
    code: 'image-registry-unknown',
    what: 'cannot be pulled: there is no such registry',
    hint: ({ registry }) =>
      `Check the name of the registry, ${registry}; where only this machine can resolve it, load the image with load-images.`,
    patienceSeconds: 0,
  },
  {
    words: /server gave HTTP response to HTTPS client/i,
    code: 'image-registry-plain-http',
    what: 'cannot be pulled: the registry serves HTTP, and was asked over HTTPS',
    hint: ({ registry }) => `Set registry-mirrors: ${registry}=http://${registry}`,
    patienceSeconds: 0,
  },
  {
    words: /x509:|tls: failed to verify|certificate (signed by unknown|has expired|is not)/i,
    code: 'image-registry-untrusted',
    what: 'cannot be pulled: the nodes do not trust the certificate of the registry',
    hint: () => 'Load the image with load-images, or name a mirror that the nodes trust with registry-mirrors.',
    patienceSeconds: 0,
  },
  {
    words: /no space left on device/i,
    code: 'image-node-disk-full',
    what: "cannot be pulled: the node's disk is full",
    hint: () => 'Free some space; docker system df shows what uses it.',
    patienceSeconds: threeAttemptsSeconds,
  },
  {
    words:
      /dial tcp|connection (refused|reset)|i\/o timeout|TLS handshake timeout|no route to host|network is unreachable|server misbehaving|broken pipe|\bEOF\b|deadline exceeded|context canceled|failed to do request/i,
    code: 'image-registry-unreachable',
    what: 'cannot be pulled: the nodes cannot reach the registry',
    hint: ({ registry }) =>
      `Check that ${registry} answers from this machine and that a proxy or firewall lets the nodes through; or name a mirror with registry-mirrors, or load the image with load-images.`,
    patienceSeconds: threeAttemptsSeconds,
  },
  {
    words: /unexpected commit digest|failed size validation|failed precondition|digest mismatch|invalid checksum/i,
    code: 'image-corrupt',
    what: 'cannot be pulled: the content from the registry does not match its digest',
    hint: () => 'A proxy or a mirror on the way damages the layers, or the push was cut short: push the image again.',
    patienceSeconds: threeAttemptsSeconds,
  },
  {
    words: /no match for platform/i,
    code: 'image-platform-missing',
    what: 'is not there for the platform of the nodes',
    hint: ({ image }) =>
      `Build it for the platform of this machine too (docker buildx build --platform …); docker manifest inspect ${image} shows the platforms that it has.`,
    patienceSeconds: 0,
  },
  {
    words: /invalid reference format|couldn't parse image name|InvalidImageName/i,
    code: 'image-name-invalid',
    what: 'has an invalid name',
    hint: () =>
      'Write it in small letters as registry/name:tag; an empty value in the chart often leaves ":" or "/" alone.',
    patienceSeconds: 0,
  },
  {
    words: /pull policy of Never|ErrImageNeverPull/i,
    code: 'image-not-in-node',
    what: 'is not in the node, and its pull policy is Never',
    hint: () => 'Load it with load-images, under exactly this name, or let it be pulled: imagePullPolicy IfNotPresent.',
    patienceSeconds: 0,
  },
  {
    // The same message for a typo in the name and for missing credentials: a registry does not reveal to anonymous clients
    // which images it has.
    words:
      /unauthorized|authorization (failed|required)|require authorization|authentication required|no basic auth|access denied|\bdenied\b|forbidden|\b40[13]\b/i,
    code: 'image-denied',
    what: 'is refused by the registry: it does not exist, or these credentials may not read it',
    hint: ({ registry }) =>
      `Check the name; if it is right, log in before the run (docker login ${registry}), which is carried to the pods; or load the image with load-images.`,
    patienceSeconds: 0,
  },
  {
    words: /not found|manifest unknown|name unknown|MANIFEST_UNKNOWN|NAME_UNKNOWN|\b404\b/i,
    code: 'image-not-found',
    what: 'is not there: the registry has no such name or tag',
    hint: () =>
      "Check the name and the tag; an image of this machine's docker is loaded when it has exactly this name, or by load-images.",
    patienceSeconds: 0,
  },
];

const unknownCause: Omit<Cause, 'words'> = {
  code: 'image-pull-failed',
  what: 'cannot be pulled',
  hint: () => 'Check the image name, or load the image with load-images.',
  patienceSeconds: fourAttemptsSeconds,
};

/** Whether the nodes asked a registry for the image, and did not get it. */
export function isFailedPull({ code }: Failure): boolean {
  return code !== undefined && codesOfFailedPulls.has(code);
}

const codesOfFailedPulls: ReadonlySet<FailureCode> = new Set(
  [...causes, unknownCause].map(({ code }) => code).filter((code) => !codesWithoutPull.has(code)),
);

/** The message of a container that waits for its image. */
export function classifyImage(pod: Pod, status: ContainerStatus, reason: string, message: string): PullProblem {
  const image = imageOf(pod, status.name) || status.image;
  const where = `container ${status.name} of pod ${pod.metadata.name}`;
  const words = withoutNames(message, image);
  // The kubelet's own limit on pulls, which every one of many pods passes sooner or later.
  if (/pull QPS exceeded/i.test(words))
    return {
      failure: imageFailure('image-pull-queued', image, `image ${image} is queued to be pulled for ${where}`, '', [
        message,
      ]),
      confidence: 'transient',
      patienceSeconds: fourAttemptsSeconds,
    };
  return explainPull({ image, where, message, words: `${reason} ${words}` });
}

/** The message of a node that was asked to pull an image for `where`, before there is a pod. */
export function classifyPull(image: string, where: string, message: string): PullProblem {
  return explainPull({ image, where, message, words: withoutNames(message, image) });
}

function explainPull(pull: { image: string; where: string; message: string; words: string }): PullProblem {
  const { image, where, message, words } = pull;
  const cause = causes.find((one) => one.words.test(words)) ?? unknownCause;
  const said = registryWords(message);
  const quoted = said === '' ? '' : `: ${said}`;
  return {
    failure: imageFailure(
      cause.code,
      image,
      `image ${image} ${cause.what} (${where})${quoted}`,
      cause.hint({ image, registry: registryIn(image) }),
      message === '' ? [] : [message],
    ),
    confidence: cause.patienceSeconds === 0 ? 'certain' : 'likely',
    patienceSeconds: cause.patienceSeconds,
  };
}

/**
 * For a pod that has not started: the pull that its node is still running, if there is one. A registry that accepts the request
 * and never answers gives no error at all, and blocks every other pull of the node.
 */
export function describeStuckPull(pods: Pod[], events: ClusterEvent[], seconds: number): Failure | undefined {
  for (const pod of pods) {
    const own = events
      .filter((event) => event.involvedObject.uid === pod.metadata.uid)
      .sort((a, b) => timeOf(a).localeCompare(timeOf(b)));
    const last = own.findLast((event) => ['Pulling', 'Pulled', 'Failed', 'BackOff'].includes(event.reason ?? ''));
    const image = /^Pulling image "(.+)"$/.exec(last?.message ?? '')?.[1];
    if (last?.reason !== 'Pulling' || image === undefined) continue;
    return imageFailure(
      'image-pull-stuck',
      image,
      `image ${image} is still being pulled for pod ${pod.metadata.name} after ${seconds} s: ${registryIn(image)} has neither sent nor refused it`,
      'If the registry is only slow, raise startup-timeout or load the image with load-images; else name a mirror with registry-mirrors.',
      own.map((event) => toOneLine(`${event.reason ?? ''}: ${event.message ?? ''}`)),
    );
  }
  return undefined;
}

/**
 * Images that were pulled after failed attempts, a line each: which, at which attempt, and the error before. No action is
 * needed, but users should know of a registry that begins to fail.
 */
export function describeHealedPulls(events: ClusterEvent[]): string[] {
  const healed = new Map<string, { attempts: number; last: string }>();
  const pulls = events.filter((event) => event.reason === 'Pulled');
  for (const pulled of pulls) {
    const image = /^(?:Successfully pulled image|Container image) "(.+?)"/.exec(pulled.message ?? '')?.[1];
    if (image === undefined) continue;
    const own = events.filter((event) => event.involvedObject.uid === pulled.involvedObject.uid);
    const failed = own
      .filter((event) => event.reason === 'Failed' && event.message?.startsWith(`Failed to pull image "${image}"`))
      .filter((event) => !/pull QPS exceeded/.test(event.message ?? ''));
    if (failed.length === 0) continue;
    const attempts = failed.reduce((sum, event) => sum + (event.count ?? 1), 1);
    const last = failed.reduce((a, b) => (timeOf(a) > timeOf(b) ? a : b)).message ?? '';
    if (attempts > (healed.get(image)?.attempts ?? 0)) healed.set(image, { attempts, last });
  }
  return [...healed].map(
    ([image, { attempts, last }]) =>
      `image ${image} was pulled only at attempt ${attempts}; the error before: ${registryWords(last)}`,
  );
}

/**
 * Whether a container's only output is the message of a kernel that cannot run the program of its image. runc prints it into
 * the container's log, and the container ends as if its program had.
 */
export function isForeignProgram(lastLines: string[]): boolean {
  return lastLines.length === 1 && /exec format error\s*$/.test(lastLines[0] ?? '');
}

/** The failure of an image that was built for another architecture. */
export function foreignImageFailure(image: string, lastLines: string[]): Failure {
  return imageFailure(
    'image-foreign-program',
    image,
    `image ${image} cannot run on the nodes: its program is for another architecture (exec format error)`,
    "Build it for the nodes' platform (docker build --platform linux/amd64, or arm64); a script without a first line such as #!/bin/sh gives the same error.",
    lastLines,
  );
}

function imageFailure(
  code: ImageFailureCode,
  image: string,
  reason: string,
  hint: string,
  evidence: string[],
): Failure {
  return { kind: 'image', code, image, reason: toOneLine(reason), hint: toOneLine(hint), evidence };
}

/** The registry's message: without the prefixes that the kubelet and containerd add at each level. */
function registryWords(message: string): string {
  const words = message
    .replace(/^Back-off pulling image "[^"]*":?\s*(?:ErrImagePull:\s*)?/, '')
    .replace(/^Failed to pull image "[^"]*":\s*/, '')
    .replace(/^rpc error: code = \w+ desc = /, '')
    .replace(/^failed to pull and unpack image "[^"]*":\s*/, '')
    .replace(/^failed to resolve reference "[^"]*":\s*/, '');
  return toOneLine(words, 240);
}

/** Without all parts that may be a name: an image called "denied" is not denied, and 404 may be a port. */
function withoutNames(message: string, image: string): string {
  const path = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  return message
    .replace(/"[^"]*"/g, '""')
    .split(/\s+/)
    .filter((word) => path === '' || !word.includes(path))
    .map((word) => word.replace(/(^|[/@])[^\s/@]+:\d+(?=[/:]|$)/g, '$1host'))
    .join(' ');
}

function imageOf(pod: Pod, container: string): string {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return all.find((one) => one.name === container)?.image ?? '';
}

/** The registry in an image's name, as `docker login` takes it. */
function registryIn(image: string): string {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
}

function timeOf(event: ClusterEvent): string {
  return event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp ?? event.metadata.creationTimestamp ?? '';
}
