/** Connections to managers from afar: the first that answers of those that the context names. */
import { type Client, connectivityState as State } from '@grpc/grpc-js';
import { type Address, parseAddress } from '../proto/address.ts';
import { type ClientConstructor, connectClient, unary } from '../proto/client.ts';
import { clientChannelCredentials, ownClient } from '../proto/client-certificate.ts';
import { GantryError } from '../proto/errors.ts';
import { type Cli, complain } from './cli.ts';
import type { ContextIdentity } from './context/context.ts';
import type { Daemon } from './context/daemon.ts';
import { brokenConnection, CliError } from './failure.ts';
import { humanDuration } from './format/duration.ts';

type RemoteDaemon = Extract<Daemon, { readonly kind: 'remote' }>;

/** For a host that is off, or behind a firewall that lets nothing through. */
const CONNECT_TIMEOUT_MS = 5000;
const DAY_MS = 24 * 3_600_000;
/** From so long before its end on, the certificate is complained about. */
const EXPIRY_WARNING_MS = 14 * DAY_MS;

const NEW_CERTIFICATE =
  'get another with "gantry client create NAME" on a manager, and take it with "gantry context import"';

/** Where this command line has connected to: all of it goes there while it answers. */
const reached = new WeakMap<Cli, string>();

/** Runs the action with a client of one of the services of a manager, or of its host. */
export async function withRemoteClient<C extends { close(): void }, Result>(
  Client: ClientConstructor<C>,
  cli: Cli,
  { hosts, identity }: RemoteDaemon,
  action: (client: C) => Promise<Result>,
): Promise<Result> {
  if (!reached.has(cli)) await checkCertificate(cli, identity);
  const { client, host } = await firstThatAnswers(Client, cli, startingWith(hosts, reached.get(cli)), identity);
  reached.set(cli, host);
  try {
    return await action(client);
  } catch (error) {
    const details = brokenConnection(error);
    throw details === undefined ? error : unreachable(host, details);
  } finally {
    client.close();
  }
}

function startingWith(hosts: readonly string[], first: string | undefined): readonly string[] {
  return first === undefined ? hosts : [first, ...hosts.filter((host) => host !== first)];
}

/** Never in silence: the next manager is another host, with containers and images of its own. */
async function firstThatAnswers<C extends { close(): void }>(
  Client: ClientConstructor<C>,
  cli: Cli,
  hosts: readonly string[],
  identity: ContextIdentity,
): Promise<{ readonly client: C; readonly host: string }> {
  let failure: GantryError | undefined;
  for (const host of hosts) {
    if (failure !== undefined) await complain(cli, `gantry: warning: ${failure.message}; trying ${host}`);
    const client = connectClient(Client, remoteAddress(host), clientChannelCredentials(identity));
    const details = await connected(client as unknown as Client, cli.nowMs() + CONNECT_TIMEOUT_MS);
    if (details === undefined) return { client, host };
    client.close();
    failure = unreachable(host, details);
  }
  throw failure ?? new CliError('the context names no manager', { hint: 'mend it with "gantry context update"' });
}

/** Throws INVALID_ARGUMENT for another host than tcp://: a context's are all of one kind. */
function remoteAddress(host: string): Address {
  const address = parseAddress(host);
  if (address.kind === 'tcp') return address;
  throw new GantryError('INVALID_ARGUMENT', `${host} is no manager's address`, { hint: 'write tcp://HOST:PORT' });
}

/** Undefined: it is. Otherwise what gRPC says of why not. */
async function connected(client: Client, deadlineMs: number): Promise<string | undefined> {
  const channel = client.getChannel();
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === State.READY) return undefined;
    if (state === State.TRANSIENT_FAILURE) return await reasonOfFailure(client);
    const changed = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadlineMs, (error) => resolve(error === undefined));
    });
    if (!changed) return 'no answer';
  }
}

/** A channel tells its state, and only a call why: one that nobody answers, for which nothing is sent now. */
async function reasonOfFailure(client: Client): Promise<string | undefined> {
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
  const { name, expiresAtMs } = ownClient(certPem);
  const leftMs = expiresAtMs - cli.nowMs();
  if (leftMs <= 0) {
    throw new CliError(`the certificate of client ${name} expired ${humanDuration(-leftMs)} ago`, {
      hint: NEW_CERTIFICATE,
    });
  }
  if (leftMs < EXPIRY_WARNING_MS) {
    const text = `gantry: warning: the certificate of client ${name} expires in ${humanDuration(leftMs)}`;
    await complain(cli, `${text}; ${NEW_CERTIFICATE}`);
  }
}
