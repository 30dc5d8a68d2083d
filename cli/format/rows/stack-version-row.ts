/** Versions of a stack as `stack history` lists them. */
import type { StackVersion } from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { ago } from '../duration.ts';
import type { Listing } from '../listing.ts';

export const STACK_VERSION_LISTING: Listing = {
  headings: { Version: 'VERSION', Deployed: 'DEPLOYED', Services: 'SERVICES', Note: 'NOTE' },
  defaultTable: '{{.Version}}\t{{.Deployed}}\t{{.Services}}\t{{.Note}}',
  quietField: 'Version',
};

/** `versions`: the newest, which is the present one, first. */
export function stackVersionRows(versions: readonly StackVersion[], nowMs: number): Fields[] {
  return versions.map(({ version, deployedAtMs, services, rollbackTo }, position) => ({
    Version: String(version),
    Deployed: ago(deployedAtMs, nowMs),
    Services: services.join(', '),
    Note: [...(position === 0 ? ['current'] : []), ...(rollbackTo === 0 ? [] : [`rollback to ${rollbackTo}`])].join(
      ', ',
    ),
  }));
}
