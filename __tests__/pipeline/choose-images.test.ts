import { describe, expect, test } from 'vitest';
import { mentionsImage } from '../../src/pipeline/choose-images.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const chart = (text: string) => [{ kind: 'ConfigMap', data: { 'config.yaml': text } }];

describe('a platform can make pods of an image', () => {
  test.each([
    ['acme/runner:dev', 'image: acme/runner:dev'],
    ['acme/runner:dev', 'repository: acme/runner\ntag: dev'],
    ['acme/runner:dev', '{"registry": "docker.io", "name": "runner"}'],
    ['localhost:5000/runner', 'runner'],
    [`r:5000/runner:1@${digest}`, 'r:5000/runner'],
    ['runner', 'runner-2'],
  ])('%s of which a config says %o', (image, text) => expect(mentionsImage(chart(text), image)).toBe(true));

  test.each([
    ['acme/runner:dev', 'image: acme/web:dev'],
    ['localhost:5000/runner', 'localhost:5000/web'],
    [`r:5000/runner:1@${digest}`, `r:5000/web@${digest}`],
  ])('but not %s of which a config says %o', (image, text) => expect(mentionsImage(chart(text), image)).toBe(false));
});
