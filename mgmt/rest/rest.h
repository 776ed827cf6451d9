/*
 * The control plane's door: REST over HTTP on threads of its own, beside the pipeline and never
 * on its workers.
 */
#ifndef MGMT_REST_H
#define MGMT_REST_H

#include "mgmt/rest/house.h"

#include <stddef.h>

struct rest_conf {
	const char *host;		/* an address */
	uint16_t port;			/* 0: any */
	const char *db_path, *state_dir;
	const char *jwt_secret;		/* "": one of its own, kept in the database */
	const char *tls_cert, *tls_key,
	    *tls_client_ca; /* files; "": plain HTTP, no client certificates */
	uint64_t access_s, refresh_s;	/* lives of tokens */
	const char *admin_password;	/* the first start's; NULL or "": made up and given back */
	bool require_change;		/* of a password that was made up */
	const struct share_conf *file_shares;	/* open already; shown, not changed */
	uint32_t nfile_shares;
	uint16_t nfs_port;		/* of the first start; where nfs_listens, from now on */
	bool nfs_listens;		/* by the file's word already */
	const struct rest_house *house;	/* kept until rest_stop */
};

struct rest_started {
	uint16_t port;
	char admin_password[32];	/* "" unless made up by this start: to be shown once */
	uint32_t shares;		/* that the database says and that are open */
};

/* Open the database, the shares and the adapters it lists, and serve.  A share that cannot be
 * opened is logged and shown as unhealthy; the others serve. */
must_check enum status rest_start(const struct rest_conf *conf, struct rest_started *out, char *why,
    size_t why_cap);
void rest_stop(void);

#endif
