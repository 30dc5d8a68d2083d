/** Kernel parameters of a container: those that belong to a namespace, and so change nothing on the host. */
import { GantryError } from '../../../proto/errors.ts';

const IPC = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/** Docker's: any user may bind low ports and ping in a network namespace of the container's own. */
const NETWORK_DEFAULTS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

export type SysctlScope = 'network' | 'ipc';

/** Undefined for one that would change the host. */
export function sysctlScope(name: string): SysctlScope | undefined {
  if (name.startsWith('net.')) return 'network';
  if (IPC.has(name) || name.startsWith('fs.mqueue.')) return 'ipc';
  return undefined;
}

/** Throws INVALID_ARGUMENT for a parameter that isn't namespaced, or whose namespace is the host's. */
export function validateSysctls(
  sysctls: Readonly<Record<string, string>>,
  hostNamespaces: ReadonlySet<SysctlScope>,
): void {
  for (const name of Object.keys(sysctls)) {
    const scope = sysctlScope(name);
    if (scope === undefined) {
      throw new GantryError('INVALID_ARGUMENT', `sysctl "${name}" is not namespaced: it would change the host`, {
        hint: 'only net.*, fs.mqueue.* and the kernel.{msg,sem,shm}* parameters can be set for a container',
      });
    }
    if (hostNamespaces.has(scope)) {
      throw new GantryError('INVALID_ARGUMENT', `sysctl "${name}" can't be set in the host's ${scope} namespace`);
    }
  }
}

/** What the runtime writes into the container's namespaces. A network namespace that is shared is left as it is. */
export function containerSysctls(
  sysctls: Readonly<Record<string, string>>,
  network: 'own' | 'shared',
): Record<string, string> {
  return network === 'own' ? { ...NETWORK_DEFAULTS, ...sysctls } : { ...sysctls };
}
