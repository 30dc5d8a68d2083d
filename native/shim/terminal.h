/* The container's terminal: the runtime makes it, and sends its master over a socket. */
#ifndef GANTRY_SHIM_TERMINAL_H
#define GANTRY_SHIM_TERMINAL_H

#include <stdint.h>

#define CONSOLE_SOCKET "console.sock"

/* A unix socket of that name in the directory, mode 0600, listening; -1 with errno. An old one is replaced. */
int listen_in(int directory_fd, const char *name);
/* Takes the terminal's master from a runtime that has connected; -1 with errno. */
int terminal_receive(int listener);
void terminal_resize(int master, uint16_t rows, uint16_t columns);
/* What stands for end of input: control-D, or 0 when the terminal is in raw mode and has no such thing. */
char terminal_end_of_input(int master);

#endif
