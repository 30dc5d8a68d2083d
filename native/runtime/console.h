#ifndef GANTRY_RUNTIME_CONSOLE_H
#define GANTRY_RUNTIME_CONSOLE_H

#include "error.h"
#include "spec.h"

/* A pseudo terminal of the container's own devpts. ROOT is the container's root. Both ends are close-on-exec. */
int console_open (int root, const struct process_spec *process, int *master, int *slave, struct error *err);

/* Shows the terminal as /dev/console. */
int console_bind (int root, int slave, struct error *err);

/* Makes the terminal the controlling one of the calling session leader, and its standard streams. */
int console_become (int slave, struct error *err);

/* The socket given with --console-socket, and the master's way through it (SCM_RIGHTS, as with runc). */
int console_connect (const char *socket_path, struct error *err);
int console_send (int socket, int master, struct error *err);
int console_receive (int socket, struct error *err);

int console_resize (int master, unsigned rows, unsigned columns, struct error *err);

#endif
