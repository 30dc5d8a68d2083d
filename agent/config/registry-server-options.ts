/** The options of gantryd's registry, and which of them go together. Pure. */
import { isIP } from 'node:net';
import { parseListenAddress } from '../../proto/address.ts';
import type { RegistryServerOptions } from '../registry-server/registry-options.ts';
import { type Given, invalid, listenAddress, optionalPath } from './given.ts';

export interface GivenRegistryServer {
  readonly address: Given;
  readonly certificate: Given;
  readonly key: Given;
  readonly users: Given;
  readonly hosts: readonly Given[];
  readonly insecure: Given;
}

/** Throws INVALID_ARGUMENT for a registry that others could read passwords of, or push to without one. */
export function registryServerOptions(given: GivenRegistryServer): RegistryServerOptions {
  const options = {
    address: listenAddress(given.address),
    certificate: optionalPath(given.certificate),
    key: optionalPath(given.key),
    users: optionalPath(given.users),
    hosts: given.hosts.map(hostAndPort),
  };
  const isInsecure = yesOrNo(given.insecure);
  const { origin, value } = given.address;
  if ((options.certificate === '') !== (options.key === '')) {
    const { origin: where, value: file } = options.certificate === '' ? given.key : given.certificate;
    throw invalid(where, file, 'give both --registry-cert and --registry-key');
  }
  if (options.address === '' || isLoopback(options.address)) return options;
  if (options.certificate === '' && !isInsecure) {
    const hint = 'give it --registry-cert and --registry-key, or --registry-insecure true when the network is trusted';
    throw invalid(origin, value, hint);
  }
  if (options.users !== '') return options;
  throw invalid(
    origin,
    value,
    'say with --registry-users who may push; only on a loopback address it may be everybody',
  );
}

function isLoopback(address: string): boolean {
  const { host } = parseListenAddress(address);
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1';
}

function yesOrNo({ value, origin }: Given): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw invalid(origin, value, 'write true or false');
}

function hostAndPort({ value, origin }: Given): string {
  if (/^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/.test(value)) return value;
  throw invalid(origin, value, 'write HOST[:PORT], as images are named after it');
}
