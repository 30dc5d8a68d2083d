/* The process's standard input: a pipe's end or a terminal's master, written as fast as the process reads. */
#ifndef GANTRY_SHIM_INPUT_H
#define GANTRY_SHIM_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

/* Takes the descriptor, or -1 for a process without input. */
void input_open(int fd, bool terminal);
/* Takes the data, which is freed; connection_stdin_taken follows when the process has it. */
void input_write(struct connection *from, uint8_t *data, size_t length);
/* End of input after all that was written before. A terminal stays open: its end-of-file character is sent. */
void input_end(void);
/* Drops what the connection has written and nobody has taken. */
void input_forget(const struct connection *connection);
/* After the process's end: all that is outstanding counts as taken. */
void input_close(void);

#endif
