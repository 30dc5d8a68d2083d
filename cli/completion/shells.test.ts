/** What real shells offer, asked with the scripts that `gantry completion` prints. A shell that isn't installed is skipped. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCRIPTS, SHELLS } from './scripts.ts';

const isInstalled = (shell: string) => spawnSync('which', [shell]).status === 0;

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-shells-'));
  const entry = resolve(import.meta.dirname, '..', 'gantry.ts');
  writeFileSync(
    join(directory, 'gantry'),
    `#!/bin/sh\nexec '${process.execPath}' --disable-warning=ExperimentalWarning '${entry}' "$@"\n`,
  );
  chmodSync(join(directory, 'gantry'), 0o755);
  writeFileSync(join(directory, 'compose.yaml'), 'services: {web: {image: x}, worker: {image: y}}\n');
  writeFileSync(join(directory, 'file one.yml'), '');
  for (const shell of SHELLS) writeFileSync(join(directory, `completion.${shell}`), SCRIPTS[shell]);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(shell: string, args: readonly string[], input = ''): string {
  const env = {
    PATH: `${directory}:${process.env.PATH}`,
    HOME: directory,
    TERM: 'dumb',
    LANG: 'C.UTF-8',
    GANTRY_HOST: 'unix:///nonexistent/gantry.sock',
  };
  return execFileSync(shell, args, { cwd: directory, env, input, encoding: 'utf8', timeout: 60_000 });
}

/** Typed line → what is offered for its last word, as all three shells must have it. */
const OFFERED: readonly (readonly [string, readonly string[]])[] = [
  ['gantry sta', ['stack', 'start', 'stats']],
  ['gantry stack hi', ['history']],
  ['gantry completion ', ['bash', 'fish', 'zsh']],
  ['gantry node update --role ', ['manager', 'worker']],
  ['gantry compose config w', ['web', 'worker']],
  ['gantry stack ls --form', ['--format']],
  ['gantry stop ', []],
];

describe.skipIf(!isInstalled('bash'))('bash', () => {
  /** As readline calls it: words are broken at "=" and ":". */
  function offered(line: string): string[] {
    const script = `source completion.bash
      COMP_LINE=$1; COMP_POINT=\${#COMP_LINE}; shift
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
      _gantry_complete 2>/dev/null
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const words = line.split(/(\s+|[=:])/).filter((word) => /\S/.test(word));
    if (/\s$/.test(line)) words.push('');
    return run('bash', ['--norc', '--noprofile', '-c', script, 'bash', line, ...words])
      .split('\n')
      .filter((word) => word !== '')
      .sort();
  }

  it.each([
    ...OFFERED,
    ['gantry node update --role=', ['manager', 'worker']],
    ['gantry node update --role=m', ['manager']],
    ['gantry stack deploy -c fi', ['file one.yml']],
    ['gantry stack deploy --compose-file=fi', ['file one.yml']],
  ] as const)('%s', (line, expected) => {
    expect(offered(line)).toEqual(expected);
  });

  it.skipIf(!isInstalled('script'))('completes what is typed', () => {
    const typed = 'source <(gantry completion bash)\ngantry completion zs\t | head -1; exit\n';
    const seen = run('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], typed);
    expect(seen).toContain('#compdef gantry');
  });
});

describe.skipIf(!isInstalled('fish'))('fish', () => {
  it.each([...OFFERED, ['gantry node update --role=m', ['--role=manager']]] as const)('%s', (line, expected) => {
    const script = 'source completion.fish; complete -C $argv[1]';
    const lines = run('fish', ['--no-config', '-c', script, line]).split('\n');
    expect(lines.map((one) => one.split('\t')[0] ?? '').filter((word) => word !== '')).toEqual(expected);
  });
});

describe.skipIf(!isInstalled('zsh'))('zsh', () => {
  /** What the function gives to zsh's own `compadd`, which works nowhere but in the line editor. */
  function offered(line: string): string[] {
    const script = `compdef() { }
      source ./completion.zsh
      compadd() { local name=$@[-1]; print -rl -- OFFER-\${(P)^name} }
      compset() { }
      _files() { print OFFER-FILES }
      words=("\${(@s: :)1}"); CURRENT=$#words
      _gantry`;
    const seen = run('zsh', ['-f', '-c', script, 'zsh', line]);
    return [...seen.matchAll(/^OFFER-(\S+)/gm)].map(([, word]) => word ?? '').toSorted((a, b) => (a < b ? -1 : 1));
  }

  it.each([...OFFERED, ['gantry stack deploy -c ', ['FILES']]] as const)('%s', (line, expected) => {
    expect(offered(line)).toEqual(expected);
  });
});
