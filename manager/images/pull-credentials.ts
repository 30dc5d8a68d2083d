/** Who pulls the images of a service: given when it is deployed, kept beside its spec, told to the nodes of its tasks. Pure. */
import { toGantryError } from '../../proto/errors.ts';
import type { RegistryFacts } from '../../proto/generated/gantry/v1/control.ts';
import { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import type { PullCredentials } from '../../proto/generated/gantry/v1/types.ts';
import { parseReference } from '../../proto/image-reference.ts';
import type { ServiceObject } from '../store/service.ts';

type Keeper = Pick<ServiceObject, 'spec' | 'previousSpec' | 'pullCredentials'>;

/** What the service keeps: what it had and what is given, as far as it is for registries of its images. */
export function keptCredentials(service: Keeper, facts: RegistryFacts | undefined): PullCredentials | undefined {
  const { spec, previousSpec, pullCredentials } = service;
  const images = [spec.task.container.image, previousSpec?.task.container.image ?? ''];
  const byDomain: Record<string, Buffer> = {};
  for (const domain of new Set(images.map(domainOf))) {
    const given = facts?.credentials[domain];
    const kept = given === undefined ? pullCredentials?.byDomain[domain] : encoded(given);
    if (kept !== undefined) byDomain[domain] = kept;
  }
  return Object.keys(byDomain).length === 0 ? undefined : { byDomain };
}

/** Undefined: the image is for all, or nobody has said. */
export function credentialsFor(
  image: string,
  { pullCredentials }: Pick<Keeper, 'pullCredentials'>,
): Buffer | undefined {
  return pullCredentials?.byDomain[domainOf(image)];
}

export function sameCredentials(a: PullCredentials | undefined, b: PullCredentials | undefined): boolean {
  const [one, other] = [a?.byDomain ?? {}, b?.byDomain ?? {}];
  const domains = new Set([...Object.keys(one), ...Object.keys(other)]);
  const none = Buffer.alloc(0);
  return [...domains].every((domain) => Buffer.compare(one[domain] ?? none, other[domain] ?? none) === 0);
}

function encoded(credentials: RegistryCredentials): Buffer {
  return Buffer.from(RegistryCredentials.encode(credentials).finish());
}

/** Empty for what is no name. */
function domainOf(image: string): string {
  try {
    return parseReference(image).domain;
  } catch (error) {
    if (toGantryError(error).code !== 'INVALID_ARGUMENT') throw error;
    return '';
  }
}
