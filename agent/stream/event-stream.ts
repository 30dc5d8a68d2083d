/** Work as the stream of what it says: of calls that are answered bit by bit. */
import { EventQueue } from './event-queue.ts';

/** What `work` pushes, until it ends. A consumer that leaves early aborts it, and waits for its end. */
export async function* eventStream<Event>(
  signal: AbortSignal,
  work: (events: EventQueue<Event>, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<Event, void, undefined> {
  const events = new EventQueue<Event>();
  const abandoned = new AbortController();
  const running = work(events, AbortSignal.any([signal, abandoned.signal])).then(
    () => events.end(),
    (error: unknown) => events.end(error),
  );
  try {
    yield* events;
  } finally {
    abandoned.abort();
    await running;
  }
}
