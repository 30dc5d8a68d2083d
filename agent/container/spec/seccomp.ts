/**
 * A seccomp profile in Docker's format, resolved for one container: which of its rules hold depends on the
 * container's capabilities, the architecture and the kernel. Source: Docker's "Seccomp security profiles".
 */
import { GantryError } from '../../../proto/errors.ts';
import { isKernelAtLeast } from './host-facts.ts';
import type { OciSeccomp, OciSeccompArgument, OciSeccompRule } from './oci.ts';

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null }[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly ProfileRule[];
}

export interface ProfileRule {
  readonly names?: readonly string[];
  /** The old form of a single name. */
  readonly name?: string;
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly OciSeccompArgument[] | null;
  /** Holds only if all of this is so. */
  readonly includes?: RuleCondition;
  /** Doesn't hold if any of this is so. */
  readonly excludes?: RuleCondition;
}

export interface RuleCondition {
  /** CAP_ names */
  readonly caps?: readonly string[];
  /** As the architecture names itself: amd64, x32, arm64 */
  readonly arches?: readonly string[];
  /** "4.8" */
  readonly minKernel?: string;
}

export interface SeccompContext {
  /** The container's bounding set. */
  readonly capabilities: readonly string[];
  /** As Go names it: amd64, arm64, ... */
  readonly architecture: string;
  /** uname -r */
  readonly kernelRelease: string;
}

/** Go's names of architectures as libseccomp calls them. */
const LIBSECCOMP_NAMES: Readonly<Record<string, string>> = {
  '386': 'SCMP_ARCH_X86',
  amd64: 'SCMP_ARCH_X86_64',
  arm: 'SCMP_ARCH_ARM',
  arm64: 'SCMP_ARCH_AARCH64',
  loong64: 'SCMP_ARCH_LOONGARCH64',
  ppc64le: 'SCMP_ARCH_PPC64LE',
  riscv64: 'SCMP_ARCH_RISCV64',
  s390x: 'SCMP_ARCH_S390X',
};

/** The rules that hold in the context, as config.json has them. */
export function resolveSeccomp(profile: SeccompProfile, context: SeccompContext): OciSeccomp {
  const rules = (profile.syscalls ?? []).filter((rule) => holds(rule, context));
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: architecturesOf(profile, context.architecture),
    ...(profile.flags !== undefined && { flags: profile.flags }),
    syscalls: rules.map(ociRule),
  };
}

function architecturesOf(profile: SeccompProfile, architecture: string): readonly string[] {
  if (profile.architectures !== undefined && profile.architectures.length > 0) return profile.architectures;
  const native = LIBSECCOMP_NAMES[architecture];
  const entry = profile.archMap?.find((one) => one.architecture === native);
  return entry === undefined ? [] : [entry.architecture, ...(entry.subArchitectures ?? [])];
}

function holds({ includes, excludes }: ProfileRule, context: SeccompContext): boolean {
  const required = conditions(includes, context);
  const forbidden = conditions(excludes, context);
  return required.every(Boolean) && !forbidden.some(Boolean);
}

/** Each part of the condition on its own: each capability, any of the architectures, the kernel. */
function conditions(condition: RuleCondition | undefined, context: SeccompContext): boolean[] {
  if (condition === undefined) return [];
  const { caps = [], arches = [], minKernel } = condition;
  const results = caps.map((name) => context.capabilities.includes(name));
  if (arches.length > 0) results.push(arches.includes(context.architecture));
  if (minKernel !== undefined && minKernel !== '') results.push(isKernelAtLeast(context.kernelRelease, minKernel));
  return results;
}

function ociRule({ names, name, action, errnoRet, args }: ProfileRule): OciSeccompRule {
  return {
    names: names ?? (name === undefined ? [] : [name]),
    action,
    ...(errnoRet !== undefined && { errnoRet }),
    ...(args !== undefined && args !== null && args.length > 0 && { args }),
  };
}

/** Reads a profile that a user gave. Throws INVALID_ARGUMENT; the runtime judges the names in it. */
export function parseSeccompProfile(text: string): SeccompProfile {
  const profile = parseJson(text);
  if (!isProfile(profile)) throw badProfile('it is not an object with a "defaultAction" and a list of "syscalls"');
  if (profile.architectures !== undefined && profile.archMap !== undefined) {
    throw badProfile('it has both "architectures" and "archMap"');
  }
  const both = profile.syscalls?.find(({ name, names }) => name !== undefined && names !== undefined);
  if (both !== undefined) throw badProfile(`a rule has both "name" (${both.name}) and "names"`);
  return profile;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badProfile('it is not JSON', error);
  }
}

function isProfile(value: unknown): value is SeccompProfile {
  if (typeof value !== 'object' || value === null || !('defaultAction' in value)) return false;
  if (typeof value.defaultAction !== 'string') return false;
  return !('syscalls' in value) || (Array.isArray(value.syscalls) && value.syscalls.every(isRule));
}

function isRule(value: unknown): value is ProfileRule {
  return typeof value === 'object' && value !== null && 'action' in value && typeof value.action === 'string';
}

function badProfile(why: string, cause?: unknown): GantryError {
  return new GantryError('INVALID_ARGUMENT', `the seccomp profile can't be used: ${why}`, {
    hint: 'Docker documents the format; "unconfined" turns seccomp off',
    cause,
  });
}
