/*
 * The keys of a share that encrypts, opened: its share keys by version, and what comes of them.
 * Wrapped they lie where the wiring keeps them; a key-encrypting key (contract/keyring.h) has
 * opened them before the share's journal is looked at.  engine.md §6.
 *
 * The newest version wraps keys of new containers and seals new entries; the older ones open what
 * is there.  Digests and tags of containers in the clear come of the first, for good.
 */
#ifndef BLOCK_KEYS_H
#define BLOCK_KEYS_H

#include "pipeline/block/container.h"

enum { SHARE_KEY_BYTES = 32, SHARE_KEYS_MAX = 64 };

struct share_keys;

/* aead: enum aead_id, of containers and journal.  RESOURCE: no memory that can be locked. */
must_check enum status keys_new(const uint8_t share_id[16], uint8_t aead, struct share_keys **kp);
void keys_free(struct share_keys **kp);

/*
 * A share key; from then on the newest.  Versions are 1, 2, …: INVAL for any other than the next.
 * RESOURCE: SHARE_KEYS_MAX are there.  One caller at a time; readers may be at work.
 */
must_check enum status keys_add(struct share_keys *k, uint32_t version,
    const uint8_t key[SHARE_KEY_BYTES]);
uint32_t keys_newest(const struct share_keys *k);
uint8_t keys_aead(const struct share_keys *k);

/*
 * A version as its keeper wrapped it, in the form of which a copy goes to the remote store; it may
 * be set anew, when another key-encrypting key has wrapped it.  bytes: copied, ≤ KEYS_WRAPPED_MAX.
 * What was given out stays readable until keys_free.  One caller at a time; readers may be at work.
 */
enum { KEYS_WRAPPED_MAX = 512 };
void keys_wrapped_set(struct share_keys *k, uint32_t version, struct slice bytes);

/* The same, as of now.  Empty: that version is kept nowhere. */
struct slice keys_wrapped(const struct share_keys *k, uint32_t version);

/* Tells which key a version is: the same however it is wrapped, another for any other key.  It
 * tells nothing of the key and may be seen by anybody. */
enum { KEYS_IDENTITY = 16 };
void keys_identity(const struct share_keys *k, uint32_t version, uint8_t out[KEYS_IDENTITY]);

/* The key of the share's digests. */
void keys_digest(const struct share_keys *k, uint8_t out[32]);

/* A key for a new container, and the same wrapped. */
void keys_container_make(const struct share_keys *k, const struct container_ident *ident,
    struct container_keys *out);

/* The key of a container that is there.  NOKEY: its version is not here.  CORRUPT: it does not
 * open: damaged, or another container's. */
must_check enum status keys_container_open(const struct share_keys *k,
    const struct container_head *head, const uint8_t wrapped[CONTAINER_WRAPPED],
    struct container_keys *out);

/* The key of an incarnation's entries, derived, so that none need be kept.  NOKEY as above. */
must_check enum status keys_incarnation(const struct share_keys *k, uint32_t version,
    const uint8_t journal_id[16], uint32_t incarnation, uint8_t out[32]);

#endif
