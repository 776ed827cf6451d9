/*
 * Two keepers of key-encrypting keys.  Both read their secrets from a file of lines: the first
 * wraps, all of them unwrap.  To rotate, put a new line in front; once every share has been
 * opened with it, the old one may go.
 *
 * The file must be a plain one, the daemon's own (or root's), and readable by nobody else: 0600
 * or 0400.  Empty lines and those that begin with # are skipped.
 */
#ifndef BACKENDS_KEYRING_KEYRING_H
#define BACKENDS_KEYRING_KEYRING_H

#include "crypto/password.h"
#include "pipeline/contract/keyring.h"

/* Lines of 64 hexadecimal digits: keys.  ACCES: others may read it.  INVAL: not of that form, or
 * none.  NOENT, IO.  why says what to do and holds no secret. */
must_check enum status keyring_file_open(const char *path, struct keyring **kp, char *why,
    size_t why_cap);

/*
 * Lines of at least 12 bytes: passphrases, each made a key by Argon2id under a random salt, which
 * is kept with what it wraps.
 *
 * path        of the file; NULL: passphrase is the only one
 * passphrase  borrowed
 * cost        of new keys; NULL: password_cost_passphrase
 */
must_check enum status keyring_passphrase_open(const char *path, const char *passphrase,
    const struct password_cost *cost, struct keyring **kp, char *why, size_t why_cap);

#endif
