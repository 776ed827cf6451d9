/*
 * Remote stores: from a row to what opens one, and what a look at one finds.
 */
#ifndef MGMT_REST_REMOTE_H
#define MGMT_REST_REMOTE_H

#include "mgmt/rest/entity.h"
#include "mgmt/shares/spec.h"

/* Is that option of a store a secret? */
bool rest_option_secret(const char *key);

/* A remote store as a row's columns say it; INVAL: an option that is none, which why names. */
must_check enum status rest_remote_read(const char *name, const char *kind, const char *config,
    struct arena *arena, struct store_spec *spec, char *why, size_t why_cap);

/* A remote store by its name, its secrets opened into the arena; why: what is wrong. */
must_check enum status rest_remote_spec(struct db_conn *c, const char *name, struct arena *arena,
    struct store_spec *spec, char *why, size_t why_cap);

/* How much of what a remote has a local store may keep: its max_size; 0: all. */
must_check enum status rest_local_cap(struct db_conn *c, const char *name, struct arena *arena,
    uint64_t *bytes, char *why, size_t why_cap);

#endif
