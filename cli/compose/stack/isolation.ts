/** The keys of a service that say how far its containers are from each other and from the host. */
import { parseCdiName } from '../../../proto/cdi-device.ts';
import type { ContainerSpec, Device, Ulimit } from '../../../proto/generated/gantry/v1/types.ts';
import { modeOfService, serviceOfMode } from '../../../proto/shared-namespaces.ts';
import type { ServiceContext } from './context.ts';
import type { Converters } from './converters.ts';
import type { ModelCursor } from './model-cursor.ts';
import { convertSecurityOptions } from './security.ts';

export const ISOLATION: Converters<ContainerSpec, ServiceContext> = {
  cap_add: (cursor) => ({ capAdd: cursor.texts() }),
  cap_drop: (cursor) => ({ capDrop: cursor.texts() }),
  devices: (cursor) => splitDevices(cursor.items(readDevice)),
  ipc: (cursor, context) => ({ ipcMode: readSharedNamespace(cursor, ['private', 'shareable'], context) }),
  isolation: (cursor) => {
    checkIsolation(cursor);
    return {};
  },
  oom_score_adj: (cursor) => ({ oomScoreAdj: cursor.integer(-1000, 1000) }),
  pid: (cursor, context) => ({ pidMode: readSharedNamespace(cursor, ['private'], context) }),
  privileged: (cursor) => ({ privileged: cursor.boolean() }),
  read_only: (cursor) => ({ readOnly: cursor.boolean() }),
  security_opt: (cursor, context) => convertSecurityOptions(cursor, context),
  shm_size: (cursor) => ({ shmSizeBytes: cursor.bytes() }),
  sysctls: (cursor) => ({ sysctls: cursor.textByKey() }),
  ulimits: (cursor) => ({ ulimits: convertUlimits(cursor) }),
  uts: (cursor, context) => ({ utsMode: readUts(cursor, context) }),
};

/** What Windows calls so; here there is what is the default. */
export function checkIsolation(cursor: ModelCursor): void {
  if (cursor.text() !== 'default') throw cursor.problem('is for Windows containers', 'remove it');
}

/** Those with a name of CDI are no paths. */
function splitDevices(all: readonly Device[]): Pick<ContainerSpec, 'devices' | 'cdiDevices'> {
  const isNamed = ({ hostPath }: Device) => parseCdiName(hostPath) !== undefined;
  return {
    devices: all.filter((device) => !isNamed(device)),
    cdiDevices: all.filter(isNamed).map(({ hostPath }) => hostPath),
  };
}

function readDevice(item: ModelCursor): Device {
  return item.object({}, (fields) => {
    const hostPath = fields.text('source');
    if (parseCdiName(hostPath) !== undefined && fields.text('target') === hostPath) {
      fields.text('permissions');
      return { hostPath, containerPath: '', permissions: '' };
    }
    const containerPath = fields.text('target') || hostPath;
    const permissions = fields.text('permissions') || 'rwm';
    if (!hostPath.startsWith('/')) {
      throw item.problem(
        `the device "${hostPath}" is not a path`,
        'write it as /dev/NAME, or, of a device that a CDI file describes, as VENDOR/CLASS=NAME',
      );
    }
    if (!/^[rwm]{1,3}$/.test(permissions)) {
      throw item.problem(`invalid permissions "${permissions}"`, 'write some of r, w and m');
    }
    return { hostPath, containerPath, permissions };
  });
}

/** "" is one of its own, as each of the words `own` says. */
function readNamespace(cursor: ModelCursor, own: readonly string[]): string {
  const mode = cursor.text();
  if (own.includes(mode)) return '';
  if (mode === 'host') return mode;
  if (mode.startsWith('container:')) {
    throw cursor.problem(
      `"${mode}" is not supported: nobody knows which host a container is on that is of no service`,
      'make it a service of this file, and write service:NAME',
    );
  }
  throw cursor.problem(`"${mode}" is not allowed here`, `write host${own.map((word) => ` or ${word}`).join('')}`);
}

/** Also that of another service's tasks, which are named in full. */
function readSharedNamespace(cursor: ModelCursor, own: readonly string[], { model }: ServiceContext): string {
  const other = serviceOfMode(cursor.text());
  return other === undefined ? readNamespace(cursor, own) : modeOfService(`${model.name}_${other}`);
}

function readUts(cursor: ModelCursor, { service }: ServiceContext): string {
  const mode = readNamespace(cursor, []);
  const hostname = cursor.placeAt('services', service, 'hostname');
  if (hostname.written === undefined) return mode;
  throw hostname.problem('does not go with "uts: host"', "remove one: the container has the host's name there");
}

export function convertUlimits(cursor: ModelCursor): Ulimit[] {
  return cursor.mapEntries((value, name) => readUlimit(value, name)).map(([, ulimit]) => ulimit);
}

function readUlimit(cursor: ModelCursor, name: string): Ulimit {
  if (typeof cursor.value === 'number') return { name, soft: cursor.value, hard: cursor.value };
  return cursor.object({}, (fields) => ({
    name,
    soft: fields.get('soft', (one) => one.integer(-1)) ?? 0,
    hard: fields.get('hard', (one) => one.integer(-1)) ?? 0,
  }));
}
