#ifndef GANTRY_RUNTIME_ROOTFS_H
#define GANTRY_RUNTIME_ROOTFS_H

#include "error.h"
#include "spec.h"

/* Cuts the new mount namespace off from the host's and makes the root file system a mount of its own. Returns an
 * O_PATH descriptor of it. */
int rootfs_prepare (const struct spec *spec, const char *bundle, struct error *err);

/* Covers maskedPaths and write-protects readonlyPaths. Paths that the image doesn't have are skipped. */
int rootfs_protect (const struct spec *spec, int root, struct error *err);

/* Makes ROOT "/" and lets go of the host's file systems. */
int rootfs_pivot (const struct spec *spec, int root, struct error *err);

#endif
