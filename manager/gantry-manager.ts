/** The manager's program: the desired state of the cluster, and the loops that bring it about. */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import pino from 'pino';
import { grpcTarget, parseNodeAddress } from '../proto/address.ts';
import { errorLine, type GantryError, toGantryError } from '../proto/errors.ts';
import { identityDir } from '../proto/identity-files.ts';
import { systemClock } from './clock.ts';
import { localCaller, remoteCaller } from './forwarding/caller.ts';
import type { Router } from './forwarding/forwarded-service.ts';
import { LiveIdentity } from './identity.ts';
import { knownNodes } from './known-nodes.ts';
import { leaderServices } from './leader-services.ts';
import { LeadershipRunner } from './leadership.ts';
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
  const pidPath = join(flags.execRoot, 'manager.pid');
  await mkdir(flags.execRoot, { recursive: true, mode: 0o711 });
  const identity = new LiveIdentity(identityDir(flags.dataRoot), logger.child({ component: 'identity' }));
  const state = new StoreState(logger.child({ component: 'store' }));
  const log = await openReplicatedLog({
    dir: join(flags.dataRoot, 'manager'),
    nodeId: flags.nodeId,
    address: flags.advertiseAddr === '' ? '' : grpcTarget(parseNodeAddress(flags.advertiseAddr)),
    stateMachine: state,
    logger: logger.child({ component: 'replication' }),
    onFailure: endAtOnce,
  });
  try {
    // Only now: the log's lock says that no other manager runs on this data root.
    await writePid(pidPath);
    const store = new Store(state, log, systemClock);
    identity.watch();
    const { nodeId, heartbeatPeriodMs, nodeDownGraceMs } = flags;
    const common = { store, log, nodeId, identity, heartbeatPeriodMs, nodeDownGraceMs, logger };
    const leadership = new LeadershipRunner({ ...common, clock: systemClock, random: randomBytes });
    const here: Router = () => Promise.resolve({ kind: 'here' });
    const server = await serveSocket(
      join(flags.execRoot, 'manager.sock'),
      leaderServices(leadership, here, localCaller),
    );
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
    await leadership.run(signal);
    await listening;
    await server.close();
  } finally {
    identity.close();
    await log.close();
    await rm(pidPath, { force: true });
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

async function writePid(path: string): Promise<void> {
  await writeFile(`${path}.new`, `${process.pid}\n`);
  await rename(`${path}.new`, path);
}

// The log holds the secrets: whatever makes files here, they are nobody else's.
process.umask(0o077);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('SIGINT', () => stop.abort());
main(parseFlags(process.argv), stop.signal).catch((thrown: unknown) => {
  process.stderr.write(`gantry-manager: ${errorLine(toGantryError(thrown))}\n`);
  process.exitCode = 1;
});
