/** ClientCreate, ClientList, ClientRemove: who may use the cluster from afar. */
import { GantryError } from '../../proto/errors.ts';
import type {
  ClientCreateRequest,
  ClientCreateResponse,
  ClientListResponse,
  ClientRemoveRequest,
  ClientRemoveResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { type ClientCertificate, ClientRole } from '../../proto/generated/gantry/v1/types.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import type { Permission } from '../clients/permissions.ts';
import { type ClientCertificateObject, clientCertificateType } from '../store/client-certificate.ts';
import type { ClusterObject } from '../store/cluster.ts';
import { FORMAT_OF_CLIENT_CERTIFICATES } from '../store/state-format.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { theCluster } from '../store/the-cluster.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import type { ApiContext } from './context.ts';
import { checkName } from './stack-validation.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const DEFAULT_LIFE_MS = 365 * DAY_MS;
/** Half of the authority's own. */
const MAX_LIFE_MS = 10 * 365 * DAY_MS;
/** For so long the list shows that a certificate has expired. */
const EXPIRED_SHOWN_MS = 30 * DAY_MS;

/**
 * The certificate counts from when it is in the store; only then is it made. Whoever loses the answer removes the client and
 * begins anew. INVALID_ARGUMENT; ALREADY_EXISTS.
 */
export async function clientCreate(context: ApiContext, request: ClientCreateRequest): Promise<ClientCreateResponse> {
  const { store, clock, random, log, logger } = context;
  const { name, role, lifeMs, request: requestPem } = request;
  checkName('client', name);
  const roleName = nameOf(role);
  const nowMs = clock.now();
  const expiresAtMs = endOfLife(nowMs, lifeMs);
  const { verifyRequest } = await import('../ca/certificates.ts');
  const { publicKey } = await verifyRequest(requestPem);
  const id = newSerial(random);
  const { client, cluster } = await store.update((tx) => {
    checkStateFormat(theCluster(tx));
    forgetExpired(tx, name, nowMs);
    const fields = clientCertificateType.complete({ id, meta: undefined, name, role, expiresAtMs });
    return { client: tx.create('clientCertificate', fields), cluster: theCluster(tx) };
  });
  const { rootCa } = cluster;
  if (rootCa === undefined) throw new GantryError('UNAVAILABLE', 'the cluster is being set up');
  const { signClientCertificate } = await import('../ca/client-certificates.ts');
  const subject = { name, serial: id, clusterId: cluster.id };
  const certificate = await signClientCertificate(rootCa, publicKey, subject, { nowMs, untilMs: expiresAtMs });
  logger.info({ client: name, serial: id, role: roleName, expiresAtMs }, 'issued a client certificate');
  return { client, certificate, rootCertificate: rootCa.certificate, managers: managersOf(log.members()) };
}

/** Also those that have expired of late. */
export function clientList({ store }: ApiContext): ClientListResponse {
  return { clients: store.view((read) => read.find('clientCertificate', { by: 'all' })) };
}

/** All or none. NOT_FOUND. */
export async function clientRemove(
  { store, logger }: ApiContext,
  { references }: ClientRemoveRequest,
): Promise<ClientRemoveResponse> {
  const removed = await store.update((tx) =>
    references.map((reference) => {
      const client = resolveClient(tx, reference);
      tx.remove('clientCertificate', client.id);
      return client;
    }),
  );
  for (const { name, id } of removed) logger.info({ client: name, serial: id }, 'revoked a client certificate');
  return {};
}

function resolveClient(read: ReadTransaction, reference: string): ClientCertificateObject {
  const [named] = read.find('clientCertificate', { by: 'name', value: reference });
  const client = named ?? read.get('clientCertificate', reference);
  if (client !== undefined) return client;
  throw new GantryError('NOT_FOUND', `no such client: ${reference}`, { hint: '"gantry client ls" lists them' });
}

/** A name can be given again once its certificate has expired; what expired long ago is of no interest. */
function forgetExpired(tx: WriteTransaction, name: string, nowMs: number): void {
  for (const client of tx.find('clientCertificate', { by: 'all' })) {
    const expiredForMs = nowMs - client.expiresAtMs;
    if (expiredForMs >= EXPIRED_SHOWN_MS || (expiredForMs >= 0 && client.name === name)) {
      tx.remove('clientCertificate', client.id);
    } else if (client.name === name) throw alreadyThere(client);
  }
}

function alreadyThere({ name }: ClientCertificate): GantryError {
  return new GantryError('ALREADY_EXISTS', `client ${name} already exists`, {
    hint: `choose another name, or revoke its certificate first with "gantry client rm ${name}"`,
  });
}

/** RFC 5280, 4.1.2.2: positive, at most 20 octets. Always as many digits, none of them a leading zero. */
function newSerial(random: RandomBytes): string {
  const bytes = random(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function endOfLife(nowMs: number, lifeMs: number): number {
  const life = lifeMs === 0 ? DEFAULT_LIFE_MS : lifeMs;
  // Certificates know of no smaller parts than seconds.
  if (life >= MINUTE_MS && life <= MAX_LIFE_MS) return Math.floor((nowMs + life) / 1000) * 1000;
  throw new GantryError(
    'INVALID_ARGUMENT',
    'a client certificate is valid for at least a minute and at most ten years',
    {
      hint: 'write for example --expiry 720h',
    },
  );
}

function nameOf(role: ClientRole): Permission {
  if (role === ClientRole.ADMIN) return 'admin';
  if (role === ClientRole.VIEWER) return 'viewer';
  throw new GantryError('INVALID_ARGUMENT', 'this version of gantry does not know that role', {
    hint: 'use admin or viewer',
  });
}

/** WRONG_STATE: a manager that doesn't know of them would lose them. */
function checkStateFormat({ stateFormat }: ClusterObject): void {
  if (stateFormat >= FORMAT_OF_CLIENT_CERTIFICATES) return;
  throw new GantryError('WRONG_STATE', 'not all managers of the cluster know of client certificates yet', {
    hint: "install this version of gantry on all managers; 'gantry node ls' shows theirs",
  });
}

function managersOf(members: readonly { readonly address: string; readonly leader: boolean }[]): string[] {
  return members
    .toSorted((a, b) => Number(b.leader) - Number(a.leader) || a.address.localeCompare(b.address))
    .flatMap(({ address }) => (address === '' ? [] : [address]));
}
