/*
 * The control plane, joined to the house: what REST may ask of shares, adapters and figures.
 */
#ifndef MGMT_PLANE_H
#define MGMT_PLANE_H

#include "mgmt/daemon/assemble.h"

/* After the file's shares are open and served.  share_bytes: of the metadata store's cache, for
 * each share of the database. */
must_check enum status plane_start(const struct config *c, uint64_t share_bytes,
    struct ports *ports, char *why, size_t why_cap);
void plane_stop(void);

#endif
