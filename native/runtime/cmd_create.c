#include "commands.h"

#include "cleanup.h"
#include "create.h"

#include <getopt.h>
#include <limits.h>

static const char usage[]
    = "create -b BUNDLE [--pid-file FILE] [--console-socket PATH] [--preserve-fds N] [--no-pivot] ID";

static int
parse (int argc, char **argv, struct create_options *options, struct error *err)
{
  static const struct option known[] = {
    { "bundle", required_argument, NULL, 'b' },         { "pid-file", required_argument, NULL, 'p' },
    { "console-socket", required_argument, NULL, 'c' }, { "preserve-fds", required_argument, NULL, 'f' },
    { "no-pivot", no_argument, NULL, 'n' },             { NULL, 0, NULL, 0 },
  };
  int option;

  while ((option = getopt_long (argc, argv, "+b:", known, NULL)) != -1)
    switch (option)
      {
      case 'b':
        options->bundle = optarg;
        break;
      case 'p':
        options->pid_file = optarg;
        break;
      case 'c':
        options->console_socket = optarg;
        break;
      case 'f':
        options->preserve_fds = command_number ("--preserve-fds", optarg, 1 << 16, err);
        if (options->preserve_fds < 0)
          return -1;
        break;
      case 'n':
        return error_set (err, 0, "--no-pivot is not supported: the container could get out of a chroot; put the "
                                  "bundle on a file system that is no initramfs");
      default:
        return command_usage (usage, err);
      }
  return command_single_id (argc, argv, optind, usage, &options->id, err);
}

int
cmd_create (const char *root, int argc, char **argv, struct error *err)
{
  struct create_options options = { .root = root, .bundle = "." };

  if (parse (argc, argv, &options, err) < 0)
    return -1;
  return container_create (&options, err);
}
