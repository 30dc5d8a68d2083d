#include "shim/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static bool parse_number(const char *text, int64_t minimum, int64_t maximum, int64_t *number) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < minimum || value > maximum) return false;
  *number = value;
  return true;
}

/* Takes one option; false when its value won't do. */
static bool take(struct options *options, int option, const char *value) {
  int64_t files = 0;
  switch (option) {
    case 'i': options->id = value; return true;
    case 'b': options->bundle = value; return *value == '/';
    case 'd': options->state_dir = value; return *value == '/';
    case 'l': options->log = value; return *value == '/';
    case 's': return parse_number(value, 1, INT64_MAX, &options->log_max_size);
    case 'f':
      if (!parse_number(value, 0, 1000, &files)) return false;
      options->log_max_files = (int)files;
      return true;
    case 'w': options->log_waits = true; return true;
    case 'o': options->open_stdin = true; return true;
    case 't': options->terminal = true; return true;
    case 'r': options->runtime = value; return true;
    case 'R': options->runtime_root = value; return *value == '/';
    default: return false;
  }
}

bool options_parse(int argc, char **argv, struct options *options, char *message, size_t size) {
  static const struct option known[] = {
      {"id", required_argument, NULL, 'i'},           {"bundle", required_argument, NULL, 'b'},
      {"state-dir", required_argument, NULL, 'd'},    {"log", required_argument, NULL, 'l'},
      {"log-max-size", required_argument, NULL, 's'}, {"log-max-files", required_argument, NULL, 'f'},
      {"log-wait", no_argument, NULL, 'w'},           {"open-stdin", no_argument, NULL, 'o'},         {"terminal", no_argument, NULL, 't'},
      {"runtime", required_argument, NULL, 'r'},      {"runtime-root", required_argument, NULL, 'R'},
      {NULL, 0, NULL, 0},
  };
  int option, index = 0;
  opterr = 0;
  options->log_max_files = -1;
  optind = 0; /* getopt starts anew: the program may have read options before */
  while ((option = getopt_long(argc, argv, "", known, &index)) != -1) {
    if (option == '?') {
      snprintf(message, size, "shim: unknown option or missing value: %s", argv[optind - 1]);
      return false;
    }
    if (!take(options, option, optarg)) {
      snprintf(message, size, "shim: bad value of --%s: %s", known[index].name, optarg);
      return false;
    }
  }
  if (optind == argc && options->id && options->bundle && options->state_dir && options->log && options->runtime &&
      options->runtime_root && options->log_max_size > 0 && options->log_max_files >= 0)
    return true;
  snprintf(message, size, "shim: --id, --bundle, --state-dir, --log, --log-max-size, --log-max-files, --runtime and "
                          "--runtime-root are needed, and nothing else but --log-wait, --open-stdin and --terminal");
  return false;
}
