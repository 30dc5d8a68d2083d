#ifndef GANTRY_RUNTIME_CAPABILITIES_H
#define GANTRY_RUNTIME_CAPABILITIES_H

#include "error.h"

#include <stdint.h>

/* Sets of capabilities are bit masks: bit CAP_X for CAP_X. */

/* Adds "CAP_NAME" (OCI's form) to SET. */
int capability_add (uint64_t *set, const char *name, struct error *err);

/* All that this kernel knows. */
uint64_t capabilities_known (void);

/* Limits what any later execve can gain. Needs CAP_SETPCAP, so it comes before the user is changed. */
int capabilities_drop_bounding (uint64_t keep, struct error *err);

/* Sets the calling thread's sets. The ambient set follows INHERITABLE and PERMITTED, which must contain it. */
int capabilities_set (uint64_t effective, uint64_t permitted, uint64_t inheritable, struct error *err);
int capabilities_set_ambient (uint64_t ambient, struct error *err);

#endif
