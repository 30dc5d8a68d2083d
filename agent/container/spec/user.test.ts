import { describe, expect, it } from 'vitest';
import { resolveUser } from './user.ts';

const PASSWD = `# comment
root:x:0:0:root:/root:/bin/sh
web:x:33:33::/var/www:/usr/sbin/nologin
1000:x:4242:4242:a name of digits:/home/digits:/bin/sh
nohome:x:50:51:::
broken line
`;
const GROUP = `root:x:0:
web:x:33:
docker:x:998:web, someone
logs:x:4:web
`;

function user(text: string, groups: string[] = []) {
  return resolveUser({ user: text, groups, passwd: PASSWD, group: GROUP });
}

describe('who a process runs as', () => {
  it('is root by default, with its home', () => {
    expect(user('')).toEqual({ uid: 0, gid: 0, additionalGids: [], home: '/root' });
  });

  it('has the group and the memberships of a name', () => {
    expect(user('web')).toEqual({ uid: 33, gid: 33, additionalGids: [998, 4], home: '/var/www' });
  });

  it('finds the entry of a number', () => {
    expect(user('33')).toEqual({ uid: 33, gid: 33, additionalGids: [998, 4], home: '/var/www' });
  });

  it('takes a number without an entry as it is', () => {
    expect(user('12345')).toEqual({ uid: 12345, gid: 0, additionalGids: [], home: '/' });
    expect(user('12345:777')).toEqual({ uid: 12345, gid: 777, additionalGids: [], home: '/' });
  });

  it('prefers a name to a number that looks the same', () => {
    expect(user('1000').uid).toBe(4242);
  });

  it('has no memberships when a group is given', () => {
    expect(user('web:docker')).toEqual({ uid: 33, gid: 998, additionalGids: [], home: '/var/www' });
    expect(user(':docker')).toMatchObject({ uid: 0, gid: 998 });
  });

  it('adds groups by name and number, each once', () => {
    expect(user('web', ['docker', '55']).additionalGids).toEqual([998, 4, 55]);
  });

  it('lives in / when its entry has no home', () => {
    expect(user('nohome').home).toBe('/');
  });

  it('is refused when a name is unknown', () => {
    expect(() => user('nobody')).toThrow('no user "nobody" in the container\'s /etc/passwd');
    expect(() => user('web:none')).toThrow('no group "none"');
    expect(() => user('0', ['none'])).toThrow('no group "none"');
  });

  it('does not take numbers beyond 31 bits', () => {
    expect(() => user('2147483648')).toThrow('no user');
    expect(user('2147483647').uid).toBe(2147483647);
  });

  it('works in an image without the files', () => {
    expect(resolveUser({ user: '', groups: [], passwd: '', group: '' })).toMatchObject({ uid: 0, gid: 0, home: '/' });
    expect(() => resolveUser({ user: 'root', groups: [], passwd: '', group: '' })).toThrow('no user "root"');
  });
});
