/** A thread that runs the seeds it is given. */
import { parentPort, workerData } from 'node:worker_threads';
import { defectNamed, install } from './defects.ts';
import type { Batch, BatchResult, WorkerOptions } from './pool.ts';

const { defect, nodes } = workerData as WorkerOptions;
if (defect !== undefined) install(defectNamed(defect));
// Loads the core, and so comes after that.
const { runBatch } = await import('./batch.ts');

parentPort?.on('message', (batch: Batch) => {
  const result: BatchResult = runBatch(batch, nodes);
  parentPort?.postMessage(result);
});
