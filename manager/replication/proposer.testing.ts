/**
 * A process to be killed: proposes numbers to the log in argv[2], argv[3] of them at a time, and writes each to its
 * standard output once it is acknowledged.
 */
import { writeSync } from 'node:fs';
import { aloneOptions } from './alone.testing.ts';
import { openReplicatedLog } from './open.ts';
import { RecordingState } from './recording-state.testing.ts';

const [, , dir = '', concurrency = '1'] = process.argv;
const state = new RecordingState();
const options = aloneOptions(dir, state, { snapshotLimits: { maxEntries: 50, maxBytes: 1_000_000 } });
const log = await openReplicatedLog(options, new AbortController().signal);
let next = state.entries.length;

async function proposeForEver(): Promise<never> {
  for (;;) {
    const number = next;
    next += 1;
    await log.propose(Buffer.from(`${process.pid}-${number}`));
    writeSync(1, `${process.pid}-${number}\n`);
  }
}
await Promise.all(Array.from({ length: Number(concurrency) }, proposeForEver));
