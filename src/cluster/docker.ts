/** The questions we ask docker, through its own program, so that contexts, DOCKER_HOST and credentials are the user's. */
import { runProgram } from '../tools/run-program.ts';

/** What the local docker knows of an image. */
export interface LocalImage {
  name: string;
  /** The image's ID: the SHA-256 of its config. */
  id: string;
  /** `name@sha256:…` as the registry knows it; empty for an image that was built here. */
  repoDigest: string;
  architecture: string;
  user: string;
  entrypoint: string[];
  /** The image's own PYTHONPATH; undefined when it has none. */
  pythonPath?: string;
  sizeBytes: number;
}

/** The image as the local docker has it; undefined when it does not. */
export async function inspectLocalImage(name: string, signal: AbortSignal): Promise<LocalImage | undefined> {
  const run = await runProgram('docker', ['image', 'inspect', name], { signal, timeoutSeconds: 60 });
  if (run.exitCode !== 0) return undefined;
  const [image] = JSON.parse(run.stdout) as [
    {
      Id: string;
      RepoDigests?: string[] | null;
      Architecture: string;
      Size: number;
      Config?: { User?: string; Entrypoint?: string[] | null; Env?: string[] | null } | null;
    },
  ];
  const pythonPath = image.Config?.Env?.find((one) => one.startsWith('PYTHONPATH='))?.slice('PYTHONPATH='.length);
  return {
    name,
    id: image.Id,
    repoDigest: image.RepoDigests?.[0] ?? '',
    architecture: image.Architecture,
    user: image.Config?.User ?? '',
    entrypoint: image.Config?.Entrypoint ?? [],
    ...(pythonPath === undefined ? {} : { pythonPath }),
    sizeBytes: image.Size,
  };
}

/** Those of the images that the local docker has. */
export async function listLocalImages(names: string[], signal: AbortSignal): Promise<string[]> {
  const local: string[] = [];
  for (const name of names) if ((await inspectLocalImage(name, signal)) !== undefined) local.push(name);
  return local;
}

export interface NodeContainer {
  id: string;
  name: string;
  /** As kind labels it: `control-plane`, `worker`, or `external-load-balancer`, which is no node. */
  role: string;
}

/** The containers that are the nodes of a Kind cluster, stopped ones included. */
export async function listNodeContainers(cluster: string, signal: AbortSignal): Promise<NodeContainer[]> {
  const filter = `label=io.x-k8s.kind.cluster=${cluster}`;
  const format = '{{.ID}} {{.Names}} {{.Label "io.x-k8s.kind.role"}}';
  const run = await runProgram('docker', ['ps', '-a', '--filter', filter, '--format', format], {
    signal,
    timeoutSeconds: 60,
  });
  if (run.exitCode !== 0) throw new Error(`docker ps failed: ${run.stderr.trim()}`);
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id, name, role] = line.split(' ');
      return { id: id!, name: name!, role: role! };
    });
}
