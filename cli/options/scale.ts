/** How many tasks services shall have, as `service scale` and `compose scale` take it. */
import { CliError } from '../failure.ts';

/** SERVICE=N pairs; all are read before anything is asked for. */
export function parseScale(pairs: readonly string[]): Record<string, number> {
  const replicas: Record<string, number> = {};
  for (const pair of pairs) {
    const match = /^([^=]+)=(\d+)$/.exec(pair);
    const name = match?.[1];
    if (match == null || name === undefined || !Number.isSafeInteger(Number(match[2]))) {
      throw new CliError(`invalid scale "${pair}"`, { hint: 'write SERVICE=NUMBER, such as shop_web=3' });
    }
    replicas[name] = Number(match[2]);
  }
  return replicas;
}
