/** NetworkList, SecretList, ConfigList. */
import type {
  ConfigListResponse,
  NetworkListResponse,
  SecretListResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import type { ApiContext } from './context.ts';

export function networkList({ store }: ApiContext): NetworkListResponse {
  return { networks: byName(store.view((read) => read.find('network', { by: 'all' }))) };
}

/** Secrets without their data. */
export function secretList({ store }: ApiContext): SecretListResponse {
  const secrets = byName(store.view((read) => read.find('secret', { by: 'all' }).filter(isLive)));
  return { secrets: secrets.map((secret) => ({ ...secret, spec: { ...secret.spec, data: Buffer.alloc(0) } })) };
}

export function configList({ store }: ApiContext): ConfigListResponse {
  return { configs: byName(store.view((read) => read.find('config', { by: 'all' }).filter(isLive))) };
}

function isLive(object: { readonly pendingDelete: boolean }): boolean {
  return !object.pendingDelete;
}

function byName<T extends { readonly spec: { readonly annotations: { readonly name: string } } }>(objects: T[]): T[] {
  return objects.sort((a, b) => (a.spec.annotations.name < b.spec.annotations.name ? -1 : 1));
}
