/** Where a container's things are: what may be lost at a reboot under EXEC_ROOT, the rest under DATA_ROOT. */
import { join } from 'node:path';
import type { ContainerSpec, LogConfig } from '../../proto/generated/gantry/v1/types.ts';
import type { ContainerId } from '../../proto/ids.ts';
import { keepsLog, sentLogConfig } from '../../proto/log/log-driver.ts';
import type { ShimOptions } from '../shim/shims.ts';

const DEFAULT_LOG_BYTES = 10 * 1024 * 1024;
const DEFAULT_LOG_FILES = 3;

export interface Roots {
  readonly dataRoot: string;
  readonly execRoot: string;
  /** The OCI runtime's program. */
  readonly runtime: string;
}

export interface ContainerPaths {
  readonly bundle: string;
  readonly rootfs: string;
  readonly config: string;
  /** A tmpfs with the container's secrets and configs. */
  readonly files: string;
  readonly shimState: string;
  readonly log: string;
  /** How far the log has been sent. */
  readonly sentPlace: string;
}

export function bundlesRoot(execRoot: string): string {
  return join(execRoot, 'containers');
}

export function recordsRoot(dataRoot: string): string {
  return join(dataRoot, 'containers');
}

export function runtimeRoot(execRoot: string): string {
  return join(execRoot, 'runtime');
}

export function containerPaths(roots: Roots, id: string): ContainerPaths {
  const bundle = join(bundlesRoot(roots.execRoot), id);
  return {
    bundle,
    rootfs: join(bundle, 'rootfs'),
    config: join(bundle, 'config.json'),
    files: join(bundle, 'files'),
    shimState: join(bundle, 'shim'),
    log: join(recordsRoot(roots.dataRoot), id, 'container.log'),
    sentPlace: join(recordsRoot(roots.dataRoot), id, 'sent.json'),
  };
}

export function shimOptions(
  roots: Roots,
  id: ContainerId,
  log: LogConfig | undefined,
  { tty, openStdin }: Pick<ContainerSpec, 'tty' | 'openStdin'>,
): ShimOptions {
  const paths = containerPaths(roots, id);
  const sent = sentLogConfig(log);
  return {
    containerId: id,
    bundle: paths.bundle,
    terminal: tty,
    stateDir: paths.shimState,
    logPath: paths.log,
    logMaxSizeBytes: Math.max(log?.maxSizeBytes || DEFAULT_LOG_BYTES, sent?.bufferBytes ?? 0),
    logMaxFiles: keepsLog(log) ? log?.maxFiles || DEFAULT_LOG_FILES : 0,
    logWaits: sent?.isBlocking ?? false,
    openStdin,
    runtime: roots.runtime,
    runtimeRoot: runtimeRoot(roots.execRoot),
  };
}
