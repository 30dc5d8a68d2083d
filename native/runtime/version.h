#ifndef GANTRY_RUNTIME_VERSION_H
#define GANTRY_RUNTIME_VERSION_H

#define GANTRY_VERSION "0.1.0"

/* Of the runtime specification. */
#define OCI_VERSION "1.2.0"

#endif
