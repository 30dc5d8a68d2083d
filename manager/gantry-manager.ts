/** The manager's program: the desired state of the cluster, and the loops that bring it about. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import pino from 'pino';
import { grpcTarget, parseNodeAddress } from '../proto/address.ts';
import { errorLine, GantryError, toGantryError } from '../proto/errors.ts';
import { identityDir } from '../proto/identity-files.ts';
import { systemClock } from './clock.ts';
import { isOffline, runOffline } from './disaster/offline.ts';
import type { KeyStore } from './encryption/key-store.ts';
import { followClusterLock } from './encryption/lock-follower.ts';
import { localCaller, remoteCaller } from './forwarding/caller.ts';
import type { Router } from './forwarding/forwarded-service.ts';
import { healthService } from './health.ts';
import { LiveIdentity } from './identity.ts';
import { knownNodes } from './known-nodes.ts';
import { leaderServices } from './leader-services.ts';
import { LeadershipRunner } from './leadership.ts';
import { openKeysOrWait } from './locked.ts';
import { PidFile } from './pid-file.ts';
import { listenForNodes, type RemoteListenerOptions } from './remote-listener.ts';
import { openReplicatedLog } from './replication/open.ts';
import { serveSocket } from './server.ts';
import { StoreState } from './store/state.ts';
import { Store } from './store/store.ts';

interface Flags {
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly nodeId: string;
  /** IP[:PORT], or empty: then this manager is no other node's. */
  readonly advertiseAddr: string;
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
    .option('--advertise-addr <ip[:port]>', 'where other nodes reach this one; none do if left out', '')
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(LOG_LEVELS).default('info'))
    .option('--heartbeat-period-ms <ms>', 'how often agents report; three missed: down', milliseconds, 5000)
    .option('--node-down-grace-ms <ms>', 'until tasks of a down node are replaced', milliseconds, 15_000)
    .parse(argv)
    .opts<Flags>();
}

async function main(flags: Flags, signal: AbortSignal): Promise<void> {
  const logger = pino({ name: 'gantry-manager', level: flags.logLevel }, pino.destination({ fd: 2, sync: true }));
  const socketPath = join(flags.execRoot, 'manager.sock');
  const pidFile = new PidFile(join(flags.execRoot, 'manager.pid'));
  await mkdir(flags.execRoot, { recursive: true, mode: 0o711 });
  const identity = new LiveIdentity(identityDir(flags.dataRoot), logger.child({ component: 'identity' }));
  const state = new StoreState(logger.child({ component: 'store' }));
  const opened = Promise.withResolvers<KeyStore>();
  const log = await openReplicatedLog({
    dir: join(flags.dataRoot, 'manager'),
    nodeId: flags.nodeId,
    address: flags.advertiseAddr === '' ? '' : grpcTarget(parseNodeAddress(flags.advertiseAddr)),
    stateMachine: state,
    logger: logger.child({ component: 'replication' }),
    // Called once the log's lock says that no other manager runs on this data root.
    openKeys: async (dir) => {
      await pidFile.write();
      const keys = await openKeysOrWait(dir, socketPath, logger, signal);
      opened.resolve(keys);
      return keys;
    },
    onFailure: endAtOnce,
  }).catch(async (error: unknown) => {
    await pidFile.remove();
    throw error;
  });
  try {
    const store = new Store(state, log, systemClock);
    identity.watch();
    const { nodeId, heartbeatPeriodMs, nodeDownGraceMs } = flags;
    const common = { store, log, nodeId, identity, heartbeatPeriodMs, nodeDownGraceMs, logger };
    const leadership = new LeadershipRunner({ ...common, clock: systemClock, random: randomBytes });
    const here: Router = () => Promise.resolve({ kind: 'here' });
    const keys = await opened.promise;
    const services = [...leaderServices(leadership, here, localCaller), healthService(log, keys)];
    const server = await serveSocket(socketPath, services);
    logger.info({ node: flags.nodeId, index: log.appliedIndex }, 'serving');
    const listening = listen(
      flags,
      {
        identity,
        services: leaderServices(leadership, here, remoteCaller),
        known: knownNodes(store),
        clock: systemClock,
        logger: logger.child({ component: 'listener' }),
      },
      signal,
    );
    // Keys that can't be kept as the cluster wants them are a disk that can't be written.
    const following = followClusterLock({ store, keys, logger }, signal).catch((error: unknown) =>
      endAtOnce(toGantryError(error)),
    );
    await leadership.run(signal);
    await Promise.all([listening, following]);
    await server.close();
  } finally {
    identity.close();
    await log.close();
    await pidFile.remove();
  }
}

/** Without an address this manager is alone, and its own host's. */
async function listen(
  { advertiseAddr }: Flags,
  options: Omit<RemoteListenerOptions, 'advertiseAddr'>,
  signal: AbortSignal,
): Promise<void> {
  if (advertiseAddr !== '') await listenForNodes({ ...options, advertiseAddr }, signal);
}

/** What isn't on disk has been acknowledged to nobody, and the next start reads what is. */
function endAtOnce(error: GantryError): never {
  process.stderr.write(`gantry-manager: ${errorLine(error)}\n`);
  process.exit(1);
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
    // While it was locked, for instance.
    if (stop.signal.aborted && thrown instanceof GantryError && thrown.code === 'CANCELLED') return;
    process.stderr.write(`gantry-manager: ${errorLine(toGantryError(thrown))}\n`);
    process.exitCode = 1;
  });
}
