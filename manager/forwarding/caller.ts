/** Who makes a call on a manager: root on its own host, a node, or a client from afar; also through another manager. */
import { Metadata } from '@grpc/grpc-js';
import { passRequestId } from '../../proto/call-log.ts';
import { clientOf, type RemoteClient } from '../../proto/client-certificate.ts';
import { type AuthenticatedCall, type Peer, peerOf } from '../../proto/tls.ts';

export type Caller =
  | { readonly kind: 'administrator'; readonly forwarded: boolean }
  | ({ readonly kind: 'node'; readonly forwarded: boolean } & Peer)
  | ClientCaller
  /** Somebody without a certificate of the cluster's CA. */
  | { readonly kind: 'nobody'; readonly forwarded: boolean };

/** Somebody outside the cluster with a client's certificate, which may have been revoked. */
export type ClientCaller = { readonly kind: 'client'; readonly forwarded: boolean } & RemoteClient;

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
  if (peer === undefined) return withoutNode(call);
  const [named] = call.metadata.get(CALLER);
  if (named === undefined || peer.role !== 'manager') return { kind: 'node', forwarded: false, ...peer };
  return parse(String(named), peer.clusterId);
}

function withoutNode(call: IncomingCall): Caller {
  const client = clientOf(call);
  return client === undefined ? { kind: 'nobody', forwarded: false } : { kind: 'client', forwarded: false, ...client };
}

/** What a manager adds to a call that it hands on, whose metadata is `call`; without it, it would call in its own name. */
export function forwardedMetadata(caller: Caller, call: Metadata): Metadata {
  const metadata = new Metadata();
  passRequestId(call, metadata);
  metadata.set(CALLER, callerText(caller));
  return metadata;
}

function callerText(caller: Caller): string {
  if (caller.kind === 'node') return `${caller.role} ${caller.nodeId}`;
  return caller.kind === 'client' ? `client ${caller.serial} ${caller.name}` : caller.kind;
}

function parse(text: string, clusterId: string): Caller {
  if (text === ADMINISTRATOR) return { kind: ADMINISTRATOR, forwarded: true };
  const [role, id, name] = text.split(' ');
  if (role === 'client' && id !== undefined && name !== undefined) {
    return { kind: 'client', serial: id, name, clusterId, forwarded: true };
  }
  if ((role !== 'manager' && role !== 'worker') || id === undefined) return { kind: NOBODY, forwarded: true };
  return { kind: 'node', nodeId: id, role, clusterId, forwarded: true };
}
