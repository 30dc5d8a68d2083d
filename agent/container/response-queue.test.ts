import { describe, expect, it } from 'vitest';
import { ResponseQueue } from './response-queue.ts';
import { SerialQueue } from './serial-queue.ts';

const output = (size: number) => ({ $case: 'stdout', value: Buffer.alloc(size) }) as const;

/** Whether the promise has settled once everything that could run has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('a queue of responses', () => {
  it('gives them in order, and then what it ended with', async () => {
    const queue = new ResponseQueue();
    void queue.push(output(1));
    void queue.push({ $case: 'exitCode', value: 4 });
    queue.fail(new Error('cut'));
    const received: (string | undefined)[] = [];
    const read = async () => {
      for await (const { message } of queue) received.push(message?.$case);
    };
    await expect(read()).rejects.toThrow('cut');
    expect(received).toEqual(['stdout', 'exitCode']);
  });

  it('makes producers wait while its reader is behind', async () => {
    const queue = new ResponseQueue();
    expect(await isSettled(queue.push(output(1024 * 1024)))).toBe(true);
    const second = queue.push(output(1));
    expect(await isSettled(second)).toBe(false);
    await queue[Symbol.asyncIterator]().next();
    expect(await isSettled(second)).toBe(true);
  });

  it('lets producers go when nobody reads any more', async () => {
    const queue = new ResponseQueue();
    void queue.push(output(1024 * 1024));
    const waiting = queue.push(output(1024 * 1024));
    const reader = queue[Symbol.asyncIterator]();
    await reader.next();
    await reader.return();
    expect(await isSettled(waiting)).toBe(true);
    expect(await isSettled(queue.push(output(1024 * 1024 * 2)))).toBe(true);
  });

  it('wakes a reader that waits', async () => {
    const queue = new ResponseQueue();
    const next = queue[Symbol.asyncIterator]().next();
    void queue.push(output(3));
    expect((await next).value).toEqual({ message: output(3) });
    const end = queue[Symbol.asyncIterator]().next();
    queue.end();
    expect((await end).done).toBe(true);
  });
});

describe('a serial queue', () => {
  it('runs one operation after another, whatever becomes of them', async () => {
    const queue = new SerialQueue();
    const order: string[] = [];
    const operation = (name: string, fails: boolean) =>
      queue.run(async () => {
        order.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        order.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([operation('a', true), operation('b', false)]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});
