/*
 * dfs operator: a controller for DittoServer resources.
 */
#ifndef MGMT_OPERATOR_OPERATOR_H
#define MGMT_OPERATOR_OPERATOR_H

#include <stddef.h>

struct operator_conf {
	const char *server;		/* of the API; NULL: that of the pod */
	const char *account;		/* folder; NULL: that of the pod */
	const char *namespace;		/* to look after; NULL: all */
};

/* Until SIGTERM or SIGINT.  0, or 1 with a sentence in why. */
int operator_run(const struct operator_conf *conf, char *why, size_t why_cap);

#endif
