/** The versions that deployments leave of a stack. */
import { isDeepStrictEqual } from 'node:util';
import { GantryError } from '../../proto/errors.ts';
import { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import type { ConfigSpec, SecretSpec, ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../proto/ids.ts';
import { canonicalBytes } from '../store/same-message.ts';
import type { StackVersionObject } from '../store/stack-version.ts';
import { FORMAT_OF_UPDATE_STATUS } from '../store/state-format.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { theCluster } from '../store/the-cluster.ts';
import type { WriteTransaction } from '../store/transaction.ts';

/** Of a stack; what is older goes. */
const VERSIONS_KEPT = 10;

export interface Deployment {
  /** What was deployed: the stack may have more. */
  readonly stack: StackSpec;
  /** The version that it goes back to; 0: none. */
  readonly rollbackTo: number;
  readonly nowMs: number;
  readonly random: RandomBytes;
}

/** The stack has been deployed in this transaction. No new one for what is as the newest version already. */
export function recordVersion(tx: WriteTransaction, { stack, rollbackTo, nowMs, random }: Deployment): Recorded {
  // A manager that doesn't know of them would lose them.
  if (theCluster(tx).stateFormat < FORMAT_OF_UPDATE_STATUS) return { version: 0, previousVersion: 0 };
  const [newest, ...older] = versionsOf(tx, stack.name);
  const whole = newest === undefined ? stack : withLeftOver(tx, stack, StackSpec.decode(newest.spec));
  const content = contentOf(tx, whole);
  const previousVersion = newest?.version ?? 0;
  if (newest !== undefined && isDeepStrictEqual(content, pick(newest)))
    return { version: previousVersion, previousVersion };
  const version = previousVersion + 1;
  tx.create('stackVersion', {
    ...content,
    id: newObjectId(random),
    stack: stack.name,
    version,
    deployedAtMs: nowMs,
    rollbackTo,
    services: whole.services.map((service) => shortName(service.annotations?.name ?? '', stack.name)),
  });
  for (const old of older.slice(VERSIONS_KEPT - 2)) tx.remove('stackVersion', old.id);
  return { version, previousVersion };
}

/** What a stack is deployed as, and was before; 0: none. */
export interface Recorded {
  readonly version: number;
  readonly previousVersion: number;
}

/**
 * With what the stack still has of before, as that was deployed, so that a version says what the stack is. What was there
 * before comes first: a deployment of a part, or in another order, is no new version by itself.
 */
function withLeftOver(read: ReadTransaction, stack: StackSpec, before: StackSpec): StackSpec {
  const whole = <S extends Named>(
    kind: 'service' | 'network' | 'secret' | 'config',
    now: readonly S[],
    past: S[],
  ): S[] => {
    const deployed = new Map(now.map((spec) => [nameOf(spec), spec]));
    const isThere = (spec: S) => read.find(kind, { by: 'name', value: nameOf(spec) }).length > 0;
    const known = past.flatMap((spec) => deployed.get(nameOf(spec)) ?? (isThere(spec) ? [spec] : []));
    const names = new Set(past.map(nameOf));
    return [...known, ...now.filter((spec) => !names.has(nameOf(spec)))];
  };
  return {
    ...stack,
    services: whole('service', stack.services, before.services),
    networks: whole('network', stack.networks, before.networks),
    secrets: whole('secret', stack.secrets, before.secrets),
    configs: whole('config', stack.configs, before.configs),
  };
}

type Named = Pick<ServiceSpec, 'annotations'>;

function nameOf({ annotations }: Named): string {
  return annotations?.name ?? '';
}

type Content = Pick<StackVersionObject, 'spec' | 'secretIds' | 'configIds'>;

function pick({ spec, secretIds, configIds }: Content): Content {
  return { spec: Buffer.from(spec), secretIds: [...secretIds], configIds: [...configIds] };
}

/** Secrets and configs by their objects: ten versions of a stack have each content once. */
function contentOf(read: ReadTransaction, stack: StackSpec): Content {
  const empty = <S extends SecretSpec | ConfigSpec>(spec: S): S => ({ ...spec, data: Buffer.alloc(0) });
  const bare = { ...stack, secrets: stack.secrets.map(empty), configs: stack.configs.map(empty) };
  const idOf = (kind: 'secret' | 'config') => (spec: SecretSpec | ConfigSpec) =>
    read.find(kind, { by: 'name', value: spec.annotations?.name ?? '' })[0]?.id ?? '';
  return {
    spec: Buffer.from(canonicalBytes(StackSpec, bare)),
    secretIds: stack.secrets.map(idOf('secret')),
    configIds: stack.configs.map(idOf('config')),
  };
}

/** The stack as it was deployed. */
export function stackOfVersion(read: ReadTransaction, { spec, secretIds, configIds }: StackVersionObject): StackSpec {
  const stack = StackSpec.decode(spec);
  const filled = <S extends SecretSpec | ConfigSpec>(
    kind: 'secret' | 'config',
    ids: readonly string[],
    specs: S[],
  ): S[] =>
    specs.map((one, position) => {
      const object = read.get(kind, ids[position] ?? '');
      if (object !== undefined) return { ...one, data: object.spec.data };
      throw new GantryError('CORRUPT', `the content of ${kind} ${one.annotations?.name} of this version is gone`, {
        hint: 'deploy the file that the stack should be',
      });
    });
  return {
    ...stack,
    secrets: filled('secret', secretIds, stack.secrets),
    configs: filled('config', configIds, stack.configs),
  };
}

/** A stack that is removed has no history. */
export function forgetVersions(tx: WriteTransaction, stack: string): void {
  for (const { id } of versionsOf(tx, stack)) tx.remove('stackVersion', id);
}

/** CONFLICT unless this is what the stack is now. */
export function checkIsNewest(
  versions: readonly StackVersionObject[],
  name: string,
  version: number,
): StackVersionObject {
  const [newest] = versions;
  if (newest?.version === version) return newest;
  throw new GantryError('CONFLICT', `stack ${name} has been deployed anew since version ${version}`, {
    hint: `"gantry stack history ${name}" shows as what`,
  });
}

/** `version`: 0 for the one before the newest. NOT_FOUND. */
export function targetOf(versions: readonly StackVersionObject[], name: string, version: number): StackVersionObject {
  const [newest, previous] = versions;
  if (newest === undefined) throw noHistory(name);
  if (version === 0 && previous === undefined) {
    throw new GantryError('NOT_FOUND', `stack ${name} has only version ${newest.version}: there is none before it`, {
      hint: 'deploy the file that it should be',
    });
  }
  const target = version === 0 ? previous : versions.find((candidate) => candidate.version === version);
  if (target !== undefined) return target;
  throw new GantryError('NOT_FOUND', `stack ${name} has no version ${version}`, {
    hint: `"gantry stack history ${name}" lists those that are kept: ${versions.at(-1)?.version} to ${newest.version}`,
  });
}

export function noHistory(name: string): GantryError {
  return new GantryError('NOT_FOUND', `no version of stack ${name} is kept`, {
    hint: 'each "gantry stack deploy" that changes something makes one; "gantry stack ls" lists the stacks',
  });
}

/** The newest first. */
export function versionsOf(read: ReadTransaction, stack: string): StackVersionObject[] {
  return read.find('stackVersion', { by: 'stack', value: stack }).sort((a, b) => b.version - a.version);
}

/** Of a service: without the stack's. */
export function shortName(name: string, stack: string): string {
  return name.startsWith(`${stack}_`) ? name.slice(stack.length + 1) : name;
}
