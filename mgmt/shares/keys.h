/*
 * The keys of a share that encrypts: where they lie, who opens them, how they are changed.
 *
 * Wrapped they are the file `keys` in the share's folder, beside its row: they are needed before
 * the journal can be read.  A copy of each version is made ready for the remote store, where
 * pipeline/sync brings it.  The key-encrypting key comes from a key file, a passphrase file or
 * the environment, in this order: of the share's settings where they name one, else the daemon's.
 * The file is read anew each time a share is opened or a key is changed.
 */
#ifndef MGMT_SHARES_KEYS_H
#define MGMT_SHARES_KEYS_H

#include "pipeline/share/share.h"

struct shares_secrets {	/* house lifetime, as are the strings; any may be NULL or "" */
	const char *key_file, *passphrase_file, *passphrase;
};
void shares_secrets_set(const struct shares_secrets *s);

/* Can what such a share names, or the daemon's, be read?  As shares_keys_open. */
must_check enum status shares_keys_try(const struct share_conf *conf, char *why, size_t why_cap);

/* Is there a file of keys, and whose?  NOENT: none, the share does not encrypt. */
must_check enum status shares_keys_whose(const char *dir, uint8_t share_id[16], char *why,
    size_t why_cap);

/* A fresh share's first key; s->row is filled, but for its digest key, and not yet written. */
must_check enum status shares_keys_make(struct share *s, char *why, size_t why_cap);

/* Open what is there.  What was wrapped by an older key-encrypting key is wrapped anew.  NOKEY: why
 * says what to do, nothing has been changed. */
must_check enum status shares_keys_open(struct share *s, char *why, size_t why_cap);

/* The same for one that is open: the key-encrypting key was changed; how many were wrapped anew.
 * INVAL: the share does not encrypt.  NOKEY: nothing has been changed. */
must_check enum status shares_keys_rewrap(struct share *s, uint32_t *rewrapped, char *why,
    size_t why_cap);

/* A new share key, durable before it is used: containers and entries from now on.  INVAL: the
 * share does not encrypt. */
must_check enum status shares_keys_rotate(struct share *s, uint32_t *version, char *why,
    size_t why_cap);

#endif
