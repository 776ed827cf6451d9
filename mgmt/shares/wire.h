/*
 * From what an operator says to a share that serves: its row, its metadata store, journal,
 * catalog, caches and background work; and back.
 */
#ifndef MGMT_WIRE_H
#define MGMT_WIRE_H

#include "pipeline/model/note.h"
#include "pipeline/share/share.h"

struct store_spec;

/*
 * Open a share and publish it.  Its folder is made where it is missing.
 *
 * conf      copied
 * rules     who may do what, taken; NULL: what conf says, no levels asked
 * remote    where containers are copied to; NULL: nowhere
 * remember  takes the NOTEs of requests that may come again
 * why       on failure, one line for people: what is wrong and what to do
 */
must_check enum status share_wire(const struct share_conf *conf, struct share_rules *rules,
    const struct store_spec *remote, uint64_t meta_cache_bytes,
    void (*remember)(uint64_t share, const struct note *note), char *why, size_t why_cap);

/* Stop serving it: requests on their way end, all is durable, all is closed.  The caller holds one
 * reference, the registry another.  BUSY: requests did not end for 45 s, and it goes on serving. */
must_check enum status share_unwire(struct share *s);

#endif
