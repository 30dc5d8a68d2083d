/** The lines of a Dockerfile around the one that an error names, as BuildKit shows them. Pure. */
import type { Dockerfile } from './dockerfile.ts';

/** Lines above and below, of an instruction of one line and of longer ones. */
const AROUND_ONE = 2;
const AROUND_SEVERAL = 1;

/**
 * "NAME:LINE", and the instruction there, marked, with its neighbours. `message` is the error's, which begins with the
 * place; without one there is no excerpt. `dockerfile` is undefined when it couldn't be parsed.
 */
export function sourceExcerpt(
  { name, text }: { readonly name: string; readonly text: string },
  dockerfile: Dockerfile | undefined,
  message: string,
): string | undefined {
  if (!message.startsWith(`${name}:`)) return undefined;
  const first = Number(/^\d+(?=:)/.exec(message.slice(name.length + 1))?.[0]);
  const lines = text.split(/\r?\n/);
  if (!(first >= 1 && first <= lines.length)) return undefined;
  const last = dockerfile?.instructions.find(({ line }) => line === first)?.lastLine ?? first;
  const around = first === last ? AROUND_ONE : AROUND_SEVERAL;
  const shown = lines.slice(Math.max(0, first - 1 - around), last + around).map((line, index) => {
    const number = Math.max(1, first - around) + index;
    return ` ${String(number).padStart(3)} | ${number >= first && number <= last ? '>>>' : '   '} ${line}`;
  });
  const rule = '-'.repeat(20);
  return [`${name}:${first}`, rule, ...shown, rule, ''].join('\n');
}
