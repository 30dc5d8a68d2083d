/** Whose node must run or know something else after a change. Endpoints of services aside, which change most often. Pure. */
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { NetworkObject } from '../store/network.ts';
import { hasEnded } from '../store/task.ts';
import type { StoreEvent } from '../store/watch.ts';
import { knowsNetwork } from './assignments.ts';
import type { Session } from './session.ts';

type Concerned = Pick<Session, 'nodeId' | 'told' | 'touch'>;
type Of<K extends StoreEvent['kind']> = StoreEvent & { readonly kind: K };

/** `sessions`: by node. */
export function sessionsConcerned<S extends Concerned>(event: StoreEvent, sessions: ReadonlyMap<string, S>): S[] {
  switch (event.kind) {
    case 'task': {
      const session = sessions.get(event.object.nodeId);
      return session !== undefined && isNews(event) ? [session] : [];
    }
    case 'network':
      return [...sessions.values()].filter((session) => concernsNode(event, session));
    case 'secret':
    case 'config':
      // One that is new comes before the tasks that use it.
      return [...sessions.values()].filter((session) => session.told.has(`${event.kind} ${event.object.id}`));
    default:
      return [];
  }
}

/** Not what the node's agent has reported itself, while the task makes progress. */
function isNews({ change, object, previous }: Of<'task'>): boolean {
  if (change !== 'update' || previous === undefined) return true;
  if (object.nodeId !== previous.nodeId || object.desiredState !== previous.desiredState) return true;
  return hasEnded(object) !== hasEnded(previous) || previous.status.state <= TaskState.ASSIGNED;
}

/** It knows the network, or may get tasks that have waited for addresses of it. */
function concernsNode({ change, object, previous }: Of<'network'>, { nodeId, told }: Concerned): boolean {
  const hasBlock = (network: NetworkObject | undefined) => network?.blocks.some((block) => block.nodeId === nodeId);
  return (
    change === 'remove' || knowsNetwork(told, object.id) || hasBlock(object) === true || hasBlock(previous) === true
  );
}
