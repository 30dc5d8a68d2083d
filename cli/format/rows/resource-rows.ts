/** Networks, volumes, secrets and configs as their lists show them. */
import type { NodeVolume } from '../../../proto/generated/gantry/v1/control.ts';
import type { LocalNetwork, Volume } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Config, Secret } from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { matchesLabel } from '../../options/listing-options.ts';
import { ago, goTime } from '../duration.ts';
import type { Listing } from '../listing.ts';
import { shortId } from '../table.ts';
import { labelText } from './container-row.ts';

export const NETWORK_LISTING: Listing = {
  headings: {
    ID: 'NETWORK ID',
    Name: 'NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    IPv6: 'IPV6',
    Internal: 'INTERNAL',
    CreatedAt: 'CREATED AT',
    Labels: 'LABELS',
  },
  defaultTable: '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}',
  quietField: 'ID',
};

export interface NetworkSummary {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly scope: 'local' | 'swarm';
  readonly internal: boolean;
  /** Empty: none. */
  readonly ipv6Subnet: string;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
}

export function localNetworkSummary(network: LocalNetwork): NetworkSummary {
  return { ...network, scope: network.cluster ? 'swarm' : 'local' };
}

export function networkRow(network: NetworkSummary, truncate: boolean): Fields {
  return {
    get CreatedAt() {
      return goTime(network.createdAtMs);
    },
    Driver: network.driver,
    ID: truncate ? shortId(network.id) : network.id,
    IPv6: String(network.ipv6Subnet !== ''),
    Internal: String(network.internal),
    Label: (name) => network.labels[String(name)] ?? '',
    Labels: labelText(network.labels),
    Name: network.name,
    Scope: network.scope,
  };
}

export const VOLUME_LISTING: Listing = {
  headings: {
    Driver: 'DRIVER',
    Name: 'VOLUME NAME',
    Scope: 'SCOPE',
    Mountpoint: 'MOUNTPOINT',
    Labels: 'LABELS',
    Links: 'LINKS',
    Size: 'SIZE',
    Status: 'STATUS',
    Availability: 'AVAILABILITY',
    Group: 'GROUP',
  },
  defaultTable: '{{.Driver}}\t{{.Name}}',
  quietField: 'Name',
};

export function volumeRow(volume: Volume): Fields {
  return {
    Availability: 'N/A',
    Driver: volume.driver === '' ? 'local' : volume.driver,
    Group: 'N/A',
    Label: (name) => volume.labels[String(name)] ?? '',
    Labels: labelText(volume.labels),
    Links: 'N/A',
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Scope: 'local',
    Size: 'N/A',
    Status: 'N/A',
  };
}

/** Of a project's volumes; with several nodes, each row has its own. */
export function nodeVolumeListing(nodes: number): Listing {
  return {
    headings: { Driver: 'DRIVER', Name: 'VOLUME NAME', Node: 'NODE', Labels: 'LABELS' },
    defaultTable: nodes > 1 ? '{{.Driver}}\t{{.Name}}\t{{.Node}}' : '{{.Driver}}\t{{.Name}}',
    quietField: 'Name',
  };
}

export function nodeVolumeRow({ nodeName, volume, driver, labels }: NodeVolume): Fields {
  return {
    Driver: driver === '' ? 'local' : driver,
    Label: (name) => labels[String(name)] ?? '',
    Labels: labelText(labels),
    Name: volume,
    Node: nodeName,
  };
}

const DATED = { CreatedAt: 'CREATED', UpdatedAt: 'UPDATED', Labels: 'LABELS' };

export const SECRET_LISTING: Listing = {
  headings: { ID: 'ID', Name: 'NAME', Driver: 'DRIVER', ...DATED },
  defaultTable: '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}',
  quietField: 'ID',
};

export const CONFIG_LISTING: Listing = {
  headings: { ID: 'ID', Name: 'NAME', ...DATED },
  defaultTable: '{{.ID}}\t{{.Name}}\t{{.CreatedAt}}\t{{.UpdatedAt}}',
  quietField: 'ID',
};

/** Secrets and configs alike; of both only the data differs, and that isn't shown. */
export function secretRow(object: Secret | Config, nowMs: number): Fields {
  const labels = object.spec?.annotations?.labels ?? {};
  return {
    CreatedAt: ago(object.meta?.createdAtMs ?? 0, nowMs),
    Driver: '',
    ID: object.id,
    Label: (name) => labels[String(name)] ?? '',
    Labels: labelText(labels),
    Name: object.spec?.annotations?.name ?? '',
    UpdatedAt: ago(object.meta?.updatedAtMs ?? 0, nowMs),
  };
}

export const RESOURCE_FILTERS = ['id', 'name', 'label'];

export function matchesResource(object: Secret | Config, { key, value }: { key: string; value: string }): boolean {
  const { name = '', labels = {} } = object.spec?.annotations ?? {};
  if (key === 'id') return object.id.startsWith(value);
  return key === 'name' ? name.startsWith(value) : matchesLabel(labels, value);
}
