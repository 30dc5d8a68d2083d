#ifndef GANTRY_RUNTIME_COPY_UP_H
#define GANTRY_RUNTIME_COPY_UP_H

#include "error.h"

/* Copies what lies in directory SOURCE (may be O_PATH) into the empty directory TARGET, with owners and modes.
 * Sockets are left out, because a copy of one is of no use. */
int copy_up (int source, int target, struct error *err);

#endif
