/** Contexts as `context ls` lists them. */
import type { Fields } from '../../../proto/template/values.ts';
import type { Listing } from '../listing.ts';

export const CONTEXT_LISTING: Listing = {
  headings: {
    Name: 'NAME',
    Description: 'DESCRIPTION',
    DockerEndpoint: 'ENDPOINT',
    Error: 'ERROR',
    // Empty, so that the heading has no star.
    Current: '',
  },
  defaultTable: '{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}',
  quietField: 'Name',
};

export interface ContextSummary {
  readonly name: string;
  readonly description: string;
  readonly hosts: readonly string[];
  readonly isCurrent: boolean;
  /** Why it can't be used; empty: it can, as far as can be seen from here. */
  readonly error: string;
}

export function contextRow({ name, description, hosts, isCurrent, error }: ContextSummary): Fields {
  return {
    Current: isCurrent,
    Description: description,
    DockerEndpoint: hosts.join(','),
    Error: error,
    Name: name,
  };
}
