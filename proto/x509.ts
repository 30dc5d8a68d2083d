/** X.509 certificates. Takes a tenth of a second to load and some memory: import it where a certificate is made, and then. */
// The library's dependency injection looks for it as soon as it is loaded.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** Of all keys and signatures: ECDSA on P-256 with SHA-256. */
export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;

export { x509 };
