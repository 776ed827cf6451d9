/*
 * Which rule of a share speaks for a peer: the first whose host word covers it.  If that one
 * asks for a privileged port and the peer has none, no later rule helps.
 */
#include "pipeline/auth/inner.h"

enum { PORT_PRIVILEGED = 1024 };

enum status
grant_find(const struct share_rules *rules, const uint8_t addr[16], uint16_t port, bool may_wait,
    uint32_t *rulep)
{
	for (uint32_t i = 0; i < rules->nrules; i++) {
		const struct export_rule *rule = &rules->rules[i];
		bool covers = false;
		enum status st = netgroup_ask(rule->hosts, addr, may_wait, &covers);

		if (st != OK)
			return st;
		if (!covers)
			continue;
		if (rule->secure && port >= PORT_PRIVILEGED)
			return ST_ACCES;
		*rulep = i;
		return OK;
	}
	return ST_ACCES;
}

const struct export_rule *
grant_rule(const struct share_rules *rules, const uint8_t addr[16], uint16_t port)
{
	uint32_t rule;

	return grant_find(rules, addr, port, true, &rule) == OK ? &rules->rules[rule] : NULL;
}
