/** NodeList, NodeInspect, NodeUpdate, NodeRemove. */
import { GantryError } from '../../proto/errors.ts';
import type {
  NodeInspectRequest,
  NodeInspectResponse,
  NodeListResponse,
  NodeRemoveRequest,
  NodeRemoveResponse,
  NodeUpdateRequest,
  NodeUpdateResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { NodeRole, NodeState } from '../../proto/generated/gantry/v1/types.ts';
import { nodeCertificateLifeMs } from '../ca/certificate-life.ts';
import { authorityNotice } from '../ca/notice.ts';
import { orphaned } from '../orchestrator/tasks.ts';
import type { Member } from '../replication/replicated-log.ts';
import { refuseHarm, removalOutcome } from '../roles/removal.ts';
import { type NodeObject, nodeName } from '../store/node.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import { forgetPinsTo } from '../volumes/pins.ts';
import type { ApiContext } from './context.ts';
import { resolveNode } from './references.ts';

export function nodeList(context: ApiContext): NodeListResponse {
  const nodes = context.store.view((read) => read.find('node', { by: 'all' }));
  nodes.sort((a, b) => (nodeName(a) < nodeName(b) ? -1 : 1));
  const [cluster] = context.store.view((read) => read.find('cluster', { by: 'all' }));
  const desiredRoot = (cluster && authorityNotice(cluster)?.issuer) ?? '';
  const managers = context.log.members().map(managerStatus);
  return { nodes, leaderNodeId: context.leaderNodeId(), managers, desiredRoot };
}

export function nodeInspect({ store, log }: ApiContext, { reference }: NodeInspectRequest): NodeInspectResponse {
  const node = store.view((read) => resolveNode(read, reference));
  const member = log.members().find(({ id }) => id === node.id);
  return { node, manager: member && managerStatus(member) };
}

function managerStatus({ id, ...member }: Member) {
  return { nodeId: id, ...member };
}

/** The roles of nodes are carried out by the role loop and by their agents. */
export async function nodeUpdate(context: ApiContext, request: NodeUpdateRequest): Promise<NodeUpdateResponse> {
  const { store, log, nodeId: selfId } = context;
  const node = await store.update((tx) => {
    const found = resolveNode(tx, request.reference);
    if (request.role === NodeRole.WORKER) refuseDemotion(tx, log.members(), found, request.force);
    if (request.role === NodeRole.MANAGER && !request.force) refusePromotion(found);
    return tx.update('node', { ...found, spec: changedSpec(found, request) });
  });
  // The role loop would wait for the quorum. Of itself a leader can't let go: it hands over, and its successor is asked again.
  const forced = request.force && request.role === NodeRole.WORKER && node.id !== selfId;
  if (forced) await log.removeMember(node.id, { force: true });
  return {};
}

function changedSpec({ spec }: NodeObject, request: NodeUpdateRequest): NodeObject['spec'] {
  const labels = { ...spec.annotations.labels, ...request.labelsAdd };
  for (const key of request.labelsRemove) {
    if (!(key in spec.annotations.labels)) throw new GantryError('NOT_FOUND', `the node has no label "${key}"`);
    delete labels[key];
  }
  return {
    annotations: { ...spec.annotations, labels },
    role: request.role ?? spec.role,
    availability: request.availability ?? spec.availability,
  };
}

/** It would become a manager whenever it came back, long after anybody expected that. */
function refusePromotion(node: NodeObject): void {
  if (node.spec.role === NodeRole.MANAGER || node.status.state !== NodeState.DOWN) return;
  throw new GantryError('WRONG_STATE', `cannot promote node ${nodeName(node)}: it is down`, {
    hint: 'start gantryd there, and wait until "gantry node ls" says Ready',
  });
}

function refuseDemotion(read: ReadTransaction, members: readonly Member[], node: NodeObject, force: boolean): void {
  const isLast = otherManagers(read, node) === 0 && node.spec.role === NodeRole.MANAGER;
  const outcome = isLast ? ({ outcome: 'last' } as const) : removalOutcome(members, node.id);
  refuseHarm('demote', nodeName(node), outcome, force, (id) => nameIn(read, id));
}

function otherManagers(read: ReadTransaction, node: NodeObject): number {
  const isOther = (one: NodeObject) => one.id !== node.id && one.spec.role === NodeRole.MANAGER;
  return read.find('node', { by: 'all' }).filter(isOther).length;
}

function nameIn(read: ReadTransaction, nodeId: string): string {
  const node = read.get('node', nodeId);
  return node === undefined ? nodeId : nodeName(node);
}

/** The node goes out of the log first: once its object has gone, nobody knows any more that it was a manager. */
export async function nodeRemove(context: ApiContext, request: NodeRemoveRequest): Promise<NodeRemoveResponse> {
  const { store, log, clock } = context;
  const node = store.view((read) => resolveNode(read, request.reference));
  store.view((read) => refuseRemoval(read, context, node, request.force));
  if (log.members().some(({ id }) => id === node.id)) await log.removeMember(node.id, { force: request.force });
  await store.update((tx) => forget(tx, node.id, clock.now()));
  return {};
}

function refuseRemoval(read: ReadTransaction, { log, nodeId }: ApiContext, node: NodeObject, force: boolean): void {
  const name = nodeName(node);
  const isMember = log.members().some(({ id }) => id === node.id);
  if (isMember && (!force || node.id === nodeId)) {
    throw new GantryError('WRONG_STATE', `cannot remove node ${name}: it is a manager`, {
      hint: `demote it first: "gantry node demote ${name}"`,
    });
  }
  refuseHarm('remove', name, removalOutcome(log.members(), node.id), force, (id) => nameIn(read, id));
  if (node.status.state !== NodeState.READY || force) return;
  throw new GantryError('WRONG_STATE', `cannot remove node ${name}: it is not down`, {
    hint: 'let it leave with "gantry cluster leave" there, or remove it with --force',
  });
}

/** Its certificate goes on to be valid: it is remembered until that has ended. Of its tasks nobody will hear again, nor of its volumes. */
export function forget(tx: WriteTransaction, nodeId: string, nowMs: number): void {
  tx.remove('node', nodeId);
  forgetPinsTo(tx, nodeId);
  for (const task of tx.find('task', { by: 'node', value: nodeId })) {
    const lost = orphaned(task, nowMs);
    if (lost !== task) tx.update('task', lost);
  }
  const [cluster] = tx.find('cluster', { by: 'all' });
  if (cluster === undefined) return;
  const others = cluster.removedNodes.filter((removed) => removed.nodeId !== nodeId && removed.untilMs > nowMs);
  const untilMs = Math.max(nowMs + nodeCertificateLifeMs(cluster.spec), cluster.certificatesUntilMs);
  const removedNodes = [...others, { nodeId, untilMs }];
  tx.update('cluster', { ...cluster, removedNodes });
}
