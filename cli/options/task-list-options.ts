/** The options of `service ps`, `stack ps` and `node ps`. */
import type { Command } from 'commander';
import { declareFilter, declareListOptions } from './listing-options.ts';

export function declareTaskListOptions(command: Command): Command {
  declareListOptions(command, 'task ids')
    .option('--no-trunc', "don't cut anything off")
    .option('--no-resolve', 'show ids instead of names');
  return declareFilter(command);
}
