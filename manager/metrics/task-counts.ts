/** Tasks by state: looked up when asked for, so that a change of a task costs nothing. */
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { StateCounts } from '../../proto/metrics/reading.ts';
import { Slices } from '../slices.ts';
import type { TaskObject } from '../store/task.ts';

/** A look at one costs next to nothing; of a slice there are a few thousand. */
const BYTES_LOOKED_AT = 32;

/** Of tasks as they were at one moment: 100,000 would hold up the event loop if they were counted in one go. */
export async function countTasks(tasks: readonly TaskObject[]): Promise<StateCounts> {
  const counts = new StateCounts(TaskState);
  const slices = new Slices();
  for (const { status } of tasks) {
    counts.add(status.state);
    if (slices.spend(BYTES_LOOKED_AT, 0)) await slices.pause();
  }
  return counts;
}
