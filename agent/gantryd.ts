/** gantryd: the node agent's main program. */
import { type Logger, pino } from 'pino';
import { errorLine, toGantryError } from '../proto/errors.ts';
import { collectWhenQuiet } from '../proto/idle-collection.ts';
import { loadOptions } from './config/load.ts';
import { Daemon } from './daemon/daemon.ts';
import { VERSION } from './engine/system-facts.ts';
import { makeObservation } from './metrics/make-observation.ts';

/** JSON lines on stderr, written before the call returns: the last one before a crash is the one that counts. */
function makeLogger(level: string, nodeId: () => string | undefined): Logger {
  const base = { pid: process.pid };
  // Not bound at once: a node gets its id when it joins a cluster, and another one in another cluster.
  const mixin = () => {
    const id = nodeId();
    return id === undefined ? {} : { nodeId: id };
  };
  return pino({ level, base, mixin }, pino.destination({ dest: 2, sync: true }));
}

/** A state that nobody has thought of: containers don't need us, and the next gantryd starts from what is so. */
function dieOfDefects(logger: Logger): void {
  const die = (kind: string) => (error: unknown) => {
    logger.fatal({ err: error }, kind);
    process.exit(70);
  };
  process.on('uncaughtException', die('uncaught exception'));
  process.on('unhandledRejection', die('unhandled rejection'));
}

async function main(): Promise<void> {
  const options = loadOptions(process.argv.slice(2), process.env, VERSION);
  let daemon: Daemon | undefined;
  const logger = makeLogger(options.logLevel, () => daemon?.nodeId);
  dieOfDefects(logger);
  const running = new Daemon(options, logger, await makeObservation(options.metricsAddr));
  daemon = running;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      logger.info({ signal }, 'gantryd ends; containers go on');
      void running.close();
    });
  }
  await running.start();
  collectWhenQuiet();
  await running.ended.promise;
}

main().then(
  () => process.exit(0),
  (thrown: unknown) => {
    process.stderr.write(`gantryd: ${errorLine(toGantryError(thrown))}\n`);
    process.exit(1);
  },
);
