/**
 * `docker compose` takes its own options before the verb: `compose -f dev.yml -p shop up -d`. Here they go behind it, by
 * their long names: some verbs have short ones of their own (`logs -f`). Loaded at every start.
 */

/** Options with a value, by all their spellings. */
const VALUED: ReadonlyMap<string, string> = new Map([
  ['-f', '--file'],
  ['--file', '--file'],
  ['-p', '--project-name'],
  ['--project-name', '--project-name'],
  ['--project-directory', '--project-directory'],
  ['--env-file', '--env-file'],
  ['--profile', '--profile'],
  ['--ansi', '--ansi'],
  ['--progress', '--progress'],
  ['--parallel', '--parallel'],
]);

/** Options without one. */
const SWITCHES: ReadonlySet<string> = new Set(['--all-resources', '--compatibility', '--dry-run']);

/** For completion. */
export const FLAGS_BEFORE_VERB: readonly string[] = [...VALUED.keys()];

/** The words after `compose` with the verb first; as they are when there is nothing before it. */
export function verbFirst(words: readonly string[]): readonly string[] {
  const moved: string[] = [];
  let index = 0;
  while (index < words.length) {
    const word = words[index] ?? '';
    const valued = VALUED.get(word);
    const [flag = '', value] = splitValue(word);
    if (SWITCHES.has(word)) {
      moved.push(word);
      index += 1;
    } else if (valued !== undefined && words[index + 1] !== undefined) {
      moved.push(valued, words[index + 1] ?? '');
      index += 2;
    } else if (value !== undefined && VALUED.has(flag)) {
      moved.push(VALUED.get(flag) ?? '', value);
      index += 1;
    } else break;
  }
  const [verb, ...rest] = words.slice(index);
  return moved.length === 0 || verb === undefined || verb.startsWith('-') ? words : [verb, ...moved, ...rest];
}

/** `--file=x`, `-fx`, `-f=x` */
function splitValue(word: string): [flag: string, value?: string] {
  const long = /^(--[a-z-]+)=(.*)$/s.exec(word);
  if (long !== null) return [long[1] ?? '', long[2] ?? ''];
  const short = /^(-[fp])=?(.+)$/s.exec(word);
  return short === null ? [word] : [short[1] ?? '', short[2] ?? ''];
}
