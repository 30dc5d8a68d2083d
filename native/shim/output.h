/* The process's output: pipes, or a terminal's master, read into the log and to those who are attached. */
#ifndef GANTRY_SHIM_OUTPUT_H
#define GANTRY_SHIM_OUTPUT_H

#include "shim/log_file.h"

/* Takes the descriptors, which don't block; -1 for none. */
void output_open(const int fds[STREAM_COUNT], struct log_file *log);
/*
 * Stops reading while a client that wants all output is behind, or the log is full, and goes on afterwards. Between events:
 * for how long to wait for the next one, in milliseconds; -1 for as long as it takes.
 */
int output_update(void);
/* Reads what is still there, whoever is behind, and closes. A process that has escaped can't hold this up. */
void output_finish(void);

#endif
