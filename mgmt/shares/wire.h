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

/*
 * Open a share that is there, as far as its journal is recovered, and serve nobody: no errand runs,
 * nothing is made that was not there.  Others must not hold it: BUSY.
 *
 * sp   the caller's, for share_unwire_alone
 * NOENT: there is no such share in its folder.  NOTSUPP: it is on the memory store, and gone.
 */
must_check enum status share_wire_alone(const struct share_conf *conf,
    const struct store_spec *remote, uint64_t meta_cache_bytes, struct share **sp, char *why,
    size_t why_cap);
void share_unwire_alone(struct share **sp);

/* Stop serving it: requests on their way end, all is durable, all is closed.  The caller holds one
 * reference, the registry another.  BUSY: requests did not end for 45 s, and it goes on serving. */
must_check enum status share_unwire(struct share *s);

#endif
