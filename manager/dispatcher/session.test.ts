import { expect, it } from 'vitest';
import { Membership } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { Turns } from '../turns.ts';
import { Session } from './session.ts';

const view = { membership: () => Membership.create(), take: () => [], forget: () => undefined, rest: () => undefined };

function openSession(): Session {
  return new Session(
    's1',
    { nodeId: 'n1', takesEndpointChanges: true },
    { revision: () => 0, applied: () => undefined },
  );
}

/** Everybody else comes first, for ever. */
class BusyTurns extends Turns {
  override next(): Promise<void> {
    return new Promise(() => undefined);
  }
}

it('answers heartbeats while many others look for their assignments first', async () => {
  const session = openSession();
  const responses = session.responses(view, new BusyTurns());
  for (let count = 0; count < 3; count += 1) {
    session.answerHeartbeat();
    expect((await responses.next()).value?.message?.$case).toBe('heartbeat');
  }
  session.end();
  expect((await responses.next()).done).toBe(true);
});

it('tells its assignments when its turn has come', async () => {
  const session = openSession();
  const responses = session.responses(view, new Turns());
  expect((await responses.next()).value?.message).toMatchObject({
    $case: 'assignments',
    value: { version: 1, complete: true },
  });
  session.end();
  expect((await responses.next()).done).toBe(true);
});

it('gathers what changes while it rests', async () => {
  const session = openSession();
  const rest = Promise.withResolvers<void>();
  const resting = { ...view, rest: () => rest.promise };
  const responses = session.responses(resting, new Turns());
  await responses.next();
  session.addStrays(['t1']);
  const next = responses.next();
  session.addStrays(['t2']);
  session.answerHeartbeat();
  expect((await next).value?.message?.$case).toBe('heartbeat');
  rest.resolve();
  const changes = [{ item: { value: { id: 't1' } } }, { item: { value: { id: 't2' } } }];
  expect((await responses.next()).value?.message).toMatchObject({ $case: 'assignments', value: { changes } });
  session.end();
});
