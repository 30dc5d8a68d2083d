/**
 * Generic resources as users write them: what a host has (`NVIDIA-GPU=UUID1`, `ssd=2`), and what a service reserves
 * (`gpu=2`). Source: dockerd's `--node-generic-resource`, `docker service create --generic-resource`, swarmkit's
 * api/genericresource.
 */
import { parseCdiName } from './cdi-device.ts';
import type { GenericReservation, GenericResource } from './generated/gantry/v1/types.ts';

/** Why a text isn't one, and what to write instead. */
export interface InvalidResource {
  /** Which of the texts. */
  readonly text: string;
  readonly hint: string;
}

/** Neither in a list with commas nor in the name of an environment variable would another text be what it was. */
const WORD = /^[^\s=,]+$/;
const COUNT = /^\d{1,15}$/;
const HOST_HINT = 'write KIND=NAME once for each unit, or KIND=COUNT for units without names';

/** What a host has: the names of a kind one by one, or a count. */
export function parseGenericResources(texts: readonly string[]): GenericResource[] | InvalidResource {
  const resources = new Map<string, GenericResource>();
  for (const text of texts) {
    const [kind, value] = split(text);
    if (!WORD.test(kind) || !isUnit(value) || /^-\d+$/.test(value)) return { text, hint: HOST_HINT };
    const known = resources.get(kind);
    const isCount = COUNT.test(value);
    if (known?.names.includes(value)) return { text, hint: 'it is there already: each unit has a name of its own' };
    if (known !== undefined && (isCount || known.names.length === 0)) {
      return { text, hint: `the units of a kind have names, or they are counted: ${HOST_HINT}` };
    }
    if (known !== undefined) known.names.push(value);
    else resources.set(kind, { kind, names: isCount ? [] : [value], count: isCount ? Number(value) : 0 });
  }
  return [...resources.values()];
}

/** That of a CDI device has a "=" in it. */
function isUnit(name: string): boolean {
  return WORD.test(name) || parseCdiName(name) !== undefined;
}

/** What a service reserves. */
export function parseGenericReservation(text: string): GenericReservation | InvalidResource {
  const [kind, value] = split(text);
  const reservation = { kind, count: Number(value) };
  if (COUNT.test(value) && isGenericReservation(reservation)) return reservation;
  return {
    text,
    hint: 'write KIND=COUNT: how many units of the kind, 1 or more; which ones is for the cluster to say',
  };
}

export function isGenericReservation({ kind, count }: GenericReservation): boolean {
  return WORD.test(kind) && Number.isSafeInteger(count) && count >= 1;
}

/** Each unit that has a name, and the others by their number, as they are written. */
export function genericResourceTexts({ kind, names, count }: GenericResource): string[] {
  return names.length === 0 ? [`${kind}=${count}`] : names.map((name) => `${kind}=${name}`);
}

export function genericResourceCount({ names, count }: GenericResource): number {
  return names.length === 0 ? count : names.length;
}

function split(text: string): [kind: string, value: string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text.trim(), ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}
