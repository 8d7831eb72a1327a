import { expect, test } from 'vitest';
import { describeImageKinds } from './describe-image-kinds.ts';
import { dockers, isClassic, isLab } from './dockers.ts';

const classic = dockers.filter(isClassic);

test.runIf(isLab)('the lab has a docker of today with the classic store', () => {
  expect(classic).toHaveLength(1);
});

describeImageKinds(classic);
