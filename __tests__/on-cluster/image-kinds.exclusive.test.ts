import { describeImageKinds } from './describe-image-kinds.ts';
import { dockers } from './dockers.ts';

describeImageKinds(dockers.slice(-1));
