import { describe, expect, it } from 'vitest';
import { PullPolicy } from '../../proto/generated/gantry/v1/types.ts';
import { loadWeb } from '../compose/stack/load.testing.ts';
import { type BuildWhen, imageNeed } from './image-need.ts';

const HOUR_MS = 3600_000;
const NOW_MS = 1000 * HOUR_MS;

/** Of a service with these lines, and an image that was pulled so many hours ago; undefined: there is none. */
function need(lines: string, hours: number | undefined, build: BuildWhen = 'missing', pull?: PullPolicy) {
  const { service, spec } = loadWeb(lines);
  const image = hours === undefined ? undefined : { taggedAtMs: NOW_MS - hours * HOUR_MS };
  return imageNeed({ ...service, spec }, image, { build, pull }, NOW_MS);
}

describe('registries are asked', () => {
  it.each<[lines: string, hours: number | undefined, expected: string]>([
    ['', undefined, 'ask'],
    ['', 1000, 'nothing'],
    ['pull_policy: always', 0, 'ask'],
    ['pull_policy: never', undefined, 'nothing'],
    ['pull_policy: daily', undefined, 'ask'],
    ['pull_policy: daily', 23, 'nothing'],
    ['pull_policy: daily', 24, 'ask'],
    ['pull_policy: weekly', 167, 'nothing'],
    ['pull_policy: weekly', 168, 'ask'],
    ['pull_policy: every_1d12h', 35, 'nothing'],
    ['pull_policy: every_1d12h', 36, 'ask'],
    ['pull_policy: refresh\npull_refresh_after: 2h', 1, 'nothing'],
    ['pull_policy: refresh\npull_refresh_after: 2h', 3, 'ask'],
  ])('%j, %s hours after a pull: %s', (lines, hours, expected) => {
    expect(need(lines, hours)).toBe(expected);
  });

  it('as a flag says, whatever the files say', () => {
    expect(need('pull_policy: daily', 48, 'missing', PullPolicy.MISSING)).toBe('nothing');
    expect(need('pull_policy: never', 0, 'missing', PullPolicy.ALWAYS)).toBe('ask');
  });
});

describe('an image is built', () => {
  it('when it is missing, or is to be built each time', () => {
    expect(need('build: .', undefined)).toBe('build');
    expect(need('build: .', 1)).toBe('nothing');
    expect(need('build: .', 1, 'always')).toBe('build');
    expect(need('build: .\npull_policy: build', 1)).toBe('build');
    expect(need('build: .\npull_policy: build', 1, 'never')).toBe('nothing');
    expect(() => need('build: .', undefined, 'never')).toThrow(
      'service web has a build, and its image "app:1" is not here',
    );
  });
});
