/* The shim: a container's parent, which outlives the agent. */
#ifndef GANTRY_SHIM_H
#define GANTRY_SHIM_H

/*
 * Runs the OCI runtime's create, writes one JSON line to standard output, {"pid":N} or
 * {"error":"...","code":"COMMAND_NOT_FOUND|COMMAND_NOT_RUNNABLE|HOST"}, closes it, and serves
 * STATE_DIR/shim.sock (protocol.h) until the container has ended. Returns the exit status.
 *
 * `own_runtime` is main() of the OCI runtime that this program is itself: where --runtime names it, its commands are
 * run in a fork of the shim.
 */
int shim_main(int argc, char **argv, int (*own_runtime)(int argc, char **argv));

#endif
