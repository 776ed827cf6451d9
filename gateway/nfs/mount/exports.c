/*
 * EXPORT: the shares that are open and the hosts that may mount them, as groups.  A share
 * without rules lets nobody in and is not listed: in this protocol a list of no groups
 * means everybody.
 */
#include "gateway/nfs/mount/inner.h"

#include "pipeline/share/share.h"

enum decoded
mount_export_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job, (void)call, (void)r;
	return DECODED_REPLY;
}

static uint32_t
export_bytes(const struct share_conf *conf)
{
	uint32_t n = 4 + 4 + xdr_padded((uint32_t)strlen(conf->name)) + 4;

	for (uint32_t i = 0; i < conf->nrules && i < EXPORT_RULES_MAX; i++)
		n += 4 + 4 + xdr_padded((uint32_t)strlen(conf->rules[i].hosts));
	return n;
}

static void
put_export(struct share *s, void *arg)
{
	const struct share_conf *conf = &s->conf;
	struct writer *w = arg;

	/* One that would not fit before the end of the list is left out whole. */
	if (conf->nrules == 0 || writer_left(w) < export_bytes(conf) + 4)
		return;
	xdr_put_bool(w, true);
	xdr_put_str(w, conf->name);
	for (uint32_t i = 0; i < conf->nrules && i < EXPORT_RULES_MAX; i++) {
		xdr_put_bool(w, true);
		xdr_put_str(w, conf->rules[i].hosts);
	}
	xdr_put_bool(w, false);
}

void
mount_export_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call;
	registry_each(put_export, w);
	xdr_put_bool(w, false);
}
