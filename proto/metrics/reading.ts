/** What is read of a process whenever somebody asks how it is. */

/** One value, with what tells it from others of the same name. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A number, or several with labels, that are looked up and not counted along: nothing is spent on them before that. */
export interface Reading {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  read(): readonly Sample[] | Promise<readonly Sample[]>;
}

/** Whether to send work here; `reason` is one line for an operator. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** A single number; undefined where there is none at present. */
export function numberReading(name: string, help: string, read: () => number | undefined): Reading {
  const samples = () => {
    const value = read();
    return value === undefined ? [] : [{ labels: {}, value }];
  };
  return { name, help, labels: [], read: samples };
}

/** How many there are in each state of an enumeration of the protocol, those in which there is none included. */
export class StateCounts {
  readonly #names: Readonly<Record<string, number>>;
  readonly #counts = new Map<number, number>();

  /** `names`: the enumeration as ts-proto writes it. */
  constructor(names: Readonly<Record<string, number>>) {
    this.#names = names;
    for (const [name, value] of Object.entries(names)) if (name !== 'UNRECOGNIZED') this.#counts.set(value, 0);
  }

  add(state: number): void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1);
  }

  /** By the states' names in lower case; of states that only a newer version has a name for, by their numbers. */
  samples(label: string): Sample[] {
    const names = new Map(Object.entries(this.#names).map(([name, value]) => [value, name.toLowerCase()]));
    return [...this.#counts].map(([state, value]) => ({
      labels: { [label]: names.get(state) ?? String(state) },
      value,
    }));
  }
}
