/**
 * The newest format of tasks' specs that agents of this version honour in all they say. Raised with whatever an older agent
 * would ignore without a word; it then has the number of the managers' state format that brings it.
 */
export const TASK_FORMAT = 6;
