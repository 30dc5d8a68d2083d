/** Where nodes haven't said whether they have what services mount, as users are told of it. */
import type { UnknownSource } from '../../proto/generated/gantry/v1/control.ts';
import type { ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { nodeName } from '../store/node.ts';
import { completeServiceSpec } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { type FoundSources, unknownPlaces } from '../volumes/mount-sources.ts';

/** Of services that are deployed, before they are. */
export function unknownSources(
  read: ReadTransaction,
  services: readonly ServiceSpec[],
  found: FoundSources,
): UnknownSource[] {
  const named = (ids: readonly string[]) =>
    ids.map((id) => {
      const node = read.get('node', id);
      return node === undefined ? id : nodeName(node);
    });
  return services.map(completeServiceSpec).flatMap((spec) => {
    const [own] = read.find('service', { by: 'name', value: spec.annotations.name });
    return unknownPlaces(spec, found, own?.sources).map(
      ({ service, source, foundOn, silent }): UnknownSource => ({
        ...{ service, source, foundOn: named(foundOn), silent: named(silent) },
      }),
    );
  });
}
