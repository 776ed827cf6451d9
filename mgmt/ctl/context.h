/*
 * Contexts: which server, as whom, with which tokens.  One file that only its owner reads.
 */
#ifndef MGMT_CTL_CONTEXT_H
#define MGMT_CTL_CONTEXT_H

#include "mgmt/rest/json.h"

enum { CTL_CONTEXT_NAME = 128, CTL_TOKEN = 4200 };

struct ctl_context {
	char name[CTL_CONTEXT_NAME], server[512], username[64];
	char access[CTL_TOKEN], refresh[CTL_TOKEN];
	char cacert[512], client_cert[512], client_key[512];
	bool skip_verify;
};

/* The one in use; false: there is none. */
bool ctl_context_current(struct ctl_context *c);
bool ctl_context_find(const char *name, struct ctl_context *c);

/* Keep it, and use it from now on where use is true.  False: said why not. */
bool ctl_context_keep(const struct ctl_context *c, bool use);
bool ctl_context_drop(const char *name);
bool ctl_context_choose(const char *name);

/* [{name, server, username, current}] for the caller. */
struct rest_json *ctl_context_all(void);

#endif
