#include "capabilities.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int
capability_add (uint64_t *set, const char *name, struct error *err)
{
  cap_value_t value;

  if (strncmp (name, "CAP_", 4) != 0 || cap_from_name (name, &value) < 0)
    return error_set (err, 0, "unknown capability \"%s\"", name);
  *set |= UINT64_C (1) << value;
  return 0;
}

uint64_t
capabilities_known (void)
{
  return (UINT64_C (1) << cap_max_bits ()) - 1;
}

int
capabilities_drop_bounding (uint64_t keep, struct error *err)
{
  for (int value = 0; value < cap_max_bits (); value++)
    if (!(keep & UINT64_C (1) << value) && cap_get_bound (value) == 1 && cap_drop_bound (value) < 0)
      return error_set (err, errno, "drop capability %d from the bounding set", value);
  return 0;
}

/* capset(2) itself: libcap's cap_set_proc allocates, and this also runs after a seccomp filter is in place. */
int
capabilities_set (uint64_t effective, uint64_t permitted, uint64_t inheritable, struct error *err)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[2];

  for (int word = 0; word < 2; word++)
    {
      data[word].effective = (uint32_t) (effective >> (32 * word));
      data[word].permitted = (uint32_t) (permitted >> (32 * word));
      data[word].inheritable = (uint32_t) (inheritable >> (32 * word));
    }
  if (syscall (SYS_capset, &header, data) < 0)
    return error_set (err, errno, "set capabilities");
  return 0;
}

int
capabilities_set_ambient (uint64_t ambient, struct error *err)
{
  if (prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
    return error_set (err, errno, "clear ambient capabilities");
  for (int value = 0; value < cap_max_bits (); value++)
    if (ambient & UINT64_C (1) << value && prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, value, 0, 0) < 0)
      return error_set (err, errno, "raise ambient capability %d", value);
  return 0;
}
