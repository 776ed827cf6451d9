/*
 * A remote block store as the operator described it: between the control plane and the file of
 * settings, which know words, and the wiring, which opens stores.
 */
#ifndef MGMT_SPEC_H
#define MGMT_SPEC_H

#include "backends/conf.h"
#include "pipeline/base/status.h"
#include "pipeline/model/share_conf.h"

enum { STORE_SPEC_OPTIONS = 24 };

struct store_spec {
	char name[65], kind[16];
	uint32_t uploads;		/* at once; 0: as it goes */
	uint8_t encryption,
	    compression; /* of its shares, as in struct share_conf; 0: as they say */
	char key_file[1024], passphrase_file[1024], passphrase_env[64];	/* what wraps their keys */
	struct backends_pair option[STORE_SPEC_OPTIONS]; /* may hold secrets; cites an arena */
	uint32_t noptions;
};

/*
 * An option that is ours and not the keeper's: parallel_uploads, encryption, compression and those
 * that name what wraps keys; "" is none.  NOENT: it is the keeper's.  INVAL: why says what is
 * wrong.
 */
must_check enum status store_spec_set(struct store_spec *spec, const char *key, const char *value,
    char *why, size_t why_cap);

/*
 * What a share gets from its remote store: where it says nothing (SHARE_INHERIT) its encryption and
 * compression, and what wraps its keys.  It may encrypt where the store asks for nothing, and by
 * another cipher than the store's; in the clear where the store encrypts it may not be.
 *
 * spec  NULL: none, what is not said is none
 * INVAL: it is to be weaker than its store; why says so.
 */
must_check enum status store_spec_inherit(const struct store_spec *spec, struct share_conf *conf,
    char *why, size_t why_cap);

#endif
