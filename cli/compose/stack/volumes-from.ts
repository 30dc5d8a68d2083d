/** `volumes_from` of a service: what another service mounts, at the same places. */
import { type Mount, MountType } from '../../../proto/generated/gantry/v1/types.ts';
import { serviceOf } from '../model/normalize.ts';
import type { ServiceContext } from './context.ts';
import type { ModelCursor } from './model-cursor.ts';
import { convertMount } from './mounts.ts';

const HINT = 'write SERVICE, or SERVICE:ro';

export function convertVolumesFrom(cursor: ModelCursor, context: ServiceContext): Mount[] {
  return cursor.items((item) => readSource(item, context, new Set([context.service]))).flat();
}

/** `seen`: services that take from each other in a circle were told of with the model. */
function readSource(item: ModelCursor, context: ServiceContext, seen: ReadonlySet<string>): Mount[] {
  const [other = '', access = 'rw', ...more] = item.text().split(':');
  if (other === 'container') {
    throw item.problem('the volumes of a container that is of no service are not known here', 'share a named volume');
  }
  if (more.length > 0 || !/^(ro|rw)$/.test(access)) throw item.problem(`"${item.text()}" is not a service`, HINT);
  if (seen.has(other)) return [];
  const mounts = mountsOf(item, { ...context, service: other }, new Set([...seen, other]));
  return access === 'ro' ? mounts.map((mount) => ({ ...mount, readOnly: true })) : mounts;
}

function mountsOf(item: ModelCursor, context: ServiceContext, seen: ReadonlySet<string>): Mount[] {
  const { service: other, model } = context;
  const { volumes, volumes_from: sources } = serviceOf(model, other) ?? {};
  const own = item.at(volumes ?? [], 'services', other, 'volumes').items((volume) => convertMount(volume, context));
  const anonymous = own.find(({ type, source }) => type === MountType.VOLUME && source === '');
  if (anonymous !== undefined) {
    throw item.problem(
      `the volume of service "${other}" at ${anonymous.target} has no name: each of its tasks has its own`,
      'give it one under the top-level volumes',
    );
  }
  const further = item
    .at(sources ?? [], 'services', other, 'volumes_from')
    .items((source) => readSource(source, context, seen));
  // What is in memory is the container's own, as with Docker.
  const shared = own.filter(({ type }) => type !== MountType.TMPFS);
  return withoutHidden(shared, further.flat());
}

/** What is mounted first hides what comes later at the same place. */
export function withoutHidden(first: readonly Mount[], later: readonly Mount[]): Mount[] {
  const targets = new Set(first.map(({ target }) => target));
  const visible = later.filter(({ target }) => {
    const isFree = !targets.has(target);
    targets.add(target);
    return isFree;
  });
  return [...first, ...visible];
}
