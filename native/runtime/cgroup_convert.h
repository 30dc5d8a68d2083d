#ifndef GANTRY_RUNTIME_CGROUP_CONVERT_H
#define GANTRY_RUNTIME_CGROUP_CONVERT_H

#include <stdint.h>

/* OCI's resources are in cgroup v1's units; these turn them into v2's. */

/* cpu.shares 2..262144 → cpu.weight 1..10000, with the defaults 1024 → 100. */
uint64_t cgroup_weight_from_shares (uint64_t shares);

/* blkio.weight 10..1000 → io.weight 1..10000. */
uint64_t cgroup_io_weight_from_blkio (uint64_t weight);

#endif
