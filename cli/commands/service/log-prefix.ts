/** What stands before each line of a service's logs: "web.1.x7k2…@host1    | ". */
import type { ServiceLogLine } from '../../../proto/generated/gantry/v1/control.ts';
import { shortId } from '../../format/table.ts';

export interface PrefixOptions {
  readonly resolve: boolean;
  readonly taskIds: boolean;
  readonly trunc: boolean;
}

export function linePrefix(line: ServiceLogLine, { resolve, taskIds, trunc }: PrefixOptions): string {
  const id = (value: string) => (trunc ? shortId(value) : value);
  const name = line.slot === 0 ? `${line.serviceName}.${id(line.nodeId)}` : `${line.serviceName}.${line.slot}`;
  const task = taskIds ? `.${id(line.taskId)}` : '';
  return `${name}${task}@${resolve && line.nodeName !== '' ? line.nodeName : id(line.nodeId)}`;
}

/** Keeps the bars of successive lines below each other; grows with the longest prefix so far. */
export class PrefixWidth {
  #width = 0;

  pad(prefix: string): string {
    this.#width = Math.max(this.#width, prefix.length + 4);
    return prefix.padEnd(this.#width);
  }
}
