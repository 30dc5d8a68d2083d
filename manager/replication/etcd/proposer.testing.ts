/**
 * A process to be killed or stopped: argv[2] is the store, argv[3] its id. While it leads it proposes numbers, argv[4] of them at a
 * time, and writes each to its standard output once it is acknowledged.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecordingState } from '../recording-state.testing.ts';
import { testOptions } from './etcd-log.testing.ts';
import { openEtcdLog } from './open.ts';

const [, , store = '', id = '', concurrency = '1'] = process.argv;
const snapshotLimits = { maxEntries: 50, maxBytes: 1_000_000 };
const log = await openEtcdLog({ ...testOptions(store, id, new RecordingState()), snapshotLimits });
let next = 0;

async function proposeForEver(): Promise<never> {
  for (;;) {
    const text = `${process.pid}-${next}`;
    next += 1;
    try {
      await log.propose(Buffer.from(text));
      writeSync(1, `${text}\n`);
    } catch {
      // Another leads, and this may change.
      await sleep(10);
    }
  }
}
await Promise.all(Array.from({ length: Number(concurrency) }, proposeForEver));
