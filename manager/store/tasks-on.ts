/** A query by two indexes at once. */
import { usedIds } from './service.ts';
import type { ReadTransaction } from './tables.ts';
import type { TaskObject } from './task.ts';

/** The node's tasks that use a network; looks at those of whichever has fewer. */
export function tasksOn(read: ReadTransaction, networkId: string, nodeId: string): TaskObject[] {
  return read.count('task', 'uses', networkId) < read.count('task', 'node', nodeId)
    ? read.find('task', { by: 'uses', value: networkId }).filter((task) => task.nodeId === nodeId)
    : read.find('task', { by: 'node', value: nodeId }).filter((task) => usedIds(task.spec).includes(networkId));
}
