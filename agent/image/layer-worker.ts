/** The program of a layer worker's thread: takes jobs one after the other. An entry point of its own in the bundle. */
import { parentPort } from 'node:worker_threads';
import { native } from '../../native/addon/native.ts';
import { findChanges } from './layer/changes.ts';
import { copyTree } from './layer/copy.ts';
import { extract } from './layer/extract.ts';
import { type LayerJob, type LayerReply, type LayerResults, toPlainError } from './layer/jobs.ts';
import { measure } from './layer/measure.ts';
import { pack } from './layer/pack.ts';
import { scan } from './layer/scan.ts';
import { unpack } from './layer/unpack.ts';

async function run(job: LayerJob): Promise<LayerResults[LayerJob['kind']]> {
  switch (job.kind) {
    case 'unpack':
      return await unpack(job, native);
    case 'pack':
      return pack(job, native);
    case 'scan':
      return scan(job, native);
    case 'copy':
      return copyTree(job, native);
    case 'extract':
      return await extract(job, native);
    case 'changes':
      return findChanges(job, native);
    case 'measure':
      return measure(job);
  }
}

async function reply(job: LayerJob): Promise<LayerReply> {
  try {
    return { ok: true, result: await run(job) };
  } catch (error) {
    return { ok: false, error: toPlainError(error) };
  }
}

parentPort?.on('message', (job: LayerJob) => {
  void reply(job).then((answer) => parentPort?.postMessage(answer));
});
