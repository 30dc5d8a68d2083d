/** What chmod(1) takes: an octal mode, or clauses such as "u=rwX,go-w". Pure. */
import { GantryError } from '../../../proto/errors.ts';

interface Clause {
  /** Shifts of the bits that it is about: 6 for user, 3 for group, 0 for others. */
  readonly shifts: readonly number[];
  readonly operator: '+' | '-' | '=';
  /** Of rwxXst */
  readonly permissions: string;
}

/** Plain data: it travels to worker threads. */
export type ModeChange =
  | { readonly kind: 'absolute'; readonly mode: number }
  | { readonly kind: 'symbolic'; readonly clauses: readonly Clause[] };

const SHIFTS: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };
const READ = 4;
const WRITE = 2;
const EXECUTE = 1;
const SPECIAL = 0o7000;

/** Throws INVALID_ARGUMENT. */
export function parseModeChange(text: string): ModeChange {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) {
    return { kind: 'absolute', mode: Number.parseInt(text, 8) };
  }
  return { kind: 'symbolic', clauses: text.split(',').flatMap((clause) => parseClauses(clause, text)) };
}

function parseClauses(clause: string, text: string): Clause[] {
  const [, who = '', actions = ''] = /^([ugoa]*)((?:[-+=][rwxXst]*)+)$/.exec(clause) ?? [];
  if (actions === '') {
    throw new GantryError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no mode of a file`, {
      hint: 'write it like 0755, or like u=rwX,go=rX',
    });
  }
  const shifts = who === '' || who.includes('a') ? [6, 3, 0] : [...new Set(who)].map((one) => SHIFTS[one] ?? 0);
  return [...actions.matchAll(/([-+=])([rwxXst]*)/g)].map(([, operator, permissions = '']) => ({
    shifts,
    operator: operator as Clause['operator'],
    permissions,
  }));
}

/** The mode's twelve bits after the change. */
export function changeMode(change: ModeChange, mode: number, type: 'directory' | 'other'): number {
  if (change.kind === 'absolute') return change.mode;
  return change.clauses.reduce((current, clause) => applyClause(clause, current, type), mode & 0o7777);
}

function applyClause({ shifts, operator, permissions }: Clause, mode: number, type: 'directory' | 'other'): number {
  const bits = bitsOf(permissions, shifts, type === 'directory' || (mode & 0o111) !== 0);
  if (operator === '+') return mode | bits;
  if (operator === '-') return mode & ~bits;
  const cleared = shifts.reduce((mask, shift) => mask | (7 << shift), 0);
  // A directory keeps its setuid and setgid bits unless they are named: chmod(1) of GNU.
  const special = type === 'directory' ? 0 : SPECIAL;
  return (mode & ~(cleared | special)) | bits;
}

function bitsOf(permissions: string, shifts: readonly number[], executes: boolean): number {
  const has = (letter: string) => permissions.includes(letter);
  const three = (has('r') ? READ : 0) | (has('w') ? WRITE : 0) | (has('x') || (has('X') && executes) ? EXECUTE : 0);
  let bits = shifts.reduce((sum, shift) => sum | (three << shift), 0);
  if (has('s') && shifts.includes(6)) bits |= 0o4000;
  if (has('s') && shifts.includes(3)) bits |= 0o2000;
  return has('t') ? bits | 0o1000 : bits;
}
