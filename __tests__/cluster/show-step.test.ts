import { expect, test } from 'vitest';
import { showStep } from '../../src/cluster/show-step.ts';

/** What is shown of a program's output, and what is being waited for after each line. */
function show(program: string, output: string): { quoted: string[]; waited: string[] } {
  const [quoted, waited]: [string[], string[]] = [[], []];
  for (const line of output.split('\n'))
    showStep(program, line, { quote: (one) => quoted.push(one), waitingFor: (what) => waited.push(what) });
  return { quoted, waited };
}

test('of kind its steps are shown, not how to use a kubeconfig that is not ours', () => {
  const output = `Creating cluster "k8s-test" ...
 ✓ Preparing nodes 📦${' '}
 ✗ Starting control-plane 🕹️
Set kubectl context to "kind-k8s-test"
You can now use your cluster with:

kubectl cluster-info --context kind-k8s-test --kubeconfig /tmp/k8s-test-0a1b2c3d/kubeconfig

Have a nice day! 👋
Have a question, bug, or feature request? Let us know! https://kind.sigs.k8s.io/#community 🙂
Thanks for using kind! 😊
Not sure what to do next? 😅  Check out https://kind.sigs.k8s.io/docs/user/quick-start/
ERROR: failed to create cluster: node(s) already exist`;
  const { quoted, waited } = show('kind', output);
  expect(quoted.map((line) => line.trim())).toEqual([
    'Creating cluster "k8s-test" ...',
    '✓ Preparing nodes 📦',
    '✗ Starting control-plane 🕹️',
    'ERROR: failed to create cluster: node(s) already exist',
  ]);
  expect(waited.at(-1)).toBe('kind: ERROR: failed to create cluster: node(s) already exist');
});

test('of docker the build is shown, not that its builder is old', () => {
  const output = `DEPRECATED: The legacy builder is deprecated and will be removed in a future release.
            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0
            environment-variable.

DEPRECATED: The legacy builder is deprecated and will be removed in a future release.
            Install the buildx component to build images with BuildKit:
            https://docs.docker.com/go/buildx/

Step 1/2 : FROM scratch
DEPRECATED: a warning of the program that is built`;
  const { quoted } = show('docker build', output);
  expect(quoted).toEqual(['Step 1/2 : FROM scratch', 'DEPRECATED: a warning of the program that is built']);
});
