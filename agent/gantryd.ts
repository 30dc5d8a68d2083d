/** gantryd: the node agent's main program. */
import { type Logger, pino } from 'pino';
import { errorLine, toGantryError } from '../proto/errors.ts';
import { loadOptions } from './config/load.ts';
import { Daemon } from './daemon/daemon.ts';
import { VERSION } from './engine/system-facts.ts';

/** JSON lines on stderr, written before the call returns: the last one before a crash is the one that counts. */
function makeLogger(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
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
  const logger = makeLogger(options.logLevel);
  dieOfDefects(logger);
  const daemon = new Daemon(options, logger);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      logger.info({ signal }, 'gantryd ends; containers go on');
      void daemon.close();
    });
  }
  await daemon.start();
  await daemon.ended.promise;
}

main().then(
  () => process.exit(0),
  (thrown: unknown) => {
    process.stderr.write(`gantryd: ${errorLine(toGantryError(thrown))}\n`);
    process.exit(1);
  },
);
