/** The short form of a volume: [SOURCE:]TARGET[:OPTIONS] (Compose specification, "volumes", as Compose's own parser reads it). */
import { normalize } from 'node:path';

export interface MountForm {
  readonly type: 'bind' | 'volume';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly noCopy: boolean;
  readonly propagation: string;
  readonly selinux: string;
}

const PROPAGATIONS: ReadonlySet<string> = new Set(['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave']);

/** A string says what is wrong. Options that Compose doesn't know have no effect there: `unknown` names them. */
export function parseMount(text: string): (MountForm & { readonly unknown: readonly string[] }) | string {
  if (text === '') return 'the volume is empty';
  const sections = splitSections(text);
  if (sections.some((section) => section === '')) return 'there is nothing between two colons';
  if (sections.length > 3) return 'there are too many colons';
  const [source = '', target = ''] = sections.length === 1 ? ['', ...sections] : sections;
  const options = sections[2]?.split(',') ?? [];
  const isPropagation = (option: string) => PROPAGATIONS.has(option);
  const isSelinux = (option: string) => option === 'z' || option === 'Z';
  const access = options.findLast((option) => option === 'ro' || option === 'rw');
  return {
    type: isHostPath(source) ? 'bind' : 'volume',
    source,
    target,
    readOnly: access === 'ro',
    noCopy: options.includes('nocopy'),
    propagation: options.findLast(isPropagation) ?? '',
    selinux: options.findLast(isSelinux) ?? '',
    unknown: options.filter(
      (option) => !/^(ro|rw|nocopy)$/.test(option) && !isPropagation(option) && !isSelinux(option),
    ),
  };
}

/**
 * A colon after a single letter is a drive's where "\" follows, or a path with a target of its own: C:\data, C:/data:/data;
 * else it is the one behind a volume's name. A colon in `${…}` is the variable's.
 */
const DRIVE = /^:(\\|\/[^:]*:\/)/;

function splitSections(text: string): string[] {
  // Most have neither: no drive, no variable.
  if (!text.includes('${') && !/(?:^|:)[A-Za-z]:/.test(text)) return text.split(':');
  const sections: string[] = [];
  let section = '';
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? '';
    if (character === '$' && text[index + 1] === '{') depth += 1;
    else if (character === '}' && depth > 0) depth -= 1;
    else if (character === ':' && depth === 0 && !(/^[A-Za-z]$/.test(section) && DRIVE.test(text.slice(index)))) {
      sections.push(section);
      section = '';
      continue;
    }
    section += character;
  }
  return [...sections, section];
}

export function isHostPath(source: string): boolean {
  return /^([./~]|\\\\|[A-Za-z]:)/.test(source);
}

/** Without what leads nowhere: "/a/../b/" is "/b". */
export function cleanTarget(target: string): string {
  // As most are.
  if (/^(?:\/[\w-][\w.-]*)+$/.test(target)) return target;
  const clean = normalize(target);
  return clean.length > 1 ? clean.replace(/\/$/, '') : clean;
}
