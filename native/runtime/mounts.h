#ifndef GANTRY_RUNTIME_MOUNTS_H
#define GANTRY_RUNTIME_MOUNTS_H

#include "cgroup.h"
#include "error.h"
#include "mount_options.h"
#include "spec.h"

/* Mounts are made with Linux's descriptor-based calls (5.12 and newer): a mount gets all its attributes while nobody
 * can see it, and is then put onto a directory that is held open, so that no path is resolved twice. */

struct mount_context
{
  const struct spec *spec;
  const struct cgroup *cgroup;
  int root;           /* the container's root file system */
  const int *sources; /* of mounts_open_sources */
};

/* Opens what the spec's bind mounts start from, as detached mounts: one per mount of the spec, -1 where it is no bind
 * mount. It is done first, while the process is the host's root: the root of a user namespace may not reach them.
 * Relative sources are looked for in BUNDLE. */
int mounts_open_sources (const struct spec *spec, const char *bundle, int **sources, struct error *err);
void mounts_close_sources (const struct spec *spec, int *sources);

/* All of the spec's mounts, in its order. Those that are to be read-only but in which more has yet to be made stay
 * writable until mounts_finish. */
int mounts_make (const struct mount_context *context, struct error *err);
int mounts_finish (const struct mount_context *context, struct error *err);

/* A new instance of a file system, not attached anywhere. SOURCE may be NULL. */
int mount_new (const char *type, const char *source, const struct mount_options *options, struct error *err);

/* A detached copy of the mount at PATH below DIRFD (AT_FDCWD: on the host); PATH "" is DIRFD itself. */
int mount_copy (int dirfd, const char *path, bool recursive, struct error *err);

/* Sets attributes, and propagation (MS_* or 0), of an attached or detached mount. */
int mount_change (int mount, bool recursive, uint64_t set, uint64_t clear, unsigned long propagation,
                  struct error *err);

/* Puts a detached mount on TARGET. WHERE is for the message. */
int mount_attach (int mount, int target, const char *where, struct error *err);

/* DESTINATION of a mount of type "cgroup". */
int mount_cgroup (const struct mount_context *context, const char *destination, const struct mount_options *options,
                  struct error *err);

#endif
