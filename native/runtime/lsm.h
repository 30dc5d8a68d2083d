#ifndef GANTRY_RUNTIME_LSM_H
#define GANTRY_RUNTIME_LSM_H

#include "error.h"
#include "spec.h"

/* Refuses labels and profiles that this kernel can't enforce. */
int lsm_check (const struct spec *spec, const struct process_spec *process, struct error *err);

/* Opens the host's file that takes the profile for the next execve, while the host's /proc is still there. Returns
 * -1 without error when the process has no profile. */
int lsm_open (const struct process_spec *process, int *fd, struct error *err);
int lsm_set_exec_profile (int fd, const struct process_spec *process, struct error *err);

#endif
