import { describe, expect, it } from 'vitest';
import { buildEnvironment, overlayEnvironment } from './env.ts';

const REQUEST = { image: [], container: [], hostname: 'web', home: '/root', tty: false };

describe('the environment', () => {
  it('has PATH, HOSTNAME and HOME by itself, and TERM on a terminal', () => {
    expect(buildEnvironment(REQUEST)).toEqual([
      'HOME=/root',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOSTNAME=web',
    ]);
    expect(buildEnvironment({ ...REQUEST, tty: true })).toContain('TERM=xterm');
  });

  it('lets the container win over the image, and both over the defaults', () => {
    const env = buildEnvironment({
      ...REQUEST,
      image: ['PATH=/bin', 'A=image', 'B=image'],
      container: ['A=own', 'HOME=/x'],
    });
    expect(env).toEqual(['HOME=/x', 'PATH=/bin', 'HOSTNAME=web', 'A=own', 'B=image']);
  });

  it('loses a key that is named without a value', () => {
    expect(buildEnvironment({ ...REQUEST, image: ['A=1'], container: ['A', 'PATH'] })).toEqual([
      'HOME=/root',
      'HOSTNAME=web',
    ]);
  });

  it('keeps "=" in values and empty values', () => {
    expect(overlayEnvironment(['A=b=c'], ['D='])).toEqual(['A=b=c', 'D=']);
  });
});
