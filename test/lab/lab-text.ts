/** What `npm run lab` tells of a lab. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import type { PoweredHost } from './powered-host.ts';

/** Hosts as a table, then what is cut. */
export async function describeLab(lab: Lab): Promise<string> {
  const rows = await Promise.all(
    lab.hosts.map(async (host) => [host.name, host.address, roleOf(host), host.state, ...(await host.slowness())]),
  );
  const table = [['HOST', 'ADDRESS', 'ROLE', 'STATE'], ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(WIDTHS[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const cuts = (await lab.cuts()).map(({ from, to }) => `cut: ${from} → ${to}`);
  return [...table, ...cuts].join('\n');
}

const WIDTHS = [5, 12, 8, 12];

/** From what it keeps: also when it is off. */
function roleOf({ dataRoot }: PoweredHost): string {
  if (!existsSync(join(dataRoot, 'identity'))) return '-';
  return existsSync(join(dataRoot, 'manager')) ? 'manager' : 'worker';
}

export function nextSteps({ directory, hosts }: Lab): string {
  const last = hosts.at(-1)?.name ?? '';
  return `
The cluster is ready; it is kept in ${directory}. Try next:

  npm run lab -- exec h1 gantry node ls
  npm run lab -- exec h1 gantry stack deploy -c examples/spread/stack.yml spread
  npm run lab -- exec h1 gantry service ps spread_web
  npm run lab -- power-off ${last}              then look again: its tasks move; "reboot ${last}" brings it back
  npm run lab -- ls                        hosts, and what is cut or slow
  npm run lab -- down                      removes all of it`;
}
