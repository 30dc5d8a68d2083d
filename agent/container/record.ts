/** What is remembered of a container: DATA_ROOT/containers/ID/container.json. */
import { GantryError } from '../../proto/errors.ts';
import {
  type Container,
  ContainerConfig,
  ContainerState,
  ContainerStatus,
  HealthStatus,
  ImageConfig,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { NetworkAttachmentConfig } from '../../proto/generated/gantry/v1/types.ts';
import type { ContainerId, Digest } from '../../proto/ids.ts';
import { keepsLog } from '../../proto/log/log-driver.ts';
import type { Sandbox } from '../network/networks.ts';
import type { StoppedBy } from './restart-policy.ts';

const FORMAT_VERSION = 1;

/**
 * creating: not all of it is there yet; a crash removes it. starting: a start is under way, whose caller has had no
 * answer; a crash undoes it. removing: a crash finishes it.
 */
export type Phase = 'creating' | 'idle' | 'starting' | 'removing';

export interface RecordedVolume {
  readonly name: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** Made for this container, and removed with it when asked. */
  readonly anonymous: boolean;
  /** What of it is mounted; undefined or empty: all. */
  readonly subpath?: string;
}

/** An image that is mounted: the snapshot that stands for it, over the image as it was when the container was made. */
export interface RecordedImage {
  readonly key: string;
  /** As the user names it. */
  readonly name: string;
  readonly target: string;
  /** What of it is mounted; empty: all. */
  readonly subpath: string;
}

/** A secret or config: which file of the container's tmpfs appears where. */
export interface RecordedFile {
  readonly file: string;
  readonly target: string;
}

export interface ContainerRecord {
  readonly id: ContainerId;
  readonly name: string;
  readonly config: ContainerConfig;
  readonly imageId: Digest;
  /** The name that the image was found by. */
  readonly imageName: string;
  /** As the image was when the container was made from it. */
  readonly image: ImageConfig;
  readonly createdAtMs: number;
  /** Empty for a container of no task. */
  readonly taskId: string;
  /** The number of the task's pre_start hook that it is for; undefined: it is the task's own. */
  readonly preStart?: number;
  readonly argv: readonly string[];
  /** What it was connected to and disconnected from since it was made; undefined: what its config says. */
  readonly networks?: readonly NetworkAttachmentConfig[];
  readonly volumes: readonly RecordedVolume[];
  /** Undefined: none. */
  readonly images?: readonly RecordedImage[];
  readonly files: readonly RecordedFile[];
  /** Standard input ends with the first client that has sent some. */
  readonly stdinOnce: boolean;
  readonly phase: Phase;
  readonly state: ContainerState;
  readonly stoppedBy: StoppedBy;
  readonly restartDelayMs: number;
  /** The boot of the host that it last ran in. */
  readonly bootId: string;
  /** While it is set up. */
  readonly sandbox: Sandbox | undefined;
}

export const NEW_STATE: ContainerState = {
  status: ContainerStatus.CREATED,
  pid: 0,
  exitCode: 0,
  oomKilled: false,
  error: '',
  startedAtMs: 0,
  finishedAtMs: 0,
  health: HealthStatus.NONE,
  healthFailingStreak: 0,
  healthOutput: '',
  restartCount: 0,
};

export function encodeRecord(record: ContainerRecord): string {
  return JSON.stringify({ formatVersion: FORMAT_VERSION, ...record });
}

/** Fields that messages have got since the record was written take their defaults. Throws CORRUPT, UNSUPPORTED. */
export function decodeRecord(path: string, text: string): ContainerRecord {
  const value = parse(path, text);
  if (value.formatVersion !== FORMAT_VERSION) {
    throw new GantryError(
      'UNSUPPORTED',
      `${path} has format version ${value.formatVersion}, this gantryd knows ${FORMAT_VERSION}`,
      {
        hint: 'run the gantryd that wrote it, or a newer one',
      },
    );
  }
  const { formatVersion, ...record } = value;
  return {
    ...record,
    config: ContainerConfig.fromPartial(record.config),
    image: ImageConfig.fromPartial(record.image),
    state: ContainerState.fromPartial(record.state),
    sandbox: record.sandbox,
  };
}

type StoredRecord = ContainerRecord & { readonly formatVersion: number };

function parse(path: string, text: string): StoredRecord {
  try {
    const value: unknown = JSON.parse(text);
    if (isStoredRecord(value)) return value;
  } catch (cause) {
    throw corrupt(path, cause);
  }
  throw corrupt(path);
}

/** Only gantryd writes the file, and in whole: more than its outline needn't be checked. */
function isStoredRecord(value: unknown): value is StoredRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { formatVersion, id, config } = value as Record<string, unknown>;
  return typeof formatVersion === 'number' && typeof id === 'string' && typeof config === 'object';
}

function corrupt(path: string, cause?: unknown): GantryError {
  return new GantryError('CORRUPT', `${path} is not a container's record`, {
    hint: 'the container is left alone; remove its directory to be rid of it',
    cause,
  });
}

/** The record as the API shows it. */
export function toContainer(record: ContainerRecord, logPath: string): Container {
  return {
    id: record.id,
    name: record.name,
    config: record.networks === undefined ? record.config : { ...record.config, networks: [...record.networks] },
    imageId: record.imageId,
    createdAtMs: record.createdAtMs,
    state: record.state,
    networks: [...(record.sandbox?.networks ?? [])],
    ports: [...(record.sandbox?.ports ?? [])],
    taskId: record.taskId,
    preStart: record.preStart,
    argv: [...record.argv],
    logPath: keepsLog(record.config.log) ? logPath : '',
  };
}
