/** Receives what happens, line by line; undefined when nobody looks, and then no line is made. */
export type Trace = ((line: string) => void) | undefined;
