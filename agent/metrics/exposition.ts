/**
 * Prometheus' text format for many values with the same labels each: a host's containers have thousands, which take ten
 * times as long through a registry, that also keeps them. Pure. Source: Prometheus' "Exposition formats".
 */

export interface Family<Subject> {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** Of one subject; none where it has no such value. `labels`: beside the subject's own. */
  samples(subject: Subject): readonly FamilySample[];
}

export interface FamilySample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface LabelledSubject<Subject> {
  /** As `renderLabels` gives them. */
  readonly labels: string;
  readonly subject: Subject;
}

/** Those without a value are left out, which is the same to Prometheus. */
export function renderLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}="${escapeValue(value)}"`)
    .join(',');
}

/** Empty when no subject has a value. */
export function renderFamily<Subject>(
  { name, type, help, samples }: Family<Subject>,
  subjects: readonly LabelledSubject<Subject>[],
): string {
  const lines = subjects.flatMap(({ labels, subject }) =>
    samples(subject).map((sample) => {
      const own = sample.labels === undefined ? '' : `,${renderLabels(sample.labels)}`;
      return `${name}{${labels}${own}} ${sample.value}\n`;
    }),
  );
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
