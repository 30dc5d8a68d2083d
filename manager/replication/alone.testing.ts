/** What it takes to open the log of a manager that is alone, for tests. */
import { pino } from 'pino';
import type { OpenOptions } from './open.ts';
import type { StateMachine } from './replicated-log.ts';

export function aloneOptions(dir: string, stateMachine: StateMachine, options: Partial<OpenOptions> = {}): OpenOptions {
  return {
    dir,
    stateMachine,
    nodeId: 'node1',
    address: '',
    begin: { kind: 'alone' },
    connect: () => {
      throw new Error('there is nobody to connect to');
    },
    logger: pino({ level: 'silent' }),
    ...options,
  };
}
