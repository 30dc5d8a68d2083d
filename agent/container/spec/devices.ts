/** Device nodes of a container and what its device cgroup lets it do with them. */
import { type DeviceRule, parseDeviceRule } from '../../../proto/device-rule.ts';
import type { OciDevice, OciDeviceRule } from './oci.ts';

/** A device of the host as it is to appear in the container. */
export interface HostDevice {
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  /** Permission bits */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Some of "rwm" */
  readonly permissions: string;
}

const DENY_ALL: OciDeviceRule = { allow: false, access: 'rwm' };
const ALLOW_ALL: OciDeviceRule = { allow: true, access: 'rwm' };

/** Docker's and runc's: any node may be made, few may be opened. */
const DEFAULT_RULES: readonly OciDeviceRule[] = [
  DENY_ALL,
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 1), // console
  character(5, 2), // ptmx
  { allow: true, type: 'c', major: 136, access: 'rwm' }, // pts
];

function character(major: number, minor: number): OciDeviceRule {
  return { allow: true, type: 'c', major, minor, access: 'rwm' };
}

/** Later rules win over earlier ones. `further`: as parseDeviceRule reads them. */
export function deviceRules(
  devices: readonly HostDevice[],
  further: readonly string[],
  privileged: boolean,
): OciDeviceRule[] {
  if (privileged) return [ALLOW_ALL];
  return [...DEFAULT_RULES, ...devices.map(ruleOf), ...further.flatMap((text) => furtherRule(parseDeviceRule(text)))];
}

function furtherRule(rule: DeviceRule | undefined): OciDeviceRule[] {
  if (rule === undefined) return [];
  const { type, major, minor, access } = rule;
  if (type === 'a') return [ALLOW_ALL];
  return [
    {
      allow: true,
      type,
      ...(major !== undefined && { major }),
      ...(minor !== undefined && { minor }),
      access,
    },
  ];
}

function ruleOf({ type, major, minor, permissions }: HostDevice): OciDeviceRule {
  return { allow: true, type, major, minor, access: permissions };
}

/** Nodes that the runtime makes besides the OCI specification's default ones. */
export function deviceNodes(devices: readonly HostDevice[]): OciDevice[] {
  return devices.map(({ path, type, major, minor, mode, uid, gid }) => ({
    path,
    type,
    major,
    minor,
    fileMode: mode,
    uid,
    gid,
  }));
}
