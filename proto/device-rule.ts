/** Rules of a container's device cgroup, as `--device-cgroup-rule` writes them: TYPE MAJOR:MINOR ACCESS. */

export interface DeviceRule {
  /** 'a': all devices */
  readonly type: 'a' | 'b' | 'c';
  /** Undefined: any */
  readonly major: number | undefined;
  readonly minor: number | undefined;
  /** Some of "rwm" */
  readonly access: string;
}

/** For errors about rules that are none. */
export const DEVICE_RULE_HINT = 'write a type, numbers and what is allowed, such as "c 10:229 rwm" or "b 8:* r"';

const RULE = /^([abc]) (\d{1,9}|\*):(\d{1,9}|\*) ([rwm]{1,3})$/;

/**
 * Undefined when it is no rule. For the kernel, "a" is everything whatever stands behind it: with anything but "*:* rwm" it
 * would allow more than it says, and so is no rule.
 */
export function parseDeviceRule(text: string): DeviceRule | undefined {
  const [, type, major, minor, access = ''] = RULE.exec(text) ?? [];
  if (type !== 'a' && type !== 'b' && type !== 'c') return undefined;
  if (type === 'a' && (major !== '*' || minor !== '*' || new Set(access).size !== 3)) return undefined;
  return { type, major: numberOf(major), minor: numberOf(minor), access };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || text === '*' ? undefined : Number(text);
}
