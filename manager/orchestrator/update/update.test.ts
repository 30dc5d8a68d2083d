/** Whatever is changed, taken back and fails in between: when it is over, a service is as it was asked to be. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Scenario } from '../scenario.testing.ts';

const REPLICAS = 3;

const settings = fc.record({
  image: fc.constantFrom('v1', 'v2', 'v3'),
  parallelism: fc.constantFrom('0', '1', '2'),
  'update-order': fc.constantFrom('stop-first', 'start-first'),
  'update-failure': fc.constantFrom('pause', 'continue', 'rollback'),
  'update-monitor': fc.constantFrom('0', '1000'),
  restart: fc.constantFrom('any', 'on-failure'),
});

const command = fc.oneof(
  { weight: 3, arbitrary: settings.map((named) => ({ name: 'service', plain: ['web'], named })) },
  { weight: 1, arbitrary: fc.constant({ name: 'rollback', plain: ['web'], named: {} }) },
  { weight: 4, arbitrary: fc.constant({ name: 'agents', plain: [], named: {} }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('1', '1000', '5000').map((ms) => ({ name: 'advance', plain: [ms], named: {} })),
  },
  { weight: 3, arbitrary: fc.nat(9).map((pick) => ({ name: 'fail', plain: [String(pick)], named: {} })) },
);

type Command = {
  readonly name: string;
  readonly plain: readonly string[];
  readonly named: Readonly<Record<string, string>>;
};

interface Row {
  readonly label: string;
  readonly slot: string;
  readonly version: string;
  readonly state: string;
}

function run(scenario: Scenario, { name, plain, named }: Command): Promise<string[]> {
  return scenario.run({ name, plain, named: new Map(Object.entries({ replicas: String(REPLICAS), ...named })) });
}

/** Tasks that are told to run. */
async function wanted(scenario: Scenario): Promise<Row[]> {
  const lines = await run(scenario, { name: 'tasks', plain: [], named: {} });
  return lines.flatMap((line) => {
    const [label = '', slot = '', , version = '', state = ''] = line.split(' ');
    return line.includes('→') ? [] : [{ label, slot, version, state }];
  });
}

async function play(scenario: Scenario, step: Command): Promise<void> {
  if (step.name !== 'fail') return void (await run(scenario, step).catch(refusedRollback));
  const assigned = (await wanted(scenario)).filter(({ state }) => state === 'ASSIGNED' || state === 'RUNNING');
  const victim = assigned[Number(step.plain[0]) % Math.max(assigned.length, 1)];
  if (victim !== undefined) await run(scenario, { name: 'report', plain: [victim.label, 'FAILED'], named: {} });
}

/** Before the first update there is nothing to go back to. */
function refusedRollback(error: Error): void {
  if (!error.message.includes('does not have a previous spec')) throw error;
}

it('brings each slot to one task that runs, with the spec that is asked for unless the update is paused', async () => {
  const property = fc.asyncProperty(settings, fc.array(command, { maxLength: 25 }), async (first, commands) => {
    const scenario = new Scenario();
    await run(scenario, { name: 'node', plain: ['n1'], named: {} });
    await run(scenario, { name: 'service', plain: ['web'], named: first });
    for (const step of commands) await play(scenario, step);
    for (let round = 0; round < 40; round += 1) {
      await run(scenario, { name: 'agents', plain: [], named: {} });
      await run(scenario, { name: 'advance', plain: ['60000'], named: {} });
    }
    const rows = await wanted(scenario);
    const { state, specVersion } = scenario.updateOf('web');
    const slots = rows.map(({ slot, state: is }) => `${slot} ${is}`).toSorted((a, b) => a.localeCompare(b));
    // A paused update that starts first leaves the old ones beside the new.
    const counted = state.endsWith('PAUSED') ? [...new Set(slots)] : slots;
    expect(counted).toEqual(['web.1 RUNNING', 'web.2 RUNNING', 'web.3 RUNNING']);
    expect(['', 'COMPLETED', 'PAUSED', 'ROLLBACK_COMPLETED', 'ROLLBACK_PAUSED']).toContain(state);
    if (!state.endsWith('PAUSED'))
      expect(new Set(rows.map(({ version }) => version))).toEqual(new Set([`v${specVersion}`]));
  });
  await fc.assert(property, { numRuns: 200 });
});
