import { expect, test } from 'vitest';
import { redactSecrets } from '../../src/platform/save-release.ts';

test('a saved manifest contains everything but the values of Secrets', () => {
  const manifest = `---
apiVersion: v1
kind: Secret
metadata: {name: credentials}
data: {password: aHVudGVyMg==}
stringData: {token: hunter2}
---
# Source: a comment alone
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
`;
  const redacted = redactSecrets(manifest);
  expect(redacted).not.toMatch(/hunter2|aHVudGVyMg/);
  expect(redacted).toContain("password: '***'");
  expect(redacted).toContain('colour: blue');
});
