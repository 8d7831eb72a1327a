/** The tools and images we are pinned to, with the checksums that a download has to have. */
import { trimEndOf } from '../core/trim-end.ts';

export type ToolName = 'kind' | 'helm';

/** In the words of the releases: Go's names of systems and architectures. */
export type Platform = 'linux-amd64' | 'linux-arm64' | 'darwin-amd64' | 'darwin-arm64';

interface PinnedTool {
  version: string;
  /** SHA-256 of the file that is downloaded, which for helm is the archive. */
  sha256: Readonly<Record<Platform, string>>;
}

/** Read on 2026-11-23 from the release notes and compared with what independent installers pin. */
export const pinnedTools: Readonly<Record<ToolName, PinnedTool>> = {
  kind: {
    version: 'v0.32.0',
    sha256: {
      'linux-amd64': '50030de23cf40a18505f20426f6a8506bedf13c6e509244bd1fa9463721b0f54',
      'linux-arm64': 'b92cd615e97585de8ddade28ed5cd7feb4248d717c233eea5b03c37298900f5d',
      'darwin-amd64': '295ac6d0d634c9819c9907df45e3017d1f13166bd13c3404c45e79f7faa47498',
      'darwin-arm64': 'dca67911095a110c2b5c36e26df6cac860c602033e456c0db47be498cdef1ebb',
    },
  },
  helm: {
    version: 'v4.1.4',
    sha256: {
      'linux-amd64': '70b2c30a19da4db264dfd68c8a3664e05093a361cefd89572ffb36f8abfa3d09',
      'linux-arm64': '13d03672be289045d2ff00e4e345d61de1c6f21c1257a45955a30e8ae036d8f1',
      'darwin-amd64': 'abf09c8503ad1d8ef76d3737a058c3456a998aae5f5966fce4bb3031aeb1654e',
      'darwin-arm64': '7c2eca678e8001fa863cdf8cbf6ac1b3799f9404a89eb55c08260ef5732e658d',
    },
  },
};

/**
 * The node images that were built for the pinned kind, by Kubernetes version, as its release notes list them; an image
 * made for another kind need not work. Another kind knows its own by digest when it is given none.
 */
export const nodeImages = {
  'v1.36.1': 'kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5',
  'v1.35.5': 'kindest/node:v1.35.5@sha256:ce977ae6d65918d0b58a5f8b5e940429c2ce42fa3a5619ec2bbc60b949c0ac95',
  'v1.34.8': 'kindest/node:v1.34.8@sha256:02722c2dedddcfc00febf5d27fbeb9b7b2c14294c82109ff4a85d89ac9ba3256',
} as const;

/** `v1.2.3` of `1.2.3` and `v1.2.3`. */
export function normalizeVersion(version: string): string {
  return version.startsWith('v') ? version : `v${version}`;
}

/** The platform for Node's names; undefined when there are no releases that we know the checksums of. */
export function findPlatform(system: string, architecture: string): Platform | undefined {
  const goArchitecture = { x64: 'amd64', arm64: 'arm64' }[architecture];
  const name = `${system}-${goArchitecture}`;
  return Object.keys(pinnedTools.kind.sha256).find((platform): platform is Platform => platform === name);
}

/** Name of the file that holds a tool, at the official place and at a mirror alike. */
export function toolFileName(name: ToolName, version: string, platform: Platform): string {
  return name === 'kind' ? `kind-${platform}` : `helm-${normalizeVersion(version)}-${platform}.tar.gz`;
}

/**
 * Where a tool is downloaded from. A mirror is flat: it serves `kind-linux-amd64` and `helm-v4.1.4-linux-amd64.tar.gz`
 * right below its address, whose query (a token, say) is kept.
 * @throws TypeError when the mirror is not a URL.
 */
export function toolUrl(name: ToolName, version: string, platform: Platform, mirror?: string): URL {
  const fileName = toolFileName(name, version, platform);
  if (mirror !== undefined) {
    const url = new URL(mirror);
    url.pathname = `${trimEndOf(url.pathname, '/')}/${fileName}`;
    return url;
  }
  return name === 'kind'
    ? new URL(`https://github.com/kubernetes-sigs/kind/releases/download/${normalizeVersion(version)}/${fileName}`)
    : new URL(`https://get.helm.sh/${fileName}`);
}

/**
 * The lines of a checksum file as `sha256sum` writes them, by file name without directories; empty lines and those that
 * begin with `#` are passed over.
 * @throws Error that names the line that is not of this form, or that contradicts an earlier one.
 */
export function parseChecksums(text: string): Map<string, string> {
  const checksums = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = /^([0-9a-f]{64})\s+\*?(?:.*\/)?([^/]+)$/i.exec(line.trim());
    if (!match) throw new Error(`line ${index + 1} is not "<sha256>  <file name>"`);
    const sha256 = (match[1] ?? '').toLowerCase();
    const fileName = match[2] ?? '';
    if ((checksums.get(fileName) ?? sha256) !== sha256) {
      throw new Error(`line ${index + 1} gives ${fileName} a second checksum`);
    }
    checksums.set(fileName, sha256);
  }
  return checksums;
}
