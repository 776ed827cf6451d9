/*
 * Key-encrypting keys: who keeps them wraps and unwraps share keys, and never says the keys
 * themselves.  A keeper may have several: the first wraps, the others only unwrap what was wrapped
 * before, until that has been wrapped anew.
 *
 * Keepers: backends/keyring/{file,passphrase}.
 * Laws
 *   1. unwrap(wrap(key)) gives the key, also to a keeper opened later from the same secret.
 *   2. What is bound must be the same for both; with anything else unwrap says NOKEY.
 *   3. NOKEY tells in `why` what an operator can do; no secret is ever in it.
 *   4. Both may take a second (Argon2id) and are called from any thread, never a home worker.
 */
#ifndef CONTRACT_KEYRING_H
#define CONTRACT_KEYRING_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEYRING_KEY_BYTES = 32, KEYRING_WRAPPED_MAX = 192 };

struct keyring_wrapped {		/* the keeper's own form: it begins with its kind */
	uint16_t len;
	uint8_t bytes[KEYRING_WRAPPED_MAX];
};

struct keyring_bound {			/* share and version, as bytes; ≤ 64 */
	const void *bytes;
	size_t len;
};

struct keyring;

struct keyring_ops {
	const char *kind;

	/* IO: the secret's file cannot be read any more. */
	enum status (*wrap)(struct keyring *k, const struct keyring_bound *bound,
	    const uint8_t key[KEYRING_KEY_BYTES], struct keyring_wrapped *out);

	/* *stale: it opened, with a secret that is not the first, so it should be wrapped anew.
	 * CORRUPT: not of this form.  NOKEY: none of the secrets opens it. */
	enum status (*unwrap)(struct keyring *k, const struct keyring_bound *bound,
	    const struct keyring_wrapped *in, uint8_t key[KEYRING_KEY_BYTES], bool *stale,
	    char *why, size_t why_cap);

	void (*close)(struct keyring *k);	/* wipes; k is gone */
};

struct keyring {
	const struct keyring_ops *ops;
};

#endif
