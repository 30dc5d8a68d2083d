import { describe, expect, it } from 'vitest';
import { Container, ContainerStatus, HealthStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { MountType } from '../../proto/generated/gantry/v1/types.ts';
import { ancestorsOf, isListed, matchesFilters, parseFilters } from './filters.ts';

const WEB = Container.fromPartial({
  id: 'abc123',
  name: 'shop_web',
  imageId: 'sha256:1111',
  config: {
    spec: {
      image: 'nginx',
      labels: { tier: 'front', empty: '' },
      mounts: [{ type: MountType.VOLUME, source: 'data', target: '/data' }],
    },
    networks: [{ target: 'shop' }],
  },
  networks: [{ networkId: 'n3tw0rk', networkName: 'shop' }],
  state: { status: ContainerStatus.RUNNING, health: HealthStatus.HEALTHY },
});
const JOB = Container.fromPartial({
  id: 'abd999',
  name: 'job',
  imageId: 'sha256:2222',
  config: { spec: { image: 'batch:1' } },
  state: { status: ContainerStatus.EXITED, exitCode: 3 },
});
const CONTEXT = { imageIds: new Map([['nginx:latest', 'sha256:1111']]) };

function shown(...texts: string[]): string[] {
  const filters = parseFilters(texts);
  return [WEB, JOB].filter((one) => matchesFilters(one, filters, CONTEXT)).map(({ name }) => name);
}

describe('the filters of ps', () => {
  it.each([
    ['id=ab', ['shop_web', 'job']],
    ['id=abc', ['shop_web']],
    ['name=web', ['shop_web']],
    ['name=^/job$', ['job']],
    ['name=^shop', ['shop_web']],
    ['label=tier', ['shop_web']],
    ['label=tier=front', ['shop_web']],
    ['label=tier=back', []],
    ['label=empty=', ['shop_web']],
    ['label=toString', []],
    ['status=exited', ['job']],
    ['status=running', ['shop_web']],
    ['health=healthy', ['shop_web']],
    ['health=none', ['job']],
    ['exited=3', ['job']],
    ['exited=0', []],
    ['ancestor=nginx:latest', ['shop_web']],
    ['ancestor=batch:1', ['job']],
    ['ancestor=other', []],
    ['network=shop', ['shop_web']],
    ['network=n3tw', ['shop_web']],
    ['volume=data', ['shop_web']],
    ['volume=/data', ['shop_web']],
  ])('%s', (text, names) => {
    expect(shown(text)).toEqual(names);
  });

  it('take any of the values of a key, and all keys', () => {
    expect(shown('status=running', 'status=exited')).toEqual(['shop_web', 'job']);
    expect(shown('status=running', 'name=job')).toEqual([]);
    expect(shown('label=tier', 'label=empty')).toEqual(['shop_web']);
    expect(shown('label=tier', 'label=other')).toEqual([]);
  });

  it.each([
    ['colour=red', 'invalid filter "colour=red"'],
    ['status', 'invalid filter "status"'],
    ['constructor=1', 'invalid filter'],
    ['status=sleeping', 'invalid filter status=sleeping'],
    ['health=ill', 'invalid filter health=ill'],
    ['exited=never', 'invalid filter exited=never'],
    ['name=(', 'is not a regular expression'],
  ])('refuse %s', (text, message) => {
    expect(() => parseFilters([text])).toThrow(message);
  });

  it('show what runs, or all, or what a filter asks for', () => {
    expect(isListed(WEB, false, [])).toBe(true);
    expect(isListed(JOB, false, [])).toBe(false);
    expect(isListed(JOB, true, [])).toBe(true);
    expect(isListed(JOB, false, parseFilters(['status=exited']))).toBe(true);
    expect(isListed(JOB, false, parseFilters(['name=job']))).toBe(false);
  });

  it('name the images that are to be looked up', () => {
    expect(ancestorsOf(parseFilters(['ancestor=a', 'ancestor=b']))).toEqual(['a', 'b']);
    expect(ancestorsOf([])).toEqual([]);
  });
});
