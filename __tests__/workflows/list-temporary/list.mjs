/** Writes the names of all files under RUNNER_TEMP to `before.txt` in the directory TOLD, and as a post step to `after.txt`. */
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const isPost = process.env.STATE_isPost === 'true';
appendFileSync(process.env.GITHUB_STATE, 'isPost=true\n');
const names = readdirSync(process.env.RUNNER_TEMP, { recursive: true }).sort();
writeFileSync(path.join(process.env.TOLD, isPost ? 'after.txt' : 'before.txt'), names.join('\n'));
