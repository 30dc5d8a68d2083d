#ifndef GANTRY_RUNTIME_SELF_EXE_H
#define GANTRY_RUNTIME_SELF_EXE_H

#include "error.h"

/* A container can get at the binary that runs in it before its own program does, through /proc/PID/exe, and keep it
 * open until it may be written to (CVE-2019-5736). So commands that enter a container first execute themselves again
 * from a private read-only mount of the binary, which no one can make writable, or else from a sealed copy in memory.
 * Returns when that is so already. */
int self_exe_protect (char **argv, struct error *err);

#endif
