/*
 * The gateway's door: the front ends, made in two steps.  gateway_make comes before any
 * share is opened, for recovery tells the protocols what it finds; gateway_start when
 * shares can be served.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "gateway/settings.h"

#include "pipeline/contract/protocol.h"

/* Tables and caches of the protocols.  conf is copied. */
void gateway_make(const struct gateway_settings *conf);

/* Listen.  An address family that this host lacks is logged and left out; nothing at
 * all to listen on is an error, the last one met. */
must_check enum status gateway_start(void);

/* Listen on that port of NFS from now on, or on none; connections that exist go on.  On failure
 * nothing is listened on.  One caller at a time, not on a home worker. */
must_check enum status gateway_listen_again(bool on, uint16_t port);

/* Answer as a portmapper on that port from now on, or not; NFS listens anew as it did.
 * As above. */
must_check enum status gateway_portmap_again(bool on, uint16_t port);

/* After net_stop. */
void gateway_stop(void);

/* A NOTE found in a share's log: given to the protocol that wrote it. */
void gateway_remember(uint64_t share, const struct note *note);

/* The port of NFS, where any free one was asked for; 0 before the start. */
uint16_t gateway_nfs_port(void);

#endif
