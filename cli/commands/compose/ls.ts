/** `compose ls`: the projects there are, and how many of their containers run. */
import type { Command } from 'commander';
import { ControlClient, type ServiceSummary } from '../../../proto/generated/gantry/v1/control.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { type Cli, print } from '../../cli.ts';
import { collect } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { type Listing, renderListing } from '../../format/listing.ts';
import { STACK_LABEL } from '../../format/rows/service-row.ts';
import { parseFilters } from '../../options/listing-options.ts';

interface LsOptions {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly filter: readonly string[];
  readonly format?: string;
}

const LISTING: Listing = {
  headings: { Name: 'NAME', Status: 'STATUS' },
  defaultTable: '{{.Name}}\t{{.Status}}',
  quietField: 'Name',
};

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'also projects of which nothing runs')
    .option('-q, --quiet', 'print only names')
    .option('--filter <name=value>', 'only what matches: name=PART', collect, [])
    .option('--format <template>', "'table', 'json' or a Go template")
    .action(async ({ all = false, quiet = false, filter, format }: LsOptions) => {
      const names = parseFilters(filter, ['name']).map(({ value }) => value);
      const { services } = await withClient(ControlClient, cli, (control) =>
        ask(control, control.serviceList, { stack: '', references: [] }),
      );
      const shown = projectRows(services, all).filter(({ Name }) => names.every((part) => String(Name).includes(part)));
      // Docker Compose gives programs one list.
      const isList = format === 'json' && !quiet;
      await print(cli, isList ? `${JSON.stringify(shown)}\n` : renderListing(LISTING, shown, { format, quiet }));
    });
}

/** By name: "running(3)", or "exited(2)" where nothing runs. */
export function projectRows(services: readonly ServiceSummary[], all: boolean): Fields[] {
  const projects = new Map<string, { running: number; services: number }>();
  for (const { service, runningTasks } of services) {
    const project = service?.spec?.annotations?.labels[STACK_LABEL];
    if (project === undefined) continue;
    const known = projects.get(project) ?? { running: 0, services: 0 };
    projects.set(project, { running: known.running + runningTasks, services: known.services + 1 });
  }
  return [...projects]
    .filter(([, { running }]) => all || running > 0)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, { running, services: count }]) => ({
      Name: name,
      Status: running > 0 ? `running(${running})` : `exited(${count})`,
    }));
}
