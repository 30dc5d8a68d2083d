/**
 * An image's config blob (OCI image spec, "config"; Docker's is the same and adds Healthcheck, Shell and OnBuild),
 * and what containers take from it. Pure.
 */

import { GantryError } from '../../proto/errors.ts';
import { ImageConfig } from '../../proto/generated/gantry/v1/engine.ts';
import type { Healthcheck } from '../../proto/generated/gantry/v1/types.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { normalVariant, type Platform } from '../platform/platform.ts';
import {
  asArray,
  asCount,
  asKeySet,
  asObject,
  asString,
  asStringMap,
  asStrings,
  optional,
  parseJson,
} from './json-fields.ts';
import { compareText } from './text-order.ts';

export interface HistoryEntry {
  readonly created?: string | undefined;
  readonly created_by?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  readonly empty_layer?: boolean | undefined;
}

export interface ImageDocument {
  /** RFC 3339 */
  readonly created: string | undefined;
  readonly author: string | undefined;
  readonly architecture: string;
  readonly os: string;
  readonly variant: string | undefined;
  readonly config: ImageConfig;
  /** ONBUILD instructions. */
  readonly onBuild: readonly string[];
  /** Digests of the uncompressed layers, lowest first. */
  readonly diffIds: readonly Digest[];
  readonly history: readonly HistoryEntry[];
  /** Which build steps its layers are from, for the builder to read; undefined: nobody said. */
  readonly buildCache?: string | undefined;
}

/** Ours, which others leave alone. */
const BUILD_CACHE = 'gantry.build-cache.v1';

/** Throws INVALID_ARGUMENT naming the field that is wrong. */
export function parseImageDocument(bytes: Buffer, where: string): ImageDocument {
  const document = asObject(parseJson(bytes, where), where);
  const rootfs = asObject(document.rootfs, `${where}: rootfs`);
  const config = optional(document.config, `${where}: config`, asObject) ?? {};
  return {
    created: optional(document.created, `${where}: created`, asString),
    author: optional(document.author, `${where}: author`, asString),
    architecture: asString(document.architecture, `${where}: architecture`),
    os: asString(document.os, `${where}: os`),
    variant: optional(document.variant, `${where}: variant`, asString),
    config: parseConfig(config, `${where}: config`),
    onBuild: optional(config.OnBuild, `${where}: config.OnBuild`, asStrings) ?? [],
    diffIds: asArray(rootfs.diff_ids ?? [], `${where}: rootfs.diff_ids`).map((value, index) =>
      diffId(value, `${where}: rootfs.diff_ids[${index}]`),
    ),
    history: asArray(document.history ?? [], `${where}: history`).map((value, index) =>
      historyEntry(value, `${where}: history[${index}]`),
    ),
    buildCache: optional(document[BUILD_CACHE], `${where}: ${BUILD_CACHE}`, asString),
  };
}

/** The config blob's bytes; the same document gives the same bytes. */
export function encodeImageDocument(document: ImageDocument): Buffer {
  const { created, author, architecture, os, variant, config, onBuild, diffIds, history, buildCache } = document;
  return Buffer.from(
    JSON.stringify({
      created,
      author,
      architecture,
      os,
      variant,
      config: { ...encodeConfig(config), OnBuild: unlessEmpty(onBuild) },
      rootfs: { type: 'layers', diff_ids: diffIds },
      history,
      [BUILD_CACHE]: buildCache,
    }),
  );
}

export function emptyImageDocument(platform: Platform): ImageDocument {
  return {
    created: undefined,
    author: undefined,
    architecture: platform.architecture,
    os: platform.os,
    variant: normalVariant(platform) || undefined,
    config: ImageConfig.create(),
    onBuild: [],
    diffIds: [],
    history: [],
  };
}

/** Milliseconds since the epoch; 0 when it isn't said, or not as RFC 3339. */
export function createdAtMs(document: ImageDocument): number {
  const time = Date.parse(document.created ?? '');
  return Number.isNaN(time) ? 0 : time;
}

function parseConfig(fields: Readonly<Record<string, unknown>>, where: string): ImageConfig {
  return {
    entrypoint: [...(optional(fields.Entrypoint, `${where}.Entrypoint`, asStrings) ?? [])],
    command: [...(optional(fields.Cmd, `${where}.Cmd`, asStrings) ?? [])],
    env: [...(optional(fields.Env, `${where}.Env`, asStrings) ?? [])],
    dir: optional(fields.WorkingDir, `${where}.WorkingDir`, asString) ?? '',
    user: optional(fields.User, `${where}.User`, asString) ?? '',
    exposedPorts: [...(optional(fields.ExposedPorts, `${where}.ExposedPorts`, asKeySet) ?? [])],
    volumes: [...(optional(fields.Volumes, `${where}.Volumes`, asKeySet) ?? [])],
    labels: { ...optional(fields.Labels, `${where}.Labels`, asStringMap) },
    stopSignal: optional(fields.StopSignal, `${where}.StopSignal`, asString) ?? '',
    healthcheck: optional(fields.Healthcheck, `${where}.Healthcheck`, parseHealthcheck),
    shell: [...(optional(fields.Shell, `${where}.Shell`, asStrings) ?? [])],
  };
}

function encodeConfig(config: ImageConfig): Record<string, unknown> {
  return {
    User: config.user || undefined,
    ExposedPorts: keySet(config.exposedPorts),
    Env: unlessEmpty(config.env),
    Entrypoint: unlessEmpty(config.entrypoint),
    Cmd: unlessEmpty(config.command),
    Volumes: keySet(config.volumes),
    WorkingDir: config.dir || undefined,
    Labels: Object.keys(config.labels).length === 0 ? undefined : config.labels,
    StopSignal: config.stopSignal || undefined,
    Healthcheck: config.healthcheck === undefined ? undefined : encodeHealthcheck(config.healthcheck),
    Shell: unlessEmpty(config.shell),
  };
}

/** Docker writes durations as nanoseconds. */
const NS_PER_MS = 1_000_000;

function parseHealthcheck(value: unknown, where: string): Healthcheck {
  const fields = asObject(value, where);
  const duration = (key: string) => Math.round((optional(fields[key], `${where}.${key}`, asCount) ?? 0) / NS_PER_MS);
  return {
    test: [...(optional(fields.Test, `${where}.Test`, asStrings) ?? [])],
    intervalMs: duration('Interval'),
    timeoutMs: duration('Timeout'),
    retries: optional(fields.Retries, `${where}.Retries`, asCount) ?? 0,
    startPeriodMs: duration('StartPeriod'),
    startIntervalMs: duration('StartInterval'),
  };
}

function encodeHealthcheck(healthcheck: Healthcheck): Record<string, unknown> {
  const duration = (milliseconds: number) => (milliseconds === 0 ? undefined : milliseconds * NS_PER_MS);
  return {
    Test: healthcheck.test,
    Interval: duration(healthcheck.intervalMs),
    Timeout: duration(healthcheck.timeoutMs),
    StartPeriod: duration(healthcheck.startPeriodMs),
    StartInterval: duration(healthcheck.startIntervalMs),
    Retries: healthcheck.retries || undefined,
  };
}

function diffId(value: unknown, where: string): Digest {
  const text = asString(value, where);
  if (!isDigest(text)) throw new GantryError('INVALID_ARGUMENT', `${where} is not a sha256 digest`);
  return text;
}

function historyEntry(value: unknown, where: string): HistoryEntry {
  const fields = asObject(value, where);
  return {
    created: optional(fields.created, `${where}.created`, asString),
    created_by: optional(fields.created_by, `${where}.created_by`, asString),
    author: optional(fields.author, `${where}.author`, asString),
    comment: optional(fields.comment, `${where}.comment`, asString),
    empty_layer: fields.empty_layer === true ? true : undefined,
  };
}

function keySet(keys: readonly string[]): Record<string, object> | undefined {
  return keys.length === 0 ? undefined : Object.fromEntries([...keys].sort(compareText).map((key) => [key, {}]));
}

function unlessEmpty(list: readonly string[]): readonly string[] | undefined {
  return list.length === 0 ? undefined : list;
}
