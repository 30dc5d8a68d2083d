import { describe, expect, it } from 'vitest';
import { checkListing, planContextUpdate } from './context-listing.ts';

const file = (name: string, more: object = {}) => ({
  ...{ name, mode: 0o100_644, size: 1, changedAtMs: 1, link: '', stamp: '1', unsettled: false },
  ...more,
});
const directory = (name: string) => file(name, { mode: 0o040_755 });

describe('a context that was sent before', () => {
  it('is sent what has changed, and its directories', () => {
    const before = [directory('d'), file('d/same'), file('d/grown'), file('touched'), file('link', { link: 'a' })];
    const now = [directory('d'), file('d/same'), file('d/grown', { size: 2 }), file('touched', { changedAtMs: 1.5 })];
    now.push(file('link', { link: 'b' }), file('new'));
    expect(planContextUpdate(before, now)).toEqual({ wanted: [0, 2, 3, 4, 5], gone: [] });
    expect(planContextUpdate(now, now)).toEqual({ wanted: [], gone: [] });
    expect(planContextUpdate([], now).wanted).toHaveLength(6);
  });

  it('is sent what another file lies under the name of, and what was not at rest when it was listed', () => {
    const before = [file('same'), file('moving', { unsettled: true })];
    const now = [file('same'), file('moving')];
    expect(planContextUpdate(before, now).wanted).toEqual([1]);
    expect(planContextUpdate(now, before).wanted).toEqual([]);
    expect(planContextUpdate(now, [file('same', { stamp: '2' }), file('moving')]).wanted).toEqual([0]);
  });

  it('loses what is gone, from within, and what became something else', () => {
    const before = [directory('d'), file('d/a'), file('x'), directory('y'), file('y/b')];
    expect(planContextUpdate(before, [directory('x'), file('y')])).toEqual({
      wanted: [0, 1],
      gone: ['y/b', 'y', 'x', 'd/a', 'd'],
    });
  });

  it('keeps a directory whose files are listed, also when it is not listed itself any more', () => {
    const before = [directory('d'), directory('d/e'), file('d/e/a'), file('d/e/b'), file('x')];
    expect(planContextUpdate(before, [file('d/e/a')])).toEqual({ wanted: [], gone: ['x', 'd/e/b'] });
    expect(planContextUpdate(before, [file('x/y')]).gone).toEqual(['x', 'd/e/b', 'd/e/a', 'd/e', 'd']);
  });

  it.each(['', '/etc/passwd', '../x', 'a/../b', 'a//b', './a', 'a/', 'a\0b'])('has no file %j', (name) => {
    expect(() => checkListing([file(name)])).toThrow('the build context cannot have a file');
  });

  it('has no file twice', () => {
    expect(() => checkListing([file('a'), file('b')])).not.toThrow();
    expect(() => checkListing([file('a'), file('a')])).toThrow('cannot have a file "a"');
  });
});
