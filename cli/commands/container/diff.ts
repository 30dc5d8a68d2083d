import type { Command } from 'commander';
import { EngineClient, FileChangeKind } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';

/** Docker's letters. */
const LETTERS: Readonly<Record<FileChangeKind, string>> = {
  [FileChangeKind.ADDED]: 'A',
  [FileChangeKind.CHANGED]: 'C',
  [FileChangeKind.DELETED]: 'D',
  [FileChangeKind.UNRECOGNIZED]: '?',
};

export function define(command: Command, cli: Cli): void {
  command.argument('<container>', 'name or id; running or not').action(async (reference: string) => {
    const { changes } = await withClient(EngineClient, cli, (engine) =>
      ask(engine, engine.containerChanges, { reference }),
    );
    await print(cli, changes.map(({ kind, path }) => `${LETTERS[kind]} ${path}\n`).join(''));
  });
}
