/** The list of services: of a stack, or of all. */
import { ControlClient, type ServiceSummary } from '../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { CliError } from '../failure.ts';
import { renderListing } from '../format/listing.ts';
import { modeName, SERVICE_LISTING, serviceName, serviceRow } from '../format/rows/service-row.ts';
import {
  type Filter,
  type ListOptions,
  matchesFilters,
  matchesLabel,
  parseFilters,
} from '../options/listing-options.ts';

/** An empty stack is all services. A stack without services is an error: nothing else makes a stack. */
export async function listServices(cli: Cli, stack: string, options: ListOptions): Promise<void> {
  const filters = parseFilters(options.filter, ['id', 'name', 'mode', 'label']);
  const { services } = await withClient(ControlClient, cli, (control) =>
    ask(control, control.serviceList, { stack, references: [] }),
  );
  if (stack !== '' && services.length === 0) throw noSuchStack(stack);
  const rows = services
    .filter((summary) => matchesFilters(filters, (filter) => matches(summary, filter)))
    .sort((a, b) => serviceName(a.service).localeCompare(serviceName(b.service)))
    .map(serviceRow);
  await print(cli, renderListing(SERVICE_LISTING, rows, { format: options.format, quiet: options.quiet ?? false }));
}

export function noSuchStack(stack: string): CliError {
  return new CliError(`nothing found in stack: ${stack}`, { hint: "'gantry stack ls' lists the stacks" });
}

function matches({ service }: ServiceSummary, { key, value }: Filter): boolean {
  if (key === 'id') return service?.id.startsWith(value) ?? false;
  if (key === 'name') return serviceName(service).startsWith(value);
  if (key === 'mode') return modeName(service) === value;
  return matchesLabel(service?.spec?.annotations?.labels ?? {}, value);
}
