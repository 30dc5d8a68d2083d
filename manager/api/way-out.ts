/** Whether what a service publishes can be reached at all. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { type CompleteServiceSpec, hasWayOut } from '../store/service.ts';

/** INVALID_ARGUMENT for a service that publishes ports and is on internal networks only; `isInternal`: by network id. */
export function checkWayOut(spec: CompleteServiceSpec, isInternal: (networkId: string) => boolean): void {
  if (spec.ports.length === 0 || hasWayOut(spec.task, isInternal)) return;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `service ${spec.annotations.name} publishes ports, but its networks are all internal`,
    { hint: "put it on a network that isn't internal, too, or publish nothing" },
  );
}
