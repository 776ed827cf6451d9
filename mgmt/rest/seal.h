/*
 * Secrets that an operator gives, as the database keeps them.
 */
#ifndef MGMT_REST_SEAL_H
#define MGMT_REST_SEAL_H

#include "pipeline/base/arena.h"
#include "pipeline/base/status.h"

#include <stddef.h>

/* Read or make the key in that folder; why: for people. */
must_check enum status rest_seal_start(const char *state_dir, char *why, size_t why_cap);
void rest_seal_stop(void);

/* Seal a secret for its place, and open it there; the text lies in the arena.  CORRUPT: it was
 * sealed by another key or for another place. */
must_check enum status rest_seal(const char *store, const char *option, const char *plain,
    struct arena *arena, const char **out);
must_check enum status rest_unseal(const char *store, const char *option, const char *text,
    struct arena *arena, const char **out);

#endif
