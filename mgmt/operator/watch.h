/*
 * What there is of one kind, kept up to date: a list, then a watch from its resourceVersion on.
 * A watch that is cut goes on where it was; one that is too old (410) begins with a list again;
 * one that fails is tried again, later each time.
 */
#ifndef MGMT_OPERATOR_WATCH_H
#define MGMT_OPERATOR_WATCH_H

#include "mgmt/operator/kube.h"

#include <stdint.h>

struct watch_kind {
	const char *path;		/* /apis/apps/v1, the collection's name follows */
	const char *plural;
	const char *selector;		/* of labels; "": all */
};

struct watch;

/* What is called within watch_step() and kube_wait(); the object is borrowed. */
struct watch_sink {
	void (*listed)(const struct watch_kind *kind, void *arg);	/* a list was read whole */
	void (*object)(const struct watch_kind *kind, const struct rest_json *object, bool gone,
	    void *arg);
	void *arg;
};

/* namespace "": all of them.  kind and sink are borrowed as long as it lives. */
struct watch *watch_open(struct kube *k, const struct watch_kind *kind, const char *namespace,
    const struct watch_sink *sink);
void watch_close(struct watch **wp);

/* Do what is due at that time; may ask, and so wait for, the API server. */
void watch_step(struct watch *w, uint64_t now_ns);

/* One event of the stream, for tests: true where it was understood. */
bool watch_event(struct watch *w, const char *bytes, size_t len);
const char *watch_version(const struct watch *w);		/* "": a list is wanted */

#endif
