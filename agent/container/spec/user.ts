/**
 * Who a process in a container runs as: `user[:group]` by the container's own /etc/passwd and /etc/group.
 * Sources: passwd(5), group(5), and the rules of `docker run --user`.
 */
import { GantryError } from '../../../proto/errors.ts';
import type { OciUser } from './oci.ts';

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export interface UserRequest {
  /** user[:group], names or numbers; empty: root. */
  readonly user: string;
  /** More groups, names or numbers. */
  readonly groups: readonly string[];
  /** Content of the container's files; empty where there is none. */
  readonly passwd: string;
  readonly group: string;
}

export interface ResolvedUser extends OciUser {
  /** "/" for a user without an entry. */
  readonly home: string;
}

/** Ids are 31 bits in every tool's eyes; the kernel's (uid_t)-1 means "no change". */
const MAXIMUM_ID = 2 ** 31 - 1;

/** A number needs no entry, a name does. Throws INVALID_ARGUMENT. */
export function resolveUser(request: UserRequest): ResolvedUser {
  const [userPart = '', groupPart = ''] = split(request.user);
  const groups = parseGroups(request.group);
  const entry = findUser(parsePasswd(request.passwd), userPart === '' ? '0' : userPart);
  const gid = groupPart === '' ? entry.gid : findGroup(groups, groupPart);
  const memberOf = groupPart === '' && entry.name !== '' ? groupsOf(groups, entry.name) : [];
  const additional = [...memberOf, ...request.groups.map((name) => findGroup(groups, name))];
  return { uid: entry.uid, gid, additionalGids: [...new Set(additional)], home: entry.home };
}

function split(user: string): string[] {
  const colon = user.indexOf(':');
  return colon === -1 ? [user] : [user.slice(0, colon), user.slice(colon + 1)];
}

/** A name wins over a number that looks the same, as names may be digits. */
function findUser(entries: readonly PasswdEntry[], text: string): PasswdEntry {
  const id = parseId(text);
  const found = entries.find(({ name }) => name === text) ?? entries.find(({ uid }) => uid === id);
  if (found !== undefined) return found;
  if (id !== undefined) return { name: '', uid: id, gid: 0, home: '/' };
  throw new GantryError('INVALID_ARGUMENT', `no user "${text}" in the container's /etc/passwd`, {
    hint: 'name a user of the image, or give a number',
  });
}

function findGroup(entries: readonly GroupEntry[], text: string): number {
  const id = parseId(text);
  const found = entries.find(({ name }) => name === text) ?? entries.find(({ gid }) => gid === id);
  if (found !== undefined) return found.gid;
  if (id !== undefined) return id;
  throw new GantryError('INVALID_ARGUMENT', `no group "${text}" in the container's /etc/group`, {
    hint: 'name a group of the image, or give a number',
  });
}

function groupsOf(entries: readonly GroupEntry[], user: string): number[] {
  return entries.filter(({ members }) => members.includes(user)).map(({ gid }) => gid);
}

function parsePasswd(text: string): PasswdEntry[] {
  return fieldsOf(text).flatMap(([name = '', , uidText = '', gidText = '', , home = '']) => {
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    return name === '' || uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home: home || '/' }];
  });
}

function parseGroups(text: string): GroupEntry[] {
  return fieldsOf(text).flatMap(([name = '', , gidText = '', members = '']) => {
    const gid = parseId(gidText);
    return name === '' || gid === undefined
      ? []
      : [{ name, gid, members: members.split(',').map((one) => one.trim()) }];
  });
}

/** Lines that can't be read are passed over, as libc does. */
function fieldsOf(text: string): string[][] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(':'));
}

function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAXIMUM_ID ? id : undefined;
}
