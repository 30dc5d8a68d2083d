#ifndef GANTRY_RUNTIME_SIGNALS_H
#define GANTRY_RUNTIME_SIGNALS_H

/* "TERM", "SIGTERM", "15", "RTMIN+3" → the number; -1 when there is no such signal. */
int signal_from_name (const char *name);

#endif
