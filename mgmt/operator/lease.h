/*
 * Who leads, of several operators: a Lease of coordination.k8s.io.  Who holds it renews it; whoever
 * has seen it unchanged for its whole duration, by the own clock, may take it.
 */
#ifndef MGMT_OPERATOR_LEASE_H
#define MGMT_OPERATOR_LEASE_H

#include "mgmt/operator/kube.h"

#include <stdint.h>

struct lease {
	struct kube *kube;
	char namespace[KUBE_NAME_MAX], who[128];
	uint64_t due_ns, renewed_ns;	/* renewed_ns 0: not ours */
	uint64_t seen_ns;		/* since when what is there has not changed */
	char seen[400];			/* what is there, as text */
};

void lease_init(struct lease *l, struct kube *k, const char *namespace, const char *who);
void lease_step(struct lease *l, uint64_t now_ns);		/* asks when it is due */
bool lease_held(const struct lease *l, uint64_t now_ns);	/* still for sure ours */
void lease_release(struct lease *l, uint64_t now_ns);		/* so that another need not wait */

#endif
