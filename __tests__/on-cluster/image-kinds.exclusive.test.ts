import { describeImageKinds } from './describe-image-kinds.ts';
import { dockers, isClassic } from './dockers.ts';

describeImageKinds(dockers.filter((docker) => !isClassic(docker)));
