/** Whether a hook can be run at all. */
import { posix } from 'node:path';
import { GantryError } from './errors.ts';
import { type ContainerSpec, Hook } from './generated/gantry/v1/types.ts';

/** All that there are, whenever they run. */
export function hooksOf({
  preStart,
  postStart,
  preStop,
}: Pick<ContainerSpec, 'preStart' | 'postStart' | 'preStop'>): Hook[] {
  return [...preStart.map(({ hook }) => hook ?? Hook.create()), ...postStart, ...preStop];
}

/** Throws INVALID_ARGUMENT. `owner`: "service web". */
export function checkHook(owner: string, { argv, dir, env }: Hook): void {
  const refused = (what: string, hint: string) =>
    new GantryError('INVALID_ARGUMENT', `${owner}: a hook ${what}`, { hint });
  if ((argv[0] ?? '') === '') throw refused('has no command', 'give it one');
  if (dir !== '' && !posix.isAbsolute(dir)) throw refused(`has the working directory "${dir}"`, 'begin it with "/"');
  const entry = env.find((text) => !/^[^=\0]+=[^\0]*$/.test(text));
  if (entry !== undefined) throw refused(`has "${entry}" in its environment`, 'write KEY=VALUE');
}
