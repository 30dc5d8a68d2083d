/** What must be done to the kernel after a start of the agent: from what is on disk and what is there. Pure. */
import { bridgeName, ingressName, linkPrefix, vethName, vxlanName } from './link-names.ts';
import type { Link } from './netlink/link.ts';
import { type SandboxRecord, vethsOf } from './sandbox-record.ts';

export type RecoveryStep =
  /** Nobody has this container any more. Its links are among those to be deleted. */
  | { readonly kind: 'remove-sandbox'; readonly containerId: string }
  /** Its namespace is gone, as after a reboot, or was never finished: the next setup makes it. */
  | { readonly kind: 'forget-kernel-state'; readonly containerId: string }
  /** The namespace is there but links are missing or on no bridge. */
  | { readonly kind: 'repair-links'; readonly containerId: string }
  | { readonly kind: 'create-bridge'; readonly networkId: string }
  | { readonly kind: 'delete-links'; readonly names: readonly string[] }
  /** Namespace and files. */
  | { readonly kind: 'unpin'; readonly containerId: string };

export interface RecoveryState {
  readonly instance: string;
  readonly live: ReadonlySet<string>;
  readonly sandboxes: readonly SandboxRecord[];
  /** Ids of networks that must have a bridge. */
  readonly networkIds: readonly string[];
  /** Ids of networks that span nodes. */
  readonly overlayIds: readonly string[];
  /** Names of links that containers of macvlan networks are on. */
  readonly parents: readonly string[];
  /** All links of the host's namespace. */
  readonly links: readonly Link[];
  /** Ids of containers whose namespace is pinned. */
  readonly pinned: ReadonlySet<string>;
  /** Ids of containers that have files under EXEC_ROOT: a crash may have left them before there was a record. */
  readonly withFiles: ReadonlySet<string>;
}

/** In order: what is nobody's goes first, bridges come before what is plugged into them. */
export function planRecovery(state: RecoveryState): RecoveryStep[] {
  const { instance, live, sandboxes, pinned } = state;
  const kept = sandboxes.filter(({ request }) => live.has(request.containerId));
  const removed = sandboxes.filter(({ request }) => !live.has(request.containerId));
  const usable = kept.filter((record) => record.ready && pinned.has(record.request.containerId));
  const unusable = kept.filter((record) => !usable.includes(record));
  const keptIds = new Set(usable.map(({ request }) => request.containerId));
  const names = new Set([
    ...state.networkIds.map((id) => bridgeName(instance, id)),
    ...state.overlayIds.map((id) => vxlanName(instance, id)),
    ingressName(instance),
    ...state.parents,
    ...usable.flatMap((record) => vethsOf(record).map(([index]) => vethName(instance, idOf(record), index))),
  ]);
  const strays = state.links
    .map(({ name }) => name)
    .filter((name) => name.startsWith(linkPrefix(instance)) && !names.has(name));
  return [
    ...removed.map((record) => ({ kind: 'remove-sandbox', containerId: idOf(record) }) as const),
    ...unusable.map((record) => ({ kind: 'forget-kernel-state', containerId: idOf(record) }) as const),
    ...(strays.length === 0 ? [] : [{ kind: 'delete-links', names: strays } as const]),
    ...[...pinned.union(state.withFiles)]
      .filter((id) => !keptIds.has(id))
      .map((containerId) => ({ kind: 'unpin', containerId }) as const),
    ...state.networkIds.map((networkId) => ({ kind: 'create-bridge', networkId }) as const),
    ...usable
      .filter((record) => !isPluggedIn(record, state))
      .map((record) => ({ kind: 'repair-links', containerId: idOf(record) }) as const),
  ];
}

function isPluggedIn(record: SandboxRecord, state: RecoveryState): boolean {
  const byName = new Map(state.links.map((link) => [link.name, link]));
  return vethsOf(record).every(([index, { networkId }]) => {
    const bridge = byName.get(bridgeName(state.instance, networkId));
    const veth = byName.get(vethName(state.instance, idOf(record), index));
    return bridge !== undefined && veth !== undefined && veth.master === bridge.index;
  });
}

function idOf(record: SandboxRecord): string {
  return record.request.containerId;
}
