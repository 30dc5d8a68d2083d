#ifndef GANTRY_RUNTIME_DEVICES_H
#define GANTRY_RUNTIME_DEVICES_H

#include "error.h"
#include "spec.h"

/* Fills the container's /dev: the standard nodes, the spec's own, /dev/ptmx, and the symlinks to /proc/self/fd.
 * Nothing is done when /dev is a bind mount, because it is the host's then. */
int devices_make (const struct spec *spec, int root, struct error *err);

#endif
