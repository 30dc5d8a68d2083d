/**
 * The templates in services, secrets and configs, as swarm's: what they can name, whether one can be expanded at all, and
 * its expansion on the node of a task. Pure.
 */
import { CallError, FUNCTIONS, type TemplateFunction, type TemplateFunctions } from './functions.ts';
import { parseTemplate } from './parser.ts';
import { checkShape, type Shape, TEXT } from './shape-check.ts';
import type { Node } from './syntax.ts';
import { executeTemplate } from './template.ts';
import type { Fields } from './values.ts';

/** The one driver that there is: `template_driver` of a secret or config. Without one its content is taken as it is. */
export const TEMPLATE_DRIVER = 'golang';

/** What is known where a task runs. */
export interface TemplateFacts {
  readonly service: { readonly id: string; readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly node: {
    readonly id: string;
    readonly hostname: string;
    readonly os: string;
    readonly architecture: string;
  };
  /** `slot`: of a global service the node's id. */
  readonly task: { readonly id: string; readonly name: string; readonly slot: string };
}

/** What the content of a secret or config can ask for besides; each gives undefined for what isn't there. */
export interface ContentSources {
  /** A variable of the task's environment. */
  readonly env: (name: string) => string | undefined;
  /** The task's secret or config with this target. */
  readonly secret: (target: string) => string | undefined;
  readonly config: (target: string) => string | undefined;
}

const SHAPE: Shape = {
  kind: 'struct',
  fields: {
    Service: { kind: 'struct', fields: { ID: TEXT, Name: TEXT, Labels: { kind: 'map', of: TEXT } } },
    Node: {
      kind: 'struct',
      fields: {
        ID: TEXT,
        Hostname: TEXT,
        Platform: { kind: 'struct', fields: { OS: TEXT, Architecture: TEXT } },
      },
    },
    Task: { kind: 'struct', fields: { ID: TEXT, Name: TEXT, Slot: TEXT } },
  },
};

const CONTENT_FUNCTIONS = contentFunctions({ env: () => '', secret: () => '', config: () => '' });

/** Throws TemplateError for a text of a service that can't be expanded on any node. */
export function checkServiceTemplate(text: string): void {
  check(text, FUNCTIONS);
}

/** Throws TemplateError for the content of a secret or config that can't be expanded on any node. */
export function checkContentTemplate(text: string): void {
  check(text, CONTENT_FUNCTIONS);
}

/** Throws TemplateError. */
export function expandServiceTemplate(text: string, facts: TemplateFacts): string {
  return isTemplate(text) ? executeTemplate(parseTemplate(text), valuesOf(facts), FUNCTIONS) : text;
}

/** Throws TemplateError, also for a secret or config that the task hasn't got. */
export function expandContentTemplate(text: string, facts: TemplateFacts, sources: ContentSources): string {
  const functions = contentFunctions(sources);
  return executeTemplate(parseTemplate(text, functions), valuesOf(facts), functions);
}

function isTemplate(text: string): boolean {
  return text.includes('{{');
}

function check(text: string, functions: TemplateFunctions): void {
  if (!isTemplate(text)) return;
  const nodes: readonly Node[] = parseTemplate(text, functions);
  checkShape(nodes, SHAPE, functions);
}

function contentFunctions({ env, secret, config }: ContentSources): TemplateFunctions {
  const file =
    (kind: string, find: (target: string) => string | undefined): TemplateFunction =>
    (target) => {
      const content = find(String(target));
      if (content === undefined) throw new CallError(`the service has no ${kind} with the target "${String(target)}"`);
      return content;
    };
  return new Map([
    ...FUNCTIONS,
    ['env', (name) => env(String(name)) ?? ''],
    ['secret', file('secret', secret)],
    ['config', file('config', config)],
  ]);
}

function valuesOf({ service, node, task }: TemplateFacts): Fields {
  return {
    Service: { ID: service.id, Name: service.name, Labels: new Map(Object.entries(service.labels)) },
    Node: {
      ID: node.id,
      Hostname: node.hostname,
      Platform: { OS: node.os, Architecture: node.architecture },
    },
    Task: { ID: task.id, Name: task.name, Slot: task.slot },
  };
}
