import { expect, test } from 'vitest';
import { explainHelm } from '../../src/platform/explain-helm.ts';

test.each([
  [
    "Error: INSTALLATION FAILED: values don't meet the specifications of the schema(s) in the following chart(s):\nsmall:\n- at '/replicas': got string, want integer\n",
    /^helm install failed: values don't meet .*at '\/replicas': got string, want integer$/,
    /values\.schema\.json/,
  ],
  [
    'Error: INSTALLATION FAILED: cannot reuse a name that is still in use\n',
    /^helm install failed: another release of the same name is already in the namespace$/,
    /helm uninstall/,
  ],
  [
    'level=WARN msg=x\nError: INSTALLATION FAILED: Unable to continue with install: Service "web" in namespace "n" exists and cannot be imported into the current release: invalid ownership metadata; label validation error',
    /^helm install failed: Unable to continue/,
    /Another release, or a user, created/,
  ],
  [
    'Error: INSTALLATION FAILED: unable to build kubernetes objects from release manifest: resource mapping not found for name: "x" namespace: "" from "": no matches for kind "Widget" in version "example.com/v1"\nensure CRDs are installed first',
    /no matches for kind "Widget"/,
    /CRD must be installed first/,
  ],
  [
    'Error: INSTALLATION FAILED: Internal error occurred: failed calling webhook "webhook.certs.shapes.test": failed to call webhook: Post "https://certs-early-webhook.floe-test-d7b6d9e4.svc:443/validate?timeout=5s": dial tcp 10.96.47.244:443: connect: connection refused',
    /^helm install failed: the webhook webhook\.certs\.shapes\.test, .* \(Service certs-early-webhook in namespace floe-test-d7b6d9e4\): dial tcp 10\.96\.47\.244:443: connect: connection refused$/,
    /not ready yet.*post-install hook.*delete its webhook configuration/,
  ],
  [
    'Error: INSTALLATION FAILED: failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): errors:\n  .spec.template.spec.containers[name="main"].env: duplicate entries for key [name="LOG_LEVEL"]\n',
    /^helm install failed: the API server refuses Deployment shop\/web: .*duplicate entries for key \[name="LOG_LEVEL"\]$/,
    /Helm 4 applies.*set helm-version to a version 3/,
  ],
  [
    'Error: INSTALLATION FAILED: unable to continue with install: Namespace "monitoring" in namespace "" exists and cannot be imported into the current release: invalid ownership metadata; label validation error',
    /Namespace "monitoring"/,
    /The chart contains a namespace that exists already/,
  ],
  ['', /^helm install failed: exit status 1$/, /helm template/],
])('helm says %j', (stderr, reason, hint) => {
  const failure = explainHelm('helm install failed', stderr, 'exit status 1');
  expect(failure.kind).toBe('chart');
  expect(failure.reason).toMatch(reason);
  expect(failure.hint).toMatch(hint);
});

test('a long error of helm is cut between words, and ends with an ellipsis', () => {
  const words = Array.from({ length: 200 }, (_, i) => `word-${i}`).join(' ');
  const { reason, evidence } = explainHelm('helm install failed', `Error: ${words}\n`, 'exit status 1');
  expect(reason.length).toBeLessThan(510);
  expect(reason).toMatch(/ word-\d+ …$/);
  expect(evidence.join('\n')).toContain('word-199');
});
