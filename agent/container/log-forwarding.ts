/** Which containers' logs are sent on, and as whose. */
import { sentLogConfig } from '../../proto/log/log-driver.ts';
import type { ContainerEntry } from './container-entry.ts';
import { containerPaths, shimOptions } from './container-paths.ts';
import type { ContainerContext } from './context.ts';

/** Where its driver doesn't send it, there is nothing to do. */
export function followLog(
  { roots, logForwarding }: Pick<ContainerContext, 'roots' | 'logForwarding'>,
  entry: ContainerEntry,
): void {
  const { id, record } = entry;
  const config = sentLogConfig(record.config.log);
  if (config === undefined) return;
  const { spec } = record.config;
  const { logMaxFiles } = shimOptions(roots, id, record.config.log, { tty: false, openStdin: false });
  const { log, sentPlace } = containerPaths(roots, id);
  const origin = {
    id,
    name: record.name,
    imageId: record.imageId,
    imageName: record.imageName,
    command: record.argv.join(' '),
    createdAtMs: record.createdAtMs,
    labels: { ...record.image.labels, ...spec?.labels },
    env: [...record.image.env, ...(spec?.env ?? [])],
  };
  const fullPath = config.isBlocking ? `${log}.${logMaxFiles - 1}` : undefined;
  logForwarding.follow({ id, logPath: log, placePath: sentPlace, config, origin, fullPath }, entry.run !== undefined);
}
