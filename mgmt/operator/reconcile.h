/*
 * From what a DittoServer says to what there is, one step at a time: each call looks at everything
 * anew and may be repeated at will.
 */
#ifndef MGMT_OPERATOR_RECONCILE_H
#define MGMT_OPERATOR_RECONCILE_H

#include "mgmt/operator/kube.h"

#include <stdint.h>

enum outcome {
	OUTCOME_DONE,			/* as it should be, or what is missing comes by itself */
	OUTCOME_GONE,			/* there is no such server any more */
	OUTCOME_AGAIN,			/* facts had changed underneath: at once */
	OUTCOME_LATER,			/* something refused or did not answer: try later */
};

/* May write only while held says so.  now_wall_ns is for times in the status. */
struct reconciler {
	struct kube *kube;
	bool (*held)(void *arg);
	void *arg;
	uint64_t now_wall_ns;
};

enum outcome reconcile(struct reconciler *r, const char *namespace, const char *name);

#endif
