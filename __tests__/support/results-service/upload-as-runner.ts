/** What a test starts as another user: uploads a directory as an artifact. The last line that it prints is the outcome. */
import { uploadArtifact } from '../../../src/action/artifact.ts';

const [, , directory = '', name = ''] = process.argv;
const uploaded = await uploadArtifact({ directory, name, freeName: name, isMasked: true, retentionDays: 1 });
console.log(`\n${JSON.stringify(uploaded)}`);
