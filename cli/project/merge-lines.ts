/** Lines of several logs as one. */
import type { ServiceLogLine } from '../../proto/generated/gantry/v1/control.ts';

/** In the order of their times; each log is in order by itself. */
export async function* mergeByTime(logs: readonly AsyncIterable<ServiceLogLine>[]): AsyncGenerator<ServiceLogLine> {
  const iterators = logs.map((log) => log[Symbol.asyncIterator]());
  const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
  try {
    for (let index = earliest(heads); index !== undefined; index = earliest(heads)) {
      const head = heads[index];
      if (head === undefined || head.done === true) return;
      yield head.value;
      const next = await iterators[index]?.next();
      if (next !== undefined) heads[index] = next;
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

function earliest(heads: readonly IteratorResult<ServiceLogLine>[]): number | undefined {
  let found: { readonly index: number; readonly time: bigint } | undefined;
  heads.forEach((head, index) => {
    if (head.done === true) return;
    const time = BigInt(head.value.timestampNs || '0');
    if (found === undefined || time < found.time) found = { index, time };
  });
  return found?.index;
}
