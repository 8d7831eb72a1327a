import { expect, test } from 'vitest';
import { describeImageKinds } from './describe-image-kinds.ts';
import { dockers, isLab } from './dockers.ts';

const older = dockers.slice(0, -1);

test.runIf(isLab)('beside the newest there are the docker of this machine and docker 28 with the classic store', () => {
  expect(older).toHaveLength(2);
});

describeImageKinds(older);
