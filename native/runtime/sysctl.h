#ifndef GANTRY_RUNTIME_SYSCTL_H
#define GANTRY_RUNTIME_SYSCTL_H

#include "error.h"
#include "spec.h"

/* Refuses what would change the host: only values that belong to one of the container's own namespaces may be set. */
int sysctl_check (const struct spec *spec, struct error *err);

/* Writes linux.sysctl through the host's /proc, which the image can't fake: the values written are those of the
 * calling process's namespaces. */
int sysctl_apply (const struct spec *spec, struct error *err);

#endif
