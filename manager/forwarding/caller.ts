/** Who makes a call on a manager: root on its own host, or a node of the cluster; also through another manager. */
import { Metadata } from '@grpc/grpc-js';
import { passRequestId } from '../../proto/call-log.ts';
import { type AuthenticatedCall, type Peer, peerOf } from '../../proto/tls.ts';

export type Caller =
  | { readonly kind: 'administrator'; readonly forwarded: boolean }
  | ({ readonly kind: 'node'; readonly forwarded: boolean } & Peer)
  /** Somebody without a certificate of the cluster's CA. */
  | { readonly kind: 'nobody'; readonly forwarded: boolean };

/** A call as a server sees it. */
export interface IncomingCall extends AuthenticatedCall {
  readonly metadata: Metadata;
}

export type CallerOf = (call: IncomingCall) => Caller;

const CALLER = 'gantry-caller';
const ADMINISTRATOR = 'administrator';
const NOBODY = 'nobody';

/** Of a call on the unix socket, which only root can open. */
export function localCaller(): Caller {
  return { kind: 'administrator', forwarded: false };
}

/**
 * Of a call that came over the network. A manager says for whom it forwards: it has the CA's key in its store, so that its
 * word is worth as much as a certificate. From others that isn't listened to.
 */
export function remoteCaller(call: IncomingCall): Caller {
  const peer = peerOf(call);
  if (peer === undefined) return { kind: 'nobody', forwarded: false };
  const [named] = call.metadata.get(CALLER);
  if (named === undefined || peer.role !== 'manager') return { kind: 'node', forwarded: false, ...peer };
  return parse(String(named), peer.clusterId);
}

/** What a manager adds to a call that it hands on, whose metadata is `call`; without it, it would call in its own name. */
export function forwardedMetadata(caller: Caller, call: Metadata): Metadata {
  const metadata = new Metadata();
  passRequestId(call, metadata);
  metadata.set(CALLER, caller.kind === 'node' ? `${caller.role} ${caller.nodeId}` : caller.kind);
  return metadata;
}

function parse(text: string, clusterId: string): Caller {
  if (text === ADMINISTRATOR) return { kind: ADMINISTRATOR, forwarded: true };
  const [role, nodeId] = text.split(' ');
  if ((role !== 'manager' && role !== 'worker') || nodeId === undefined) return { kind: NOBODY, forwarded: true };
  return { kind: 'node', nodeId, role, clusterId, forwarded: true };
}
