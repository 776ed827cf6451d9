/*
 * The only place that knows all names: it starts the rooms from the lowest floor up, opens the
 * shares, lets the gateway listen, and takes all of it down in reverse.
 */
#ifndef MGMT_ASSEMBLE_H
#define MGMT_ASSEMBLE_H

#include "mgmt/daemon/config.h"

struct ports {				/* what was bound */
	uint16_t nfs, metrics, portmap, rest;
	uint32_t shares;		/* that serve: the file's and the database's */
	char admin_password[32];	/* of the first start, to be shown once; "" otherwise */
};

/* All rooms up, or nothing is: then why says what failed, in one line.  A share that does not open
 * is down (mgmt/shares/down.h), and the others serve. */
must_check enum status house_open(const struct config *c, struct ports *ports, char *why,
    size_t why_cap);

/* The rooms alone, for work on shares that nobody else has open: no share is opened, nothing
 * listens, there is no control plane.  house_close takes it down.  meta_bytes: of each share's
 * metadata store. */
void house_open_alone(const struct config *c, uint64_t *meta_bytes);

/* Answers in flight leave, everything acknowledged is durable, all is closed. */
void house_close(void);

#endif
