/** What making and reading the files of layers asks of the kernel beside Node's own calls. */
import type { Native } from '../../../native/addon/native.ts';

export type LayerNative = Pick<Native, 'mknod' | 'getXattr' | 'setXattr' | 'listXattr'>;
