/** Connections to managers from afar: the first that answers of those that the context names. */
import { Client, connectivityState, credentials } from '@grpc/grpc-js';
import { type Address, parseAddress } from '../proto/address.ts';
import { type ClientConstructor, connectClient, unary } from '../proto/client.ts';
import { clientChannelCredentials, ownClient } from '../proto/client-certificate.ts';
import { GantryError } from '../proto/errors.ts';
import { ControlClient } from '../proto/generated/gantry/v1/control.ts';
import { type Cli, complain } from './cli.ts';
import type { ContextIdentity } from './context/context.ts';
import type { Daemon } from './context/daemon.ts';
import { brokenConnection, CliError } from './failure.ts';
import { type Channel, FollowingChannel } from './following-channel.ts';
import { humanDuration } from './format/duration.ts';

type RemoteDaemon = Extract<Daemon, { readonly kind: 'remote' }>;

/** For a host that is off, or behind a firewall that lets nothing through. */
const CONNECT_TIMEOUT_MS = 3000;
const DAY_MS = 24 * 3_600_000;
/** From so long before its end on, the certificate is complained about; of one that isn't for long, in its last fifth. */
const EXPIRY_WARNING_MS = 14 * DAY_MS;

const NEW_CERTIFICATE =
  'get another with "gantry client create NAME" on a manager, and take it with "gantry context import"';

/** Where this command line has connected to: all of it goes there while it answers. */
const reached = new WeakMap<Cli, string>();

/** Runs the action with a client of one of the services of a manager, or of its host. */
export async function withRemoteClient<C extends { close(): void }, Result>(
  ServiceClient: ClientConstructor<C>,
  cli: Cli,
  daemon: RemoteDaemon,
  action: (client: C) => Promise<Result>,
): Promise<Result> {
  if (!reached.has(cli)) await checkCertificate(cli, daemon.identity);
  const { channel, host } = await firstThatAnswers(cli, startingWith(daemon.hosts, reached.get(cli)), daemon.identity);
  reached.set(cli, host);
  const channelOverride = isSameOnAll(ServiceClient) ? following(cli, daemon, channel) : channel;
  const client = new ServiceClient(host, credentials.createInsecure(), { channelOverride });
  try {
    return await action(client);
  } catch (error) {
    const details = brokenConnection(error);
    throw details === undefined ? error : unreachable(reached.get(cli) ?? host, details);
  } finally {
    client.close();
  }
}

function startingWith(hosts: readonly string[], first: string | undefined): readonly string[] {
  return first === undefined ? hosts : [first, ...hosts.filter((host) => host !== first)];
}

/** What else there is is of the manager's host: another one has containers and images of its own. */
function isSameOnAll(ServiceClient: unknown): boolean {
  return ServiceClient === ControlClient;
}

function following(cli: Cli, { hosts, identity }: RemoteDaemon, first: Channel): Channel {
  if (hosts.length === 1) return first;
  return new FollowingChannel(first, () => {
    const lost = reached.get(cli) ?? '';
    const host = hosts[(hosts.indexOf(lost) + 1) % hosts.length] ?? lost;
    reached.set(cli, host);
    void complain(cli, `gantry: warning: lost the connection to ${lost}; trying ${host}`);
    return openChannel(host, identity);
  });
}

/** Never in silence: what isn't the cluster's is another host's there. */
async function firstThatAnswers(
  cli: Cli,
  hosts: readonly string[],
  identity: ContextIdentity,
): Promise<{ readonly channel: Channel; readonly host: string }> {
  let failure: GantryError | undefined;
  for (const host of hosts) {
    if (failure !== undefined) await complain(cli, `gantry: warning: ${failure.message}; trying ${host}`);
    const channel = openChannel(host, identity);
    const details = await connected(channel, Date.now() + CONNECT_TIMEOUT_MS);
    if (details === undefined) return { channel, host };
    channel.close();
    failure = unreachable(host, details);
  }
  throw failure ?? new CliError('the context names no manager', { hint: 'mend it with "gantry context update"' });
}

function openChannel(host: string, identity: ContextIdentity): Channel {
  return connectClient(Client, remoteAddress(host), clientChannelCredentials(identity)).getChannel();
}

/** Throws INVALID_ARGUMENT for another host than tcp://: a context's are all of one kind. */
function remoteAddress(host: string): Address {
  const address = parseAddress(host);
  if (address.kind === 'tcp') return address;
  throw new GantryError('INVALID_ARGUMENT', `${host} is no manager's address`, { hint: 'write tcp://HOST:PORT' });
}

/** Undefined: it is. Otherwise what gRPC says of why not. */
async function connected(channel: Channel, deadlineMs: number): Promise<string | undefined> {
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return undefined;
    if (state === connectivityState.TRANSIENT_FAILURE) return await reasonOfFailure(channel);
    const changed = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadlineMs, (error) => resolve(error === undefined));
    });
    if (!changed) return 'no answer';
  }
}

/** A channel tells its state, and only a call why: one that nobody answers, for which nothing is sent now. */
async function reasonOfFailure(channelOverride: Channel): Promise<string | undefined> {
  const client = new Client('', credentials.createInsecure(), { channelOverride });
  const nothing = () => Buffer.alloc(0);
  try {
    await unary((done) => client.makeUnaryRequest('/gantry.v1.Nobody/Nothing', nothing, nothing, {}, done));
    return undefined;
  } catch (error) {
    return brokenConnection(error);
  }
}

function unreachable(host: string, details: string): GantryError {
  const { what, hint } = explained(details);
  return new GantryError('UNAVAILABLE', `${host}: ${what}`, { hint });
}

interface Explanation {
  readonly what: string;
  readonly hint: string;
}

/** Of what Node's TLS, and the kernel, say of a connection; verify(1ssl) lists the words of the former. */
function explained(details: string): Explanation {
  if (/not that of a manager of this cluster/.test(details)) {
    return { what: 'what answers there is no manager of this cluster', hint: 'look at the address' };
  }
  if (/unable to (verify|get)|self[- ]signed|signature failure|UNABLE_TO|SELF_SIGNED/i.test(details)) {
    return {
      what: "the certificate shown there is not of the authority that the context knows: it is another cluster's, or the authority was rotated",
      hint: NEW_CERTIFICATE,
    };
  }
  if (/certificate (has expired|is not yet valid)|CERT_(HAS_EXPIRED|NOT_YET_VALID)/i.test(details)) {
    return {
      what: "the manager's certificate is not valid at this hour",
      hint: "compare this host's clock with the manager's",
    };
  }
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(details)) {
    return { what: 'there is no host of that name', hint: 'look at the address, or at DNS' };
  }
  const reason = /\b(E[A-Z]{4,})\b/.exec(details)?.[1];
  if (/No connection established|no answer/.test(details)) {
    return {
      what: `no manager answers${reason === undefined ? '' : ` (${reason})`}`,
      hint: 'is it a manager, does it run, and does a firewall let its TCP port through?',
    };
  }
  return {
    what: `lost the connection: ${details}`,
    hint: 'what was asked for may have been done or not; look, or try again',
  };
}

/** Whoever has waited for the server's refusal would only know that it knows nobody of that name. */
async function checkCertificate(cli: Cli, { certPem }: ContextIdentity): Promise<void> {
  const { name, validFromMs, expiresAtMs } = ownClient(certPem);
  const leftMs = expiresAtMs - cli.nowMs();
  if (leftMs <= 0) {
    throw new CliError(`the certificate of client ${name} expired ${humanDuration(-leftMs)} ago`, {
      hint: NEW_CERTIFICATE,
    });
  }
  if (leftMs < Math.min(EXPIRY_WARNING_MS, (expiresAtMs - validFromMs) / 5)) {
    const text = `gantry: warning: the certificate of client ${name} expires in ${humanDuration(leftMs)}`;
    await complain(cli, `${text}; ${NEW_CERTIFICATE}`);
  }
}
