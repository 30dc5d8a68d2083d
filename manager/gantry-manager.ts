/** The manager's program: the desired state of the cluster, and the loops that bring it about. */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import pino, { type Logger } from 'pino';
import { errorLine, GantryError, toGantryError } from '../proto/errors.ts';
import { systemClock } from './clock.ts';
import { isOffline, runOffline } from './disaster/offline.ts';
import { type KeyStore, openKeys } from './encryption/key-store.ts';
import { followClusterLock } from './encryption/lock-follower.ts';
import { healthOf } from './health.ts';
import { LeadershipRunner } from './leadership.ts';
import { waitForUnlock } from './locked.ts';
import { openReplicatedLog } from './replication/open.ts';
import { serve } from './server.ts';
import { StoreState } from './store/state.ts';
import { Store } from './store/store.ts';

interface Flags {
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly nodeId: string;
  readonly logLevel: string;
  readonly heartbeatPeriodMs: number;
  readonly nodeDownGraceMs: number;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

function parseFlags(argv: readonly string[]): Flags {
  const milliseconds = (text: string) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('give a number of milliseconds');
    return value;
  };
  return new Command('gantry-manager')
    .description('Desired state of a Gantry cluster. Started by gantryd.')
    .option('--data-root <dir>', 'where state that lasts is kept', '/var/lib/gantry')
    .option('--exec-root <dir>', 'where the socket and the pid file are', '/run/gantry')
    .requiredOption('--node-id <id>', 'the id of this node')
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(LOG_LEVELS).default('info'))
    .option('--heartbeat-period-ms <ms>', 'how often agents report; three missed: down', milliseconds, 5000)
    .option('--node-down-grace-ms <ms>', 'until tasks of a down node are replaced', milliseconds, 15_000)
    .parse(argv)
    .opts<Flags>();
}

async function main(flags: Flags, signal: AbortSignal): Promise<void> {
  const logger = pino({ name: 'gantry-manager', level: flags.logLevel }, pino.destination({ fd: 2, sync: true }));
  const paths = { pid: join(flags.execRoot, 'manager.pid'), socket: join(flags.execRoot, 'manager.sock') };
  await mkdir(flags.execRoot, { recursive: true, mode: 0o711 });
  const state = new StoreState(logger.child({ component: 'store' }));
  const opened = Promise.withResolvers<KeyStore>();
  const log = await openReplicatedLog({
    dir: join(flags.dataRoot, 'manager'),
    nodeId: flags.nodeId,
    stateMachine: state,
    logger: logger.child({ component: 'replication' }),
    openKeys: async (dir) => {
      const keys = await openKeysOrWait(dir, paths, logger, signal);
      opened.resolve(keys);
      return keys;
    },
    onFailure: endAtOnce,
  });
  try {
    const store = new Store(state, log, systemClock);
    const { nodeId, heartbeatPeriodMs, nodeDownGraceMs } = flags;
    const common = { store, log, nodeId, heartbeatPeriodMs, nodeDownGraceMs, logger };
    const leadership = new LeadershipRunner({ ...common, clock: systemClock, random: randomBytes });
    const server = await serve(paths.socket, leadership, () => healthOf(log));
    logger.info({ node: flags.nodeId, index: log.appliedIndex }, 'serving');
    // Keys that can't be kept as the cluster wants them are a disk that can't be written.
    const followed = followClusterLock({ store, keys: await opened.promise, logger }, signal).catch((error: unknown) =>
      endAtOnce(toGantryError(error)),
    );
    await leadership.run(signal);
    await followed;
    await server.close();
  } finally {
    await log.close();
    await rm(paths.pid, { force: true });
  }
}

/** Called once the log's lock says that no other manager runs on this data root. A locked manager serves until it is unlocked. */
async function openKeysOrWait(
  dir: string,
  paths: { readonly pid: string; readonly socket: string },
  logger: Logger,
  signal: AbortSignal,
): Promise<KeyStore> {
  await writePid(paths.pid);
  try {
    const opened = openKeys(dir, randomBytes);
    if (opened.state === 'unlocked') return opened.keys;
    logger.warn('locked: waiting for the unlock key');
    return await waitForUnlock(paths.socket, opened, signal);
  } catch (error) {
    await rm(paths.pid, { force: true });
    throw error;
  }
}

/** What isn't on disk has been acknowledged to nobody, and the next start reads what is. */
function endAtOnce(error: GantryError): never {
  process.stderr.write(`gantry-manager: ${errorLine(error)}\n`);
  process.exit(1);
}

async function writePid(path: string): Promise<void> {
  await writeFile(`${path}.new`, `${process.pid}\n`);
  await rename(`${path}.new`, path);
}

// The log holds the secrets: whatever makes files here, they are nobody else's.
process.umask(0o077);
const [operation, ...rest] = process.argv.slice(2);
if (isOffline(operation)) process.exitCode = await runOffline(operation, rest);
else runManager();

function runManager(): void {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.once('SIGINT', () => stop.abort());
  main(parseFlags(process.argv), stop.signal).catch((thrown: unknown) => {
    if (stop.signal.aborted && thrown instanceof GantryError && thrown.code === 'CANCELLED') return;
    process.stderr.write(`gantry-manager: ${errorLine(toGantryError(thrown))}\n`);
    process.exitCode = 1;
  });
}
