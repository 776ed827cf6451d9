/*
 * What may be turned while NFS is served: read by requests on their way, set by an operator.
 */
#ifndef GATEWAY_LIVE_H
#define GATEWAY_LIVE_H

#include "pipeline/base/status.h"

#include <stdatomic.h>
#include <stdint.h>

/* Each stands for itself: a request that sees one of them anew need not see the others so. */
struct gateway_live {
	_Atomic uint32_t read_max, write_max, preferred;	/* bytes; what FSINFO says */
	_Atomic uint32_t blocked;	/* NFSv3 procedures that are refused, a bit each */
};

extern struct gateway_live gateway_live;

/* The bit of a procedure, "write" or "WRITE"; NOENT: there is none of that name, or it cannot be
 * done without: a mount would not work. */
must_check enum status gateway_live_operation(const char *name, uint32_t *bit);

#endif
