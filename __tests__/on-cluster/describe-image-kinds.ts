import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildImage } from '../../src/cluster/build-image.ts';
import { askDockerInfo, holdImage, inspectLayers, inspectLocalImage, removeImage } from '../../src/cluster/docker.ts';
import { chainLayers } from '../../src/cluster/image-layout.ts';
import { fillNodes, type LoadOptions, loadImages, waitForContainerd } from '../../src/cluster/load-images.ts';
import { readDockerInfo } from '../../src/cluster/machine-facts.ts';
import { listMounts, planMount, registerMounted } from '../../src/cluster/mounted-images.ts';
import { unpackSystemImages } from '../../src/cluster/unpack-system-images.ts';
import { foreignTestImage, makeForeignImage, removeForeignImage } from '../support/registry/foreign-image.ts';
import { dockers, hasContainerdStore, isLab, noteDocker, runWith, type TestDocker } from './dockers.ts';
import { dockerWithout, type RemoteBuilder, startRemoteBuilder } from './remote-builder.ts';

/** Small, and has a shell. */
const base = 'debian:bookworm-slim';
/** What has the containerd of a node: in the lab a quarter of its node image. */
const nodeImage = isLab ? 'floe-lab/node-userland:bookworm' : 'kindest/node:v1.34.0';
const [own, other] = process.arch === 'arm64' ? ['arm64', 'amd64'] : ['amd64', 'arm64'];
const cluster = `k8s-test-kinds-${process.pid}`;
const node = `${cluster}-control-plane`;
const signal = AbortSignal.timeout(15 * 60_000);
/** Only a docker of today can write OCI archives, and has a builder of its own. */
const builders = dockers.filter(({ hasAttestations }) => hasAttestations).slice(0, 1);
const quiet = { signal, say: () => {}, waitingFor: () => {}, quote: () => {} };
const proof = 'k8s-test-kinds-proof:1';
let directory: string;
const at = (name: string) => path.join(directory, name);

/** Tries with each docker how images of all kinds come into a node. It makes nodes, though no cluster of them. */
export function describeImageKinds(tried: readonly TestDocker[]): void {
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'image-kinds-'));
    writeFileSync(at('Dockerfile'), `FROM ${base}\nENV MADE=here\n`);
    writeFileSync(at('foreign.Dockerfile'), 'FROM scratch\nCOPY Dockerfile /file\n');
    await makeForeignImage();
    execFileSync('docker', ['save', '--output', at('docker.tar'), base]);
    execFileSync('docker', ['save', '--output', at('foreign.tar'), foreignTestImage]);
    execFileSync('gzip', ['--keep', at('docker.tar')]);
  });
  afterAll(() => {
    removeForeignImage();
    for (const builder of builders) builder.stop();
    rmSync(directory, { recursive: true });
  });

  describe.each([...tried])('$name', (docker) => {
    const load = async (image: string, options: Partial<LoadOptions> = {}) =>
      loadImages([image], [node], { signal, ...options });
    const loadArchive = (file: string) => fillNodes([node], { images: [], archives: [at(file)] }, quiet);
    const inNode = () => runWith(docker, ['docker', 'exec', node, 'ctr', '--namespace=k8s.io', 'images', 'ls', '-q']);
    const former: Record<string, string | undefined> = {};
    let registry: TestRegistry;

    beforeAll(async () => {
      docker.start();
      noteDocker(docker);
      // What is tried runs in this process.
      for (const [name, value] of Object.entries({ ...docker.env, DOCKER_BUILDKIT: undefined })) {
        former[name] = process.env[name];
        if (value !== undefined) process.env[name] = value;
        else if (docker.prefix.length > 0) delete process.env[name];
      }
      giveImages(docker, [nodeImage, base, foreignTestImage]);
      // A node as far as images are concerned: kind's labels, and the containerd of the node image without a Kubernetes.
      const labels = ['--label', `io.x-k8s.kind.cluster=${cluster}`, '--label', 'io.x-k8s.kind.role=control-plane'];
      const flags = ['--privileged', '--network', 'none', '--volume', '/var/lib/containerd', '--entrypoint', 'sh'];
      // As systemd does in a node, it starts containerd again when that ends.
      const keep = ['-c', 'while :; do containerd; sleep 1; done'];
      runWith(docker, ['docker', 'run', '--detach', '--name', node, ...labels, ...flags, nodeImage, ...keep]);
      registry = await TestRegistry.start(docker, at(`registry-${docker.name.replaceAll(/\W+/g, '-')}`));
    });
    afterAll(() => {
      registry?.stop();
      runWith(docker, ['docker', 'rm', '--force', '--volumes', node]);
      for (const [name, value] of Object.entries(former)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      docker.stop();
    });

    test('an image of Kubernetes that a node has packed is unpacked in it', async () => {
      const image = 'kindest/kindnetd:kinds';
      writeFileSync(at('kindnetd.Dockerfile'), `FROM ${base}\nRUN echo kindnetd >/file\n`);
      const context = { context: directory, dockerfile: at('kindnetd.Dockerfile'), tag: image, proof };
      expect(await buildImage(context, quiet)).toEqual({ ok: true, value: undefined });
      const found = await waitForContainerd(cluster, 1, quiet);
      if (!found.ok) throw new Error(found.failure.reason);
      const ctr = `docker exec --interactive --privileged ${node} ctr --namespace=k8s.io images`;
      const runShell = (script: string) => runWith(docker, ['sh', '-c', script]);
      runShell(`docker save ${image} | ${ctr} import --no-unpack -`);
      const isUnpacked = () => runShell(`${ctr} check name==docker.io/${image}`).trim().endsWith('true');
      expect(isUnpacked()).toBe(false);
      expect(await unpackSystemImages(found.value, signal)).toBeUndefined();
      expect(isUnpacked()).toBe(true);
    });

    test('an image of one platform is loaded once', async () => {
      const image = 'k8s-test-kinds-plain:1';
      runWith(docker, ['docker', 'tag', base, image]);
      // Containerd may not answer yet.
      expect(await waitForContainerd(cluster, 1, quiet)).toMatchObject({ ok: true, value: [{ name: node }] });
      await fillNodes([node], { images: [image], archives: [] }, quiet);
      expect(inNode()).toContain(`docker.io/library/${image}\n`);
      expect(await load(image)).toEqual({ ok: true, value: [] });
    });

    test('an image is loaded into a node whose containerd is restarted meanwhile, as kind does for containerdConfigPatches', async () => {
      const image = 'k8s-test-kinds-restart:1';
      writeFileSync(at('restart.Dockerfile'), `FROM ${base}\nRUN head -c 100000000 /dev/urandom >/large\n`);
      const built = await buildImage(
        { context: directory, dockerfile: at('restart.Dockerfile'), tag: image, proof },
        quiet,
      );
      expect(built).toEqual({ ok: true, value: undefined });
      const loading = load(image);
      const script = 'until pgrep -f "images import" >/dev/null; do sleep 0.05; done; pkill --exact containerd';
      // Not by runWith, which would hold up the loading.
      await promisify(execFile)('docker', ['exec', node, 'timeout', '60', 'sh', '-c', script]);
      expect(await loading).toEqual({ ok: true, value: [image] });
      expect(inNode()).toContain(`docker.io/library/${image}\n`);
    });

    // A containerd store does not tell which layers it exports.
    const drivers = docker.hasAttestations ? [] : ['overlay2'];
    test.each(drivers)('of an image that was built again, only the layers that changed are sent: %s', async () => {
      const image = 'k8s-test-kinds-again:1';
      const build = async (lines: readonly string[]) => {
        writeFileSync(at('again.Dockerfile'), lines.map((line) => `${line}\n`).join(''));
        const context = { context: directory, dockerfile: at('again.Dockerfile'), tag: image, proof };
        expect(await buildImage(context, quiet)).toEqual({ ok: true, value: undefined });
      };
      try {
        const below = [`FROM ${base}`, 'RUN echo kept >/kept', 'WORKDIR /empty'];
        await build([...below, 'RUN echo first >/changed && ln /changed /hard']);
        expect(await load(image)).toEqual({ ok: true, value: [image] });
        for (const word of ['second', 'third']) {
          await build([...below, `RUN rm -r /etc/apt /kept && echo ${word} >/changed && chown 7:8 /changed`]);
          expect(await load(image)).toEqual({ ok: true, value: [image] });
          expect(manifestOf(docker, node, image).layers).toEqual([]);
          const seen = await expectSameFiles(docker, node, image);
          expect(seen).toContain(`changed f 644 7 8 ${word.length + 1} 1`);
          expect(await load(image)).toEqual({ ok: true, value: [] });
          expect(inNode()).not.toContain('parts');
          if (word === 'third') continue;
          runWith(docker, ['docker', 'exec', node, 'pkill', '--exact', 'containerd']);
          await waitForContainerd(cluster, 1, quiet);
        }
        // Nothing of it is there yet.
        await build(['FROM scratch', 'COPY again.Dockerfile /file']);
        expect(await load(image)).toEqual({ ok: true, value: [image] });
        expect(manifestOf(docker, node, image).layers.length).toBeGreaterThan(0);
      } finally {
        runWith(docker, ['docker', 'image', 'rm', '--force', image]);
      }
    });

    test('an image that a node mounts is complete, and has what a container of docker sees', async () => {
      const image = 'k8s-test-kinds-mounted:1';
      const changes = [
        // A file less, a directory that hides the one below it, a new owner, a link, and a file with a capability.
        'rm /etc/debian_version && rm -r /etc/apt && mkdir /etc/apt && echo new >/etc/apt/new && chown -R 1001:7 /opt',
        'mkdir /made && echo text >/made/file && ln /made/file /made/hard && ln -s file /made/soft && chmod 4750 /made/file',
      ];
      writeFileSync(at('mounted.Dockerfile'), `FROM ${base}\n${changes.map((line) => `RUN ${line}\n`).join('')}`);
      const context = { context: directory, dockerfile: at('mounted.Dockerfile'), tag: image, proof };
      expect(await buildImage(context, quiet)).toEqual({ ok: true, value: undefined });
      const { docker: facts } = readDockerInfo(await askDockerInfo(signal));
      const layers = await inspectLayers(image, signal);
      if (layers === undefined || !facts.answers) throw new Error('docker does not have the image that it has built');
      const planned = planMount(image, layers);
      // Only the classic store keeps layers where Docker says.
      expect(planned !== undefined).toBe(!hasContainerdStore(docker));
      expect(facts.hasMountableLayers).toBe(planned !== undefined);
      if (planned === undefined) return;

      const held = `${cluster}-held`;
      const paths = listMounts(planned).map(({ hostPath }) => hostPath);
      expect(await holdImage(planned.id, { name: held, paths }, signal)).toBeUndefined();
      const mounting = `${cluster}-mounting`;
      const volumes = listMounts(planned).map((mount) => ['--volume', `${mount.hostPath}:${mount.containerPath}:ro`]);
      const flags = ['--privileged', '--network', 'none', '--volume', '/var/lib/containerd', ...volumes.flat()];
      const keep = ['--entrypoint', 'sh', nodeImage, '-c', 'while :; do containerd; sleep 1; done'];
      runWith(docker, ['docker', 'run', '--detach', '--name', mounting, ...flags, ...keep]);
      const inMounting = (script: string) =>
        runWith(docker, ['docker', 'exec', '--privileged', mounting, 'sh', '-c', script]);
      try {
        inMounting('until ctr version >/dev/null 2>&1; do sleep 0.1; done');
        expect(await registerMounted(mounting, [planned], signal)).toBeUndefined();
        // It can be done again, as after a restart of containerd meanwhile.
        expect(await registerMounted(mounting, [planned], signal)).toBeUndefined();
        expect(await loadImages([image], [mounting], { signal })).toEqual({ ok: true, value: [] });
        const seen = await expectSameFiles(docker, mounting, image);
        expect(seen).toContain('made/hard f 4750 0 0 5 2');
        expect(seen).not.toContain('etc/apt/sources');
        // Docker keeps the image for as long as it is held, and the node cannot write to its layers.
        expect(() => runWith(docker, ['docker', 'image', 'rm', planned.id])).toThrow(/container/);
        expect(inMounting('touch /k8s-test/layers/*/made/file 2>&1 || true')).toContain('Read-only file system');
        // Layers on top of those are unpacked.
        writeFileSync(at('mounted.Dockerfile'), `FROM ${image}\nRUN rm /made/soft && echo other >/made/file\n`);
        expect(await buildImage(context, quiet)).toEqual({ ok: true, value: undefined });
        expect(await loadImages([image], [mounting], { signal })).toEqual({ ok: true, value: [image] });
        expect(manifestOf(docker, mounting, image).layers).toEqual([]);
        expect(await expectSameFiles(docker, mounting, image)).not.toContain('made/soft');
      } finally {
        runWith(docker, ['docker', 'rm', '--force', '--volumes', mounting, held]);
        runWith(docker, ['docker', 'image', 'rm', image]);
      }
    });

    test('an image of several platforms, of which one was pulled, is loaded once', async () => {
      const image = registry.pushIndex('several', base, foreignTestImage);
      runWith(docker, ['docker', 'pull', '--quiet', image]);
      expect(await load(image)).toEqual({ ok: true, value: [image] });
      expect(await load(image)).toEqual({ ok: true, value: [] });
      expect(inNode()).toContain(`${image}\n`);
    });

    test('an image by its digest is loaded once, under that very name', async () => {
      const tagged = registry.pushIndex('by-digest', base, foreignTestImage);
      const image = tagged.replace(/:1$/, `@${registry.digestOf('by-digest')}`);
      runWith(docker, ['docker', 'pull', '--quiet', image]);
      expect(await load(image)).toEqual({ ok: true, value: [image] });
      expect(await load(image)).toEqual({ ok: true, value: [] });
      expect(inNode()).toContain(`${image}\n`);
    });

    test('an image for another architecture is refused with both platforms, or left to the nodes where they may pull it', async () => {
      const reason = `image ${foreignTestImage} is for linux/${other}, and the nodes are linux/${own}`;
      expect(await load(foreignTestImage)).toMatchObject({ ok: false, failure: { kind: 'image', reason } });
      const left: string[] = [];
      const mayBePulled: LoadOptions['mayBePulled'] = (_, why) => left.push(why) > 0;
      expect(await loadImages([foreignTestImage, base], [node], { signal, mayBePulled })).toMatchObject({ ok: true });
      expect(left).toEqual([reason]);
      expect(inNode()).toContain(`docker.io/library/${base}\n`);
    });

    test('an image that a run builds is in docker and in the nodes, with its attestations or without', async () => {
      const tag = 'k8s-test-kinds-built:1';
      const built = await buildImage({ context: directory, dockerfile: at('Dockerfile'), tag, proof }, quiet);
      expect(built).toEqual({ ok: true, value: undefined });
      expect(await load(tag)).toEqual({ ok: true, value: [tag] });
      expect(await load(tag)).toEqual({ ok: true, value: [] });
    });

    test.each(['docker.tar', 'docker.tar.gz'])('the archive %s of docker save is loaded', async (file) => {
      expect(await loadArchive(file)).toEqual({ ok: true, value: undefined });
      expect(inNode()).toContain(`docker.io/library/${base}\n`);
    });

    test('an archive for another architecture is refused with both platforms', async () => {
      const reason = `the archive ${at('foreign.tar')} is for linux/${other}, and the nodes are linux/${own}`;
      expect(await loadArchive('foreign.tar')).toMatchObject({ ok: false, failure: { kind: 'image', reason } });
    });

    test.each(docker.hasAttestations ? ['provenance and SBOM'] : [])('an image with %s is loaded once', async () => {
      const image = 'k8s-test-kinds-attested:1';
      buildAttested(docker, ['--tag', image, '--load']);
      const words = ['https://spdx.dev/Document', 'https://slsa.dev/provenance'];
      const find = `docker save ${image} | grep --text --only-matching ${words.map((word) => `-e ${word}`).join(' ')}`;
      expect([...new Set(runWith(docker, ['sh', '-c', find]).trim().split('\n'))].sort()).toEqual(words.sort());
      expect(await load(image)).toEqual({ ok: true, value: [image] });
      expect(await load(image)).toEqual({ ok: true, value: [] });
    });

    describe.each(builders.map((builder) => ({ name: 'an image of a builder of driver remote', builder })))(
      '$name',
      ({ builder }) => {
        const tag = 'k8s-test-kinds-remote:1';
        const before = { ...process.env };
        let remote: RemoteBuilder;

        const use = (env: Record<string, string | undefined>) => {
          for (const [name, value] of Object.entries(env)) {
            if (value === undefined) delete process.env[name];
            else process.env[name] = value;
          }
        };
        /** Builds an image whose only file has this text, and returns its ID in docker. */
        const build = async (text: string) => {
          const context = at(`remote-${text}`);
          mkdirSync(context, { recursive: true });
          writeFileSync(path.join(context, 'Dockerfile'), 'FROM scratch\nCOPY text /text\n');
          writeFileSync(path.join(context, 'text'), text);
          return buildImage({ context, dockerfile: undefined, tag, proof }, quiet);
        };
        const idOf = async () => (await inspectLocalImage(tag, signal))?.id;

        beforeAll(async () => {
          builder.start();
          remote = await startRemoteBuilder(builder);
          Object.assign(before, process.env);
          // A shell of the lab says that this machine's own docker has no BuildKit; with this plugin it has.
          use({ ...remote.env, DOCKER_BUILDKIT: undefined });
        });
        afterAll(() => {
          const { PATH, BUILDX_BUILDER, DOCKER_CONFIG, DOCKER_BUILDKIT } = before;
          use({ PATH, BUILDX_BUILDER, DOCKER_CONFIG, DOCKER_BUILDKIT });
          remote.stop();
        });

        test('is in docker and in the nodes, and a later build takes its place', async () => {
          expect(await build(`first-${docker.name}`)).toEqual({ ok: true, value: undefined });
          const first = await idOf();
          expect(first).toMatch(/^sha256:/);
          expect(await load(tag)).toEqual({ ok: true, value: [tag] });
          expect(await load(tag)).toEqual({ ok: true, value: [] });
          expect(await build(`second-${docker.name}`)).toEqual({ ok: true, value: undefined });
          expect(await idOf()).toMatch(/^sha256:/);
          expect(await idOf()).not.toBe(first);
          expect(await load(tag)).toEqual({ ok: true, value: [tag] });
        });

        test('that the builder keeps for itself fails the build, also where docker has an older image of that name', async () => {
          const older = await idOf();
          use({ PATH: `${dockerWithout('--load')}:${before.PATH}` });
          const reason = expect.stringMatching(
            / succeeded, but docker does not have .*: builder \S+ \(BUILDX_BUILDER\) kept/,
          );
          for (const there of ['older', 'none']) {
            if (there === 'none') await removeImage(tag, signal);
            expect(await build(`kept-${docker.name}`)).toMatchObject({ ok: false, failure: { kind: 'image', reason } });
            expect(await idOf()).toBe(there === 'older' ? older : undefined);
          }
        });
      },
    );

    describe.each(builders.map((builder) => ({ name: 'an OCI archive', builder })))('$name', ({ builder }) => {
      beforeAll(() => {
        if (existsSync(at('oci.tar'))) return;
        builder.start();
        // Its own tests may run later, and nothing of theirs need exist.
        giveImages(builder, [base]);
        const output = (file: string) => ['--output', `type=oci,dest=${at(file)}`];
        buildAttested(builder, ['--tag', 'k8s-test-kinds-oci:1', ...output('oci.tar')]);
        buildForeign(builder, ['--tag', 'k8s-test-kinds-oci:2', ...output('foreign-oci.tar')]);
        execFileSync('gzip', ['--keep', at('oci.tar')]);
      });

      test.each(['oci.tar', 'oci.tar.gz'])('%s with attestations is loaded', async (file) => {
        expect(await loadArchive(file)).toEqual({ ok: true, value: undefined });
        expect(inNode()).toContain('docker.io/library/k8s-test-kinds-oci:1\n');
      });

      test('for another architecture is refused with both platforms', async () => {
        const reason = `the archive ${at('foreign-oci.tar')} is for linux/${other}, and the nodes are linux/${own}`;
        expect(await loadArchive('foreign-oci.tar')).toMatchObject({ ok: false, failure: { kind: 'image', reason } });
      });
    });
  });
}

/** What a node has of an image: docker.io/library is left out of the name. */
function manifestOf(docker: TestDocker, container: string, image: string): { layers: unknown[] } {
  const ctr = 'ctr --namespace k8s.io';
  const find = `${ctr} images ls name==docker.io/library/${image} | grep --only-matching -E 'sha256:[0-9a-f]{64}' | head -1`;
  return JSON.parse(runWith(docker, ['docker', 'exec', container, 'sh', '-c', `${ctr} content get $(${find})`]));
}

/**
 * Holds what a container in the node would see of an image against what one of docker sees; and that the image is complete, as
 * the kubelet's part of containerd checks it when it starts. @returns what they see.
 */
async function expectSameFiles(docker: TestDocker, container: string, image: string): Promise<string> {
  const name = `docker.io/library/${image}`;
  const inNode = (script: string) => runWith(docker, ['docker', 'exec', '--privileged', container, 'sh', '-c', script]);
  const checked = inNode(`ctr --namespace k8s.io images check --snapshotter overlayfs name==${name}`);
  expect(checked).toMatch(new RegExp(`^${name}\\s.*complete \\(.*true\\s*$`, 'm'));
  const top = chainLayers((await inspectLayers(image, signal))?.diffIds ?? []).at(-1);
  const snapshots = 'ctr --namespace k8s.io snapshots --snapshotter overlayfs';
  const places = 'changed empty etc/apt etc/debian* hard kept made opt usr var';
  const list = `find ${places} -printf '%p %y %m %U %G %s %n %l\\n' 2>&1 | sort`;
  inNode(`mkdir -p /seen && ${snapshots} view seen ${top} >/dev/null && eval "$(${snapshots} mounts /seen seen)"`);
  const seen = inNode(`cd /seen && ${list}`);
  inNode(`umount /seen && ${snapshots} rm seen`);
  expect(seen).toBe(runWith(docker, ['docker', 'run', '--rm', '--workdir', '/', image, 'sh', '-c', list]));
  return seen;
}

/** This process's environment before a docker was chosen. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const { DOCKER_HOST: _, DOCKER_CONFIG: __, ...rest } = process.env;
  return rest;
}

/** The SBOM is made by a program of ours, since the usual one is an image of a registry. */
function buildAttested(docker: TestDocker, flags: string[]): void {
  writeFileSync(at('scanner.Dockerfile'), `FROM ${base}\nCOPY --chmod=755 scanner /scanner\nCMD ["/scanner"]\n`);
  const statement = {
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: 'https://spdx.dev/Document',
    predicate: { SPDXID: 'SPDXRef-DOCUMENT', spdxVersion: 'SPDX-2.3', packages: [] },
  };
  // https://github.com/moby/buildkit/blob/master/docs/attestations/sbom-protocol.md
  writeFileSync(
    at('scanner'),
    `#!/bin/sh\necho '${JSON.stringify(statement)}' >"$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json"\n`,
  );
  const scanner = 'k8s-test-kinds-scanner:1';
  const build = ['docker', 'buildx', 'build', '--quiet'];
  runWith(docker, [...build, '--load', '--tag', scanner, '--file', at('scanner.Dockerfile'), directory]);
  const attest = ['--provenance=mode=max', `--sbom=generator=${scanner}`];
  runWith(docker, [...build, ...attest, ...flags, directory]);
}

/** Copies images of this machine's own docker into another one. */
function giveImages({ prefix }: TestDocker, images: string[]): void {
  const [program, , store] = prefix;
  if (program === undefined || store === undefined) return;
  execFileSync(program, ['load', store, ...images], {
    env: ownEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function buildForeign(docker: TestDocker, flags: string[]): void {
  const platform = ['--platform', `linux/${other}`, '--file', at('foreign.Dockerfile')];
  runWith(docker, ['docker', 'buildx', 'build', '--quiet', ...platform, ...flags, directory]);
}

/** A registry on the loopback of this docker, reached by curl from there. */
class TestRegistry {
  readonly #process: ChildProcess;
  readonly #docker: TestDocker;
  readonly #address: string;
  readonly #directory: string;

  private constructor(process: ChildProcess, docker: TestDocker, address: string, folder: string) {
    this.#process = process;
    this.#docker = docker;
    this.#address = address;
    this.#directory = folder;
  }

  static async start(docker: TestDocker, folder: string): Promise<TestRegistry> {
    mkdirSync(folder);
    const address = `127.0.0.1:${20_000 + (process.pid % 10_000)}`;
    const config = path.join(folder, 'config.json');
    const storage = { filesystem: { rootdirectory: path.join(folder, 'images') } };
    writeFileSync(
      config,
      JSON.stringify({ version: '0.1', log: { level: 'error' }, storage, http: { addr: address, secret: 'loopback' } }),
    );
    const [program = '', ...args] = [...docker.prefix, 'registry', 'serve', config];
    const child = spawn(program, args, { stdio: 'ignore' });
    const registry = new TestRegistry(child, docker, address, folder);
    for (let attempt = 0; ; attempt++) {
      try {
        registry.#curl(['--fail', `http://${address}/v2/`]);
        return registry;
      } catch (error) {
        if (attempt === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Puts an index of two images, one for this platform and one for the other, under `name:1`; returns its full name. */
  pushIndex(name: string, mine: string, foreign: string): string {
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const manifests = [
      [mine, own],
      [foreign, other],
    ].map(([image = '', architecture]) => ({ ...this.#push(name, image), platform: { os: 'linux', architecture } }));
    const file = path.join(this.#directory, 'index.json');
    writeFileSync(file, JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
    const where = `http://${this.#address}/v2/${name}/manifests/1`;
    this.#curl([
      '--fail',
      '--request',
      'PUT',
      '--header',
      `content-type: ${mediaType}`,
      '--data-binary',
      `@${file}`,
      where,
    ]);
    return `${this.#address}/${name}:1`;
  }

  digestOf(name: string): string {
    return this.#manifest(name, '1').digest;
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }

  #push(name: string, image: string): { mediaType: string; digest: string; size: number } {
    const target = `${this.#address}/${name}:part`;
    runWith(this.#docker, ['docker', 'tag', image, target]);
    runWith(this.#docker, ['docker', 'push', '--quiet', target]);
    runWith(this.#docker, ['docker', 'image', 'rm', '--no-prune', target]);
    return this.#manifest(name, 'part');
  }

  #manifest(name: string, tag: string): { mediaType: string; digest: string; size: number } {
    const types = ['oci.image.index.v1', 'oci.image.manifest.v1', 'docker.distribution.manifest.v2'];
    const accept = types.map((type) => `application/vnd.${type}+json`).join(', ');
    const body = this.#curl([
      '--fail',
      '--header',
      `accept: ${accept}`,
      `http://${this.#address}/v2/${name}/manifests/${tag}`,
    ]);
    const { mediaType } = JSON.parse(body) as { mediaType: string };
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    return { mediaType, digest, size: Buffer.byteLength(body) };
  }

  #curl(args: string[]): string {
    return runWith(this.#docker, ['curl', '--silent', '--show-error', ...args]);
  }
}
