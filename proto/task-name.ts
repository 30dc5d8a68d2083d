/** The name of a task's container: managers give it to the nodes' name servers, and agents to the container. */
import type { Task } from './generated/gantry/v1/types.ts';

/** SERVICE.SLOT.TASKID, or SERVICE.NODEID.TASKID for a global service. */
export function containerName(task: Pick<Task, 'serviceName' | 'slot' | 'nodeId' | 'id'>): string {
  return `${task.serviceName}.${slotName(task)}.${task.id}`;
}

/** Of a global service the node: it has no other place. */
export function slotName({ slot, nodeId }: Pick<Task, 'slot' | 'nodeId'>): string {
  return slot === 0 ? nodeId : String(slot);
}
