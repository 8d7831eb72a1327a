/** The door of the action's post step: removes what the main step's record names, however that step ended. */
import { existsSync } from 'node:fs';
import * as core from '@actions/core';
import { ActionDoor } from './github/action-door.ts';
import { RunRecord } from './state.ts';
import { tearDown } from './teardown.ts';

/** GitHub gives a post step after a cancel five minutes. */
const teardownSeconds = 240;

const door = new ActionDoor();
const file = core.getState('record');
if (file === '' || !existsSync(file)) door.say('nothing to remove');
else {
  const record = RunRecord.open(file);
  if (record.content.kept !== undefined)
    door.say(`kept (${record.content.kept}): ${record.content.made.map(describeMade).join(', ')}`);
  else {
    const troubles = await tearDown(record, AbortSignal.timeout(teardownSeconds * 1000), (line) => door.say(line));
    for (const trouble of troubles) door.warn(`not removed: ${trouble}`);
    process.exitCode = troubles.length === 0 ? 0 : 1;
  }
}

function describeMade(made: RunRecord['content']['made'][number]): string {
  return made.kind === 'directory' ? made.path : `${made.kind} ${made.name}`;
}
