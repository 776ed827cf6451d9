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
export_bytes(const char *name, const struct share_rules *rules)
{
	uint32_t n = 4 + 4 + xdr_padded((uint32_t)strlen(name)) + 4;

	for (uint32_t i = 0; i < rules->nrules; i++)
		n += 4 + 4 + xdr_padded((uint32_t)strlen(rules->rules[i].hosts));
	return n;
}

static void
put_export(struct share *s, void *arg)
{
	struct share_rules *rules = share_rules_get(s);
	struct writer *w = arg;

	/* One that would not fit before the end of the list is left out whole. */
	if (rules->nrules > 0 && writer_left(w) >= export_bytes(s->conf.name, rules) + 4) {
		xdr_put_bool(w, true);
		xdr_put_str(w, s->conf.name);
		for (uint32_t i = 0; i < rules->nrules; i++) {
			xdr_put_bool(w, true);
			xdr_put_str(w, rules->rules[i].hosts);
		}
		xdr_put_bool(w, false);
	}
	rules_put(&rules);
}

void
mount_export_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call;
	registry_each(put_export, w);
	xdr_put_bool(w, false);
}
