/** Who may use the cluster from afar: one object for each certificate that was given out and isn't revoked. */
import type { ClientCertificate, Meta } from '../../proto/generated/gantry/v1/types.ts';
import { completeMeta, type ObjectType } from './object-type.ts';

export interface ClientCertificateObject extends Readonly<Omit<ClientCertificate, 'meta'>> {
  readonly meta: Meta;
}

export const clientCertificateType: ObjectType<ClientCertificate, ClientCertificateObject, never> = {
  complete: (raw) => ({ ...raw, meta: completeMeta(raw.meta) }),
  nameOf: ({ name }) => name,
  indexes: {},
};
