/** The manager's program: its flags, its pid file, and how it ends. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import pino from 'pino';
import { grpcTarget, parseNodeAddress } from '../proto/address.ts';
import { errorLine, GantryError, toGantryError } from '../proto/errors.ts';
import { collectWhenQuiet } from '../proto/idle-collection.ts';
import { ENGINE_SOCKET } from '../proto/local-client.ts';
import { checkStoreFiles, parseStoreAddress } from '../proto/store-address.ts';
import { systemClock } from './clock.ts';
import { isOffline, runOffline } from './disaster/offline.ts';
import { runManager } from './manager.ts';
import { openMetrics } from './metrics/open.ts';
import { PidFile } from './pid-file.ts';

interface Flags {
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly nodeId: string;
  /** IP[:PORT], or empty: then this manager is no other node's. */
  readonly advertiseAddr: string;
  readonly join: readonly string[];
  readonly store: string;
  readonly storeCa: string;
  readonly storeCert: string;
  readonly storeKey: string;
  /** IP:PORT, or empty. */
  readonly metricsAddr: string;
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
  const addresses = (text: string) => text.split(',').map((address) => grpcTarget(parseNodeAddress(address)));
  return new Command('gantry-manager')
    .description('Desired state of a Gantry cluster. Started by gantryd.')
    .option('--data-root <dir>', 'where state that lasts is kept', '/var/lib/gantry')
    .option('--exec-root <dir>', 'where the socket and the pid file are', '/run/gantry')
    .requiredOption('--node-id <id>', 'the id of this node')
    .option('--advertise-addr <ip[:port]>', 'where other nodes reach this one; none do if left out', '')
    .option('--join <ip:port,...>', 'managers that take this one in, if it has no log yet', addresses, [])
    .option('--store <etcd://host:port,.../prefix>', 'the etcd cluster that keeps the log, instead of the managers', '')
    .option('--store-ca <file>', 'authority of its certificates, for etcds://', '')
    .option('--store-cert <file>', "the managers' certificate there", '')
    .option('--store-key <file>', 'and its key', '')
    .option('--metrics-addr <ip:port>', 'where to serve /metrics, /healthz and /readyz; nowhere if left out', '')
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(LOG_LEVELS).default('info'))
    .option('--heartbeat-period-ms <ms>', 'how often agents report; three missed: down', milliseconds, 1000)
    .option('--node-down-grace-ms <ms>', 'until tasks of a down node are replaced', milliseconds, 5000)
    .parse(argv)
    .opts<Flags>();
}

async function main(flags: Flags, signal: AbortSignal): Promise<void> {
  const base = { pid: process.pid, nodeId: flags.nodeId };
  const logger = pino({ name: 'gantry-manager', level: flags.logLevel, base }, pino.destination({ fd: 2, sync: true }));
  await mkdir(flags.execRoot, { recursive: true, mode: 0o711 });
  const pidFile = new PidFile(join(flags.execRoot, 'manager.pid'));
  const { advertiseAddr, metricsAddr } = flags;
  const opened = await openMetrics(metricsAddr, logger.child({ component: 'metrics' }));
  const options = {
    ...flags,
    ...storeOptions(flags),
    address: advertiseAddr === '' ? '' : grpcTarget(parseNodeAddress(advertiseAddr)),
    socketPath: join(flags.execRoot, 'manager.sock'),
    engineSocketPath: join(flags.execRoot, ENGINE_SOCKET),
    clock: systemClock,
    random: randomBytes,
    logger,
    metrics: opened.metrics,
    onFailure: endAtOnce,
    onLocked: () => pidFile.write(),
  };
  try {
    await runManager(options, signal);
  } finally {
    await opened.close();
    await pidFile.remove();
  }
}

function storeOptions({ store, storeCa: ca, storeCert: cert, storeKey: key }: Flags) {
  const storeFiles = { ca, cert, key };
  checkStoreFiles(store === '' ? undefined : parseStoreAddress(store), storeFiles);
  return { storeAddress: store, storeFiles };
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
else runUntilSignal();

function runUntilSignal(): void {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.once('SIGINT', () => stop.abort());
  collectWhenQuiet();
  main(parseFlags(process.argv), stop.signal).catch((thrown: unknown) => {
    // While it was locked, or waited to be taken in.
    if (stop.signal.aborted && thrown instanceof GantryError && thrown.code === 'CANCELLED') return;
    process.stderr.write(`gantry-manager: ${errorLine(toGantryError(thrown))}\n`);
    process.exitCode = 1;
  });
}
