/** Takes a whole project away but for its volumes. */
import type { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { isGantryError } from '../failure.ts';
import { tasksOfStack, waitUntilContainersGone } from '../rollout/containers-gone.ts';
import { waitUntilGone } from '../rollout/wait-gone.ts';
import { type ProgressMode, progressIn } from '../terminal/progress.ts';
import { isOneOff, oneOffFilters } from './one-off.ts';

export interface Removal {
  /** As for StackRemove. */
  readonly timeoutMs?: number | undefined;
  readonly progress: ProgressMode;
}

/** One that isn't there is no failure, as with docker compose. */
export async function removeProject(
  cli: Cli,
  control: ControlClient,
  name: string,
  { timeoutMs, progress }: Removal,
): Promise<void> {
  await removeOneOffs(cli, name);
  try {
    const tasks = await tasksOfStack(control, name);
    const { changes, networksInUse } = await ask(control, control.stackRemove, { name, timeoutMs });
    await waitUntilGone(control, name, changes, progressIn(cli.stderr, progress));
    await waitUntilContainersGone(cli, control, tasks);
    for (const { name: network, users } of networksInUse) {
      await complain(cli, `gantry: warning: network ${network}: Resource is still in use by ${users.join(', ')}`);
    }
  } catch (error) {
    if (!isGantryError(error) || error.code !== 'NOT_FOUND') throw error;
    await complain(cli, `gantry: warning: no resource found to remove for project "${name}"`);
  }
}

/** What `compose run` has made on this host: it would keep the networks. */
async function removeOneOffs(cli: Cli, project: string): Promise<void> {
  await withClient(EngineClient, cli, async (engine) => {
    const { containers } = await ask(engine, engine.containerList, { all: true, filters: oneOffFilters(project) });
    for (const { id, name } of containers.filter(isOneOff)) {
      await ask(engine, engine.containerRemove, { reference: id, force: true, volumes: true });
      await complain(cli, `Removing container ${name}`);
    }
  });
}
