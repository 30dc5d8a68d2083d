#include "mount_options.h"

#include <string.h>
#include <sys/mount.h>

enum option_kind
{
  SET,
  CLEAR,
  RECURSIVE_SET,
  RECURSIVE_CLEAR,
  PROPAGATION,
  RECURSIVE_PROPAGATION,
  SUPERBLOCK, /* fsconfig flag of the same name */
  BIND,
  RECURSIVE_BIND,
  COPY_UP,
  DEFAULT, /* says what is so anyway */
  REFUSED,
};

/* The table of runtime-spec's config.md, "Linux mount options". */
static const struct
{
  const char *name;
  enum option_kind kind;
  uint64_t value;
} known_options[] = {
  { "async", DEFAULT, 0 },
  { "atime", CLEAR, MOUNT_ATTR_NOATIME },
  { "bind", BIND, 0 },
  { "defaults", DEFAULT, 0 },
  { "dev", CLEAR, MOUNT_ATTR_NODEV },
  { "diratime", CLEAR, MOUNT_ATTR_NODIRATIME },
  { "dirsync", SUPERBLOCK, 0 },
  { "exec", CLEAR, MOUNT_ATTR_NOEXEC },
  { "idmap", REFUSED, 0 },
  { "lazytime", SUPERBLOCK, 0 },
  { "loud", DEFAULT, 0 },
  { "noatime", SET, MOUNT_ATTR_NOATIME },
  { "nodev", SET, MOUNT_ATTR_NODEV },
  { "nodiratime", SET, MOUNT_ATTR_NODIRATIME },
  { "noexec", SET, MOUNT_ATTR_NOEXEC },
  { "nolazytime", DEFAULT, 0 },
  { "norelatime", SET, MOUNT_ATTR_STRICTATIME },
  { "nostrictatime", CLEAR, MOUNT_ATTR_STRICTATIME },
  { "nosuid", SET, MOUNT_ATTR_NOSUID },
  { "nosymfollow", SET, MOUNT_ATTR_NOSYMFOLLOW },
  { "private", PROPAGATION, MS_PRIVATE },
  { "ratime", RECURSIVE_CLEAR, MOUNT_ATTR_NOATIME },
  { "rbind", RECURSIVE_BIND, 0 },
  { "rdev", RECURSIVE_CLEAR, MOUNT_ATTR_NODEV },
  { "rdiratime", RECURSIVE_CLEAR, MOUNT_ATTR_NODIRATIME },
  { "relatime", CLEAR, MOUNT_ATTR_STRICTATIME },
  { "remount", REFUSED, 0 },
  { "rexec", RECURSIVE_CLEAR, MOUNT_ATTR_NOEXEC },
  { "ridmap", REFUSED, 0 },
  { "rnoatime", RECURSIVE_SET, MOUNT_ATTR_NOATIME },
  { "rnodev", RECURSIVE_SET, MOUNT_ATTR_NODEV },
  { "rnodiratime", RECURSIVE_SET, MOUNT_ATTR_NODIRATIME },
  { "rnoexec", RECURSIVE_SET, MOUNT_ATTR_NOEXEC },
  { "rnorelatime", RECURSIVE_SET, MOUNT_ATTR_STRICTATIME },
  { "rnostrictatime", RECURSIVE_CLEAR, MOUNT_ATTR_STRICTATIME },
  { "rnosuid", RECURSIVE_SET, MOUNT_ATTR_NOSUID },
  { "rnosymfollow", RECURSIVE_SET, MOUNT_ATTR_NOSYMFOLLOW },
  { "ro", SET, MOUNT_ATTR_RDONLY },
  { "rprivate", RECURSIVE_PROPAGATION, MS_PRIVATE },
  { "rrelatime", RECURSIVE_CLEAR, MOUNT_ATTR_STRICTATIME },
  { "rro", RECURSIVE_SET, MOUNT_ATTR_RDONLY },
  { "rrw", RECURSIVE_CLEAR, MOUNT_ATTR_RDONLY },
  { "rshared", RECURSIVE_PROPAGATION, MS_SHARED },
  { "rslave", RECURSIVE_PROPAGATION, MS_SLAVE },
  { "rstrictatime", RECURSIVE_SET, MOUNT_ATTR_STRICTATIME },
  { "rsuid", RECURSIVE_CLEAR, MOUNT_ATTR_NOSUID },
  { "rsymfollow", RECURSIVE_CLEAR, MOUNT_ATTR_NOSYMFOLLOW },
  { "runbindable", RECURSIVE_PROPAGATION, MS_UNBINDABLE },
  { "rw", CLEAR, MOUNT_ATTR_RDONLY },
  { "shared", PROPAGATION, MS_SHARED },
  { "silent", DEFAULT, 0 },
  { "slave", PROPAGATION, MS_SLAVE },
  { "strictatime", SET, MOUNT_ATTR_STRICTATIME },
  { "suid", CLEAR, MOUNT_ATTR_NOSUID },
  { "symfollow", CLEAR, MOUNT_ATTR_NOSYMFOLLOW },
  { "sync", SUPERBLOCK, 0 },
  { "tmpcopyup", COPY_UP, 0 },
  { "unbindable", PROPAGATION, MS_UNBINDABLE },
};

/* The access time modes exclude each other and are one field of the kernel's: setting or taking back one of them
 * starts from "relatime", which is the field's 0. */
static void
change_attributes (uint64_t *set, uint64_t *clear, uint64_t attribute, bool on)
{
  uint64_t field = attribute;

  if (attribute == MOUNT_ATTR_NOATIME || attribute == MOUNT_ATTR_STRICTATIME)
    field = MOUNT_ATTR__ATIME;
  *set = (*set & ~field) | (on ? attribute : 0);
  if (field == MOUNT_ATTR__ATIME || !on)
    *clear |= field;
  else
    *clear &= ~field;
}

static int
apply_option (struct mount_options *options, size_t known, struct error *err)
{
  uint64_t value = known_options[known].value;
  enum option_kind kind = known_options[known].kind;

  switch (kind)
    {
    case SET:
    case CLEAR:
      change_attributes (&options->set, &options->clear, value, kind == SET);
      return 0;
    case RECURSIVE_SET:
    case RECURSIVE_CLEAR:
      change_attributes (&options->recursive_set, &options->recursive_clear, value, kind == RECURSIVE_SET);
      return 0;
    case PROPAGATION:
    case RECURSIVE_PROPAGATION:
      options->propagation[options->propagation_count].type = value;
      options->propagation[options->propagation_count++].recursive = kind == RECURSIVE_PROPAGATION;
      return 0;
    case SUPERBLOCK:
      options->superblock_flags[options->superblock_flag_count++] = known_options[known].name;
      return 0;
    case BIND:
      options->bind = true;
      return 0;
    case RECURSIVE_BIND:
      options->bind = options->recursive_bind = true;
      return 0;
    case COPY_UP:
      options->copy_up = true;
      return 0;
    case DEFAULT:
      return 0;
    case REFUSED:
      break;
    }
  return error_set (err, 0, "option \"%s\" is not supported", known_options[known].name);
}

static int
parse_one (struct mount_options *options, const char *string, struct error *err)
{
  for (size_t i = 0; i < sizeof known_options / sizeof known_options[0]; i++)
    if (strcmp (known_options[i].name, string) == 0)
      return apply_option (options, i, err);
  if (string[0] != '\0')
    options->data[options->data_count++] = string;
  return 0;
}

int
mount_options_parse (struct mount_options *options, const char *const *strings, struct error *err)
{
  memset (options, 0, sizeof *options);
  for (size_t i = 0; strings != NULL && strings[i] != NULL; i++)
    {
      if (i == MOUNT_OPTIONS_MAX)
        return error_set (err, 0, "more than %d options", MOUNT_OPTIONS_MAX);
      if (parse_one (options, strings[i], err) < 0)
        return -1;
    }
  return 0;
}
