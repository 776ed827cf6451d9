/*
 * The portmapper: tells clients on which port a program is.  Versions 2, 3 and 4,
 * read-only. RFC 1833.
 */
#ifndef GATEWAY_PORTMAP_PORTMAP_H
#define GATEWAY_PORTMAP_PORTMAP_H

#include "gateway/rpc/program.h"

enum { PORTMAP_PROGRAM = 100000 };

extern const struct rpc_program portmap_program;

#endif
