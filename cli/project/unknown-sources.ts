/** Tells of nodes that haven't said whether they have what services mount: that isn't the same as not having it. */
import type { UnknownSource } from '../../proto/generated/gantry/v1/control.ts';
import { type Cli, complain } from '../cli.ts';

export async function warnUnknownSources(cli: Cli, sources: readonly UnknownSource[]): Promise<void> {
  for (const source of sources) await complain(cli, `gantry: warning: ${unknownSourceText(source)}`);
}

/** Pure. */
export function unknownSourceText({ service, source, foundOn, silent }: UnknownSource): string {
  const what = `${source.startsWith('/') ? 'path' : 'volume'} ${source} of service ${service}`;
  const who = `${silent.length === 1 ? 'node' : 'nodes'} ${silent.join(', ')}`;
  const isUnknown = `${who} did not answer whether ${silent.length === 1 ? 'it has it' : 'they have it'}`;
  const again = 'deploy again when all answer';
  if (foundOn.length > 0) return `${what} is on ${foundOn.join(', ')}, where its tasks go; ${isUnknown}: ${again}`;
  return `${what} is on no node that answered, and ${isUnknown}: tasks may go where it is not; ${again}`;
}
