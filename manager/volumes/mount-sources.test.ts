import { describe, expect, it } from 'vitest';
import { type Mount, MountType, ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { completeServiceSpec } from '../store/service.ts';
import { sameSources, sourcesOf, sourcesToAsk, unknownPlaces } from './mount-sources.ts';

const BIND = MountType.BIND;
const VOLUME = MountType.VOLUME;

function spec(...mounts: Partial<Mount>[]) {
  const service = { annotations: { name: 'web', labels: {} }, task: { container: { image: 'a', mounts } } };
  return completeServiceSpec(ServiceSpec.fromPartial(service));
}

const found = (nodes: Record<string, string[]>, ...silent: string[]) => ({
  nodesOf: new Map(Object.entries(nodes)),
  silent,
  isComplete: silent.length === 0,
});

describe('what nodes are asked for', () => {
  it('is host paths of data, and external volumes', () => {
    const of = spec(
      { type: BIND, source: '/srv/shop', target: '/a' },
      { type: BIND, source: '/srv/shop', target: '/b', readOnly: true },
      { type: BIND, source: '/var/run/docker.sock', target: '/c' },
      { type: BIND, source: '/etc/localtime', target: '/d', readOnly: true },
      { type: BIND, source: '/etc/shop', target: '/e' },
      { type: BIND, source: '/srv/{{.Task.Slot}}', target: '/f' },
      { type: VOLUME, source: 'own', target: '/g' },
      { type: VOLUME, source: 'other', target: '/h', volumeExternal: true },
      { type: MountType.TMPFS, target: '/i' },
    );
    expect(sourcesToAsk([of])).toEqual({ paths: ['/srv/shop', '/etc/shop'], volumes: ['other'] });
  });
});

describe('where they are', () => {
  const of = spec(
    { type: BIND, source: '/srv/shop', target: '/a' },
    { type: VOLUME, source: 'other', target: '/h', volumeExternal: true },
  );

  it('is what nodes say', () => {
    expect(sourcesOf(of, found({ '/srv/shop': ['n2', 'n1'], other: ['n2'] }))).toEqual({
      sources: [
        { source: '/srv/shop', nodeIds: ['n1', 'n2'] },
        { source: 'other', nodeIds: ['n2'] },
      ],
    });
    expect(sourcesOf(spec(), found({}))).toBeUndefined();
  });

  it('must be somewhere for an external volume, as far as all nodes have answered', () => {
    expect(() => sourcesOf(of, found({ '/srv/shop': ['n1'] }))).toThrow(
      'service web: external volume "other" is on no node',
    );
    expect(sourcesOf(of, found({}, 'n3'))).toBeUndefined();
  });

  it('stays what it was of a node that does not answer, and only of that', () => {
    const before = sourcesOf(of, found({ '/srv/shop': ['n1', 'n2'], other: ['n2'] }));
    expect(sourcesOf(of, found({ '/srv/shop': ['n3'] }, 'n2'), before)).toEqual({
      sources: [
        { source: '/srv/shop', nodeIds: ['n2', 'n3'] },
        { source: 'other', nodeIds: ['n2'] },
      ],
    });
  });

  it('is unknown of a node that does not answer, unless it was known', () => {
    const before = sourcesOf(of, found({ '/srv/shop': ['n2'], other: ['n1'] }));
    const now = found({ other: ['n1'] }, 'n2', 'n3');
    expect(unknownPlaces(of, now, before)).toEqual([
      { service: 'web', source: '/srv/shop', foundOn: ['n2'], silent: ['n3'] },
      { service: 'web', source: 'other', foundOn: ['n1'], silent: ['n2', 'n3'] },
    ]);
    expect(unknownPlaces(of, found({ other: ['n1'] }), undefined)).toEqual([]);
  });

  it('is compared', () => {
    const one = sourcesOf(of, found({ other: ['n1', 'n2'] }));
    expect(sameSources(one, sourcesOf(of, found({ other: ['n2', 'n1'] })))).toBe(true);
    expect(sameSources(one, undefined)).toBe(false);
    expect(sameSources(undefined, { sources: [] })).toBe(true);
  });
});
