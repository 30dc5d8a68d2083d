/** Where a cluster's desired state is kept, as `--store` of gantryd and of gantry-manager says it. */
import { GantryError } from './errors.ts';

/** An etcd cluster. */
export interface StoreAddress {
  /** HOST:PORT; at least one. */
  readonly endpoints: readonly string[];
  /** What all keys begin with; without a slash at either end. */
  readonly prefix: string;
  readonly tls: boolean;
}

/** Paths of PEM files for a store that is reached by TLS; empty: not given. */
export interface StoreFiles {
  /** Of the authority that has signed the store's certificates. */
  readonly ca: string;
  /** Of the certificate and its key with which managers show who they are. */
  readonly cert: string;
  readonly key: string;
}

const DEFAULT_PORT = 2379;
const DEFAULT_PREFIX = 'gantry';
const HINT = 'write etcd://HOST[:PORT][,HOST[:PORT]...][/PREFIX], or etcds:// for TLS';

const STORE = /^(etcds?):\/\/([^/?#]*)(\/[^?#]*)?$/;
const ENDPOINT = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;
const PREFIX = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;

/** Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function parseStoreAddress(text: string): StoreAddress {
  const [, scheme, authority = '', path = ''] = STORE.exec(text) ?? [];
  if (scheme === undefined) throw invalid(text);
  if (authority.includes('@')) {
    throw new GantryError('UNSUPPORTED', 'a store address with a user name and password is not supported', {
      hint: 'a command line is no secret; let etcd know the manager by a client certificate, with etcds:// and --store-cert',
    });
  }
  const prefix = path.replace(/^\/+|\/+$/g, '') || DEFAULT_PREFIX;
  if (!PREFIX.test(prefix)) throw invalid(text);
  return { endpoints: authority.split(',').map((one) => endpoint(text, one)), prefix, tls: scheme === 'etcds' };
}

/** The files that go with the address, if there is one. Throws INVALID_ARGUMENT when they don't fit it or each other. */
export function checkStoreFiles(address: StoreAddress | undefined, { ca, cert, key }: StoreFiles): void {
  const tls = address?.tls ?? false;
  if (!tls && ca + cert + key !== '') throw misfit('--store-ca, --store-cert and --store-key need a store etcds://');
  if (tls && ca === '')
    throw misfit('a store etcds:// needs --store-ca, the file with the certificate of its authority');
  if ((cert === '') !== (key === '')) throw misfit('--store-cert and --store-key need each other');
}

function endpoint(text: string, one: string): string {
  const [, host, port = String(DEFAULT_PORT)] = ENDPOINT.exec(one) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65535) throw invalid(text);
  return `${host}:${port}`;
}

function invalid(text: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `invalid store "${text}"`, { hint: HINT });
}

function misfit(message: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', message);
}
