#include "cgroup_convert.h"

#include <math.h>

/* The quadratic in log2(shares) through (2, 1), (1024, 100) and (262144, 10000) in logarithmic scale: the formula
 * that runc 1.3 and crun 1.23 have agreed on, because a straight line makes 39 of the default 1024. */
uint64_t
cgroup_weight_from_shares (uint64_t shares)
{
  double l;

  if (shares <= 2)
    return 1;
  if (shares >= 262144)
    return 10000;
  l = log2 ((double) shares);
  return (uint64_t) ceil (pow (10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

uint64_t
cgroup_io_weight_from_blkio (uint64_t weight)
{
  if (weight <= 10)
    return 1;
  if (weight >= 1000)
    return 10000;
  return 1 + (weight - 10) * 9999 / 990;
}
