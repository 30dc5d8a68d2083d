/**
 * config.json of a bundle, as far as Gantry writes it.
 * Source: OCI runtime specification 1.2, config.md and config-linux.md.
 */

export interface OciSpec {
  readonly ociVersion: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname?: string;
  readonly domainname?: string;
  readonly mounts: readonly OciMount[];
  readonly linux: OciLinux;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly hooks?: OciHooks;
}

/** Programs of the host that are run at moments of the container's life. */
export interface OciHooks {
  readonly prestart?: readonly OciHook[];
  readonly createRuntime?: readonly OciHook[];
  readonly createContainer?: readonly OciHook[];
  readonly startContainer?: readonly OciHook[];
  readonly poststart?: readonly OciHook[];
  readonly poststop?: readonly OciHook[];
}

export interface OciHook {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Seconds */
  readonly timeout?: number;
}

export interface OciProcess {
  readonly terminal: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: OciUser;
  readonly args: readonly string[];
  /** KEY=VALUE */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: OciCapabilities;
  readonly rlimits: readonly OciRlimit[];
  readonly noNewPrivileges: boolean;
  /** Without it an exec's is the container's, and a container's the runtime's own. */
  readonly oomScoreAdj?: number;
}

export interface OciUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

/** Names with their CAP_ prefix. */
export interface OciCapabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

export interface OciRlimit {
  /** RLIMIT_NOFILE */
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export type OciNamespaceType = 'mount' | 'pid' | 'network' | 'ipc' | 'uts' | 'cgroup';

export interface OciNamespace {
  readonly type: OciNamespaceType;
  /** Joined instead of made. */
  readonly path?: string;
}

export interface OciDevice {
  readonly path: string;
  readonly type: 'c' | 'b' | 'p';
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface OciDeviceRule {
  readonly allow: boolean;
  /** Unset: all types. */
  readonly type?: 'c' | 'b';
  /** Unset: all numbers. */
  readonly major?: number;
  readonly minor?: number;
  /** Some of "rwm" */
  readonly access: string;
}

export interface OciResources {
  readonly devices: readonly OciDeviceRule[];
  readonly memory?: OciMemory;
  readonly cpu?: OciCpu;
  readonly pids?: { readonly limit: number };
  readonly blockIO?: OciBlockIo;
}

/** Bytes */
export interface OciMemory {
  readonly limit?: number;
  /** The sum of memory and swap; -1 for no limit. */
  readonly swap?: number;
  readonly reservation?: number;
  readonly swappiness?: number;
  readonly disableOOMKiller?: true;
}

export interface OciCpu {
  readonly shares?: number;
  /** Microseconds */
  readonly quota?: number;
  readonly period?: number;
  readonly cpus?: string;
  readonly mems?: string;
}

export interface OciBlockIo {
  readonly weight?: number;
  readonly weightDevice?: readonly { readonly major: number; readonly minor: number; readonly weight: number }[];
  readonly throttleReadBpsDevice?: readonly OciThrottle[];
  readonly throttleWriteBpsDevice?: readonly OciThrottle[];
  readonly throttleReadIOPSDevice?: readonly OciThrottle[];
  readonly throttleWriteIOPSDevice?: readonly OciThrottle[];
}

export interface OciThrottle {
  readonly major: number;
  readonly minor: number;
  /** Per second */
  readonly rate: number;
}

export interface OciLinux {
  readonly namespaces: readonly OciNamespace[];
  readonly devices: readonly OciDevice[];
  readonly cgroupsPath: string;
  readonly resources: OciResources;
  readonly sysctl: Readonly<Record<string, string>>;
  readonly seccomp?: OciSeccomp;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly rootfsPropagation?: string;
}

export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls: readonly OciSeccompRule[];
}

export interface OciSeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly OciSeccompArgument[];
}

export interface OciSeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}
