import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ServiceSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { sameMessage } from '../../store/same-message.ts';
import { fieldChanges } from './field-changes.ts';
import { specFields } from './spec-fields.ts';

const names = specFields((id) => id);
const text = fc.constantFrom('', 'a', 'b');
const number = fc.constantFrom(0, 1, 2000);
const texts = fc.array(text, { maxLength: 2 });
const labels = fc.dictionary(fc.constantFrom('a', 'aB', 'a.b'), text, { maxKeys: 2 });

const container = fc.record({
  image: text,
  env: fc.array(fc.constantFrom('A=1', 'A=2', 'A', 'A=', 'B=1'), { maxLength: 3 }),
  command: fc.option(fc.record({ items: texts }), { nil: undefined }),
  labels,
  groups: texts,
  mounts: fc.array(fc.record({ type: number, source: text, target: text, readOnly: fc.boolean() }), { maxLength: 2 }),
  stopGracePeriodMs: fc.option(number, { nil: undefined }),
  healthcheck: fc.option(fc.record({ test: texts, intervalMs: number }), { nil: undefined }),
  configs: fc.array(fc.record({ id: text, name: text, target: text, mode: number, uid: number }), { maxLength: 2 }),
});
const update = fc.option(
  fc.record({ parallelism: number, monitorMs: fc.option(number, { nil: undefined }), order: fc.constantFrom(0, 1) }),
  { nil: undefined },
);
const limits = fc.option(fc.record({ nanoCpus: number, memoryBytes: number }), { nil: undefined });
const spec = fc
  .record({
    annotations: fc.record({ name: fc.constant('s_web'), labels }),
    task: fc.record({
      container,
      resources: fc.record({ limits }),
      networks: fc.array(fc.record({ target: text, aliases: texts }), { maxLength: 2 }),
    }),
    ports: fc.array(
      fc.record({ targetPort: number, publishedPort: number, hostIp: text, mode: fc.constantFrom(0, 1) }),
      {
        maxLength: 2,
      },
    ),
    update,
    mode: fc.record({ $case: fc.constant('replicated'), value: fc.record({ replicas: number }) }),
  })
  .map((partial) => ServiceSpec.fromPartial(partial as Parameters<typeof ServiceSpec.fromPartial>[0]));

/** What an id is of is known beside the name that a file was asked for by. */
const withNames = (one: ServiceSpec): ServiceSpec => {
  const files = one.task?.container?.configs ?? [];
  for (const file of files) if (file.id !== '') file.name = file.id;
  return one;
};

it('shows something of all specs that differ, and nothing of those that do not', () => {
  fc.assert(
    fc.property(spec.map(withNames), spec.map(withNames), (before, after) => {
      expect(fieldChanges(before, before, names)).toEqual([]);
      const isSame = sameMessage(ServiceSpec, before, after);
      expect(fieldChanges(before, after, names).length > 0).toBe(!isSame);
    }),
    { numRuns: 2000 },
  );
});
