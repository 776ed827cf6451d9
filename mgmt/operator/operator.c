/*
 * One thread, one loop: the lease, the watches, then whoever is due.  A server is due when
 * something of it changed, when an attempt failed, later each time, and now and then anyway.
 */
#include "mgmt/operator/operator.h"

#include "mgmt/operator/ditto.h"
#include "mgmt/operator/lease.h"
#include "mgmt/operator/reconcile.h"
#include "mgmt/operator/watch.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SERVERS_MAX = 2000, TICK_MS = 200 };

#define LEAST_WAIT_NS (500 * NS_PER_MS)
#define MOST_WAIT_NS (300 * NS_PER_S)
#define ANYWAY_NS (300 * NS_PER_S)

struct entry {
	char namespace[64], name[64];
	int64_t generation;
	uint64_t due_ns, wait_ns;
};

struct operator {
	struct kube *kube;
	struct lease lease;
	struct watch *watches[1 + DITTO_CHILDREN];
	struct entry *entry;
	size_t n;
};

static const struct watch_kind kinds[1 + DITTO_CHILDREN] = {
	{ DITTO_API, DITTO_PLURAL, "" },
	{ "/api/v1", "configmaps", DITTO_SELECTOR },
	{ "/api/v1", "persistentvolumeclaims", DITTO_SELECTOR },
	{ "/api/v1", "services", DITTO_SELECTOR },
	{ "/apis/apps/v1", "statefulsets", DITTO_SELECTOR },
};

static volatile sig_atomic_t stopping;

static void
stop(int sig)
{
	(void)sig;
	stopping = 1;
}

/* --- who is due --- */

static struct entry *
find(struct operator *o, const char *namespace, const char *name)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->entry[i].name, name) == 0 &&
		    strcmp(o->entry[i].namespace, namespace) == 0)
			return &o->entry[i];
	return NULL;
}

static void
due(struct operator *o, const char *namespace, const char *name, bool make)
{
	struct entry *e = find(o, namespace, name);

	if (e == NULL && (!make || !ditto_name_ok(namespace) || !ditto_name_ok(name)))
		return;
	if (e == NULL && o->n == SERVERS_MAX) {
		log_warn("operator.full", F_STR("server", name), F_U64("most", SERVERS_MAX));
		return;
	}
	if (e == NULL) {
		e = &o->entry[o->n++];
		*e = (struct entry){ .wait_ns = 0 };
		snprintf(e->namespace, sizeof e->namespace, "%s", namespace);
		snprintf(e->name, sizeof e->name, "%s", name);
	}
	/* Who fails waits, whatever is heard meanwhile of what it made itself. */
	if (e->wait_ns == 0)
		e->due_ns = 0;
}

static const char *
meta_str(const struct rest_json *object, const char *group, const char *key)
{
	const struct rest_json *in = rest_json_kind(object) == REST_OBJECT ?
	    rest_json_get(object, "metadata") : NULL;

	if (in != NULL && group != NULL && rest_json_kind(in) == REST_OBJECT)
		in = rest_json_get(in, group);
	return in != NULL && rest_json_kind(in) == REST_OBJECT ? rest_json_get_str(in, key) : NULL;
}

static int64_t
generation_of(const struct rest_json *object)
{
	const struct rest_json *meta = rest_json_get(object, "metadata");
	const struct rest_json *n = rest_json_get(meta, "generation");

	return n != NULL && rest_json_kind(n) == REST_INT ? rest_json_int(n) : 0;
}

static void
see_object(const struct watch_kind *kind, const struct rest_json *object, bool gone, void *arg)
{
	struct operator *o = arg;
	bool server = kind == &kinds[0];
	const char *namespace = meta_str(object, NULL, "namespace");
	const char *name = server ? meta_str(object, NULL, "name") :
	    meta_str(object, "labels", "app.kubernetes.io/instance");
	struct entry *e;

	if (namespace == NULL || name == NULL)
		return;
	/* Another spec may mend what failed; what we write into the status does not. */
	e = find(o, namespace, name);
	if (server && e != NULL && (gone || e->generation != generation_of(object)))
		e->wait_ns = 0;
	due(o, namespace, name, server);
	e = find(o, namespace, name);
	if (server && e != NULL)
		e->generation = generation_of(object);
}

/* A list stands in for all that was missed: everybody is looked at. */
static void
see_listed(const struct watch_kind *kind, void *arg)
{
	struct operator *o = arg;

	(void)kind;
	for (size_t i = 0; i < o->n; i++)
		if (o->entry[i].wait_ns == 0)
			o->entry[i].due_ns = 0;
}

/* --- one of them --- */

static bool
held(void *arg)
{
	const struct operator *o = arg;

	return lease_held(&o->lease, clock_mono_ns());
}

static void
work(struct operator *o, size_t i)
{
	struct reconciler r = { o->kube, held, o, clock_wall_ns() };
	struct entry *e = &o->entry[i];
	enum outcome out;

	e->due_ns = clock_mono_ns() + ANYWAY_NS;
	out = reconcile(&r, e->namespace, e->name);
	switch (out) {
	case OUTCOME_DONE:
		e->wait_ns = 0;
		break;
	case OUTCOME_GONE:
		*e = o->entry[--o->n];
		break;
	case OUTCOME_AGAIN:
		e->due_ns = clock_mono_ns() + 50 * NS_PER_MS;
		break;
	case OUTCOME_LATER:
		e->wait_ns = e->wait_ns == 0 ? LEAST_WAIT_NS : MIN(e->wait_ns * 2, MOST_WAIT_NS);
		e->due_ns = clock_mono_ns() + e->wait_ns / 2 + rand_u64() % (e->wait_ns / 2 + 1);
		break;
	}
}

/* --- the loop --- */

static void
open_watches(struct operator *o, const char *namespace, const struct watch_sink *sink)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (o->watches[i] == NULL)
			o->watches[i] = watch_open(o->kube, &kinds[i], namespace, sink);
}

static void
close_watches(struct operator *o)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		watch_close(&o->watches[i]);
	o->n = 0;
}

static void
turn(struct operator *o, const char *namespace, const struct watch_sink *sink)
{
	lease_step(&o->lease, clock_mono_ns());
	if (!held(o)) {
		close_watches(o);
		kube_wait(o->kube, TICK_MS);
		return;
	}
	open_watches(o, namespace, sink);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		watch_step(o->watches[i], clock_mono_ns());
	for (size_t i = 0; i < o->n && held(o) && !stopping; i++)
		if (o->entry[i].due_ns <= clock_mono_ns()) {
			work(o, i);
			lease_step(&o->lease, clock_mono_ns());
		}
	kube_wait(o->kube, TICK_MS);
}

int
operator_run(const struct operator_conf *conf, char *why, size_t why_cap)
{
	struct operator o = { .n = 0 };
	struct watch_sink sink = { see_listed, see_object, &o };
	struct sigaction act = { .sa_handler = stop };
	const char *namespace = conf->namespace != NULL ? conf->namespace : "";
	char host[80] = "operator", who[128];

	if (namespace[0] != '\0' && !ditto_name_ok(namespace)) {
		snprintf(why, why_cap, "--namespace is no name of a namespace");
		return 1;
	}
	o.kube = kube_open(conf->server, conf->account, why, why_cap);
	if (o.kube == NULL)
		return 1;
	if (!ditto_name_ok(kube_namespace(o.kube))) {
		snprintf(why, why_cap,
		    "the account does not say its namespace, where the lease is");
		kube_close(&o.kube);
		return 1;
	}
	gethostname(host, sizeof host - 1);
	snprintf(who, sizeof who, "%s_%016llx", host, (unsigned long long)rand_u64());
	lease_init(&o.lease, o.kube, kube_namespace(o.kube), who);
	o.entry = xcalloc(SERVERS_MAX, sizeof *o.entry);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	log_info("operator.starts", F_STR("who", who), F_STR("namespace", namespace));
	while (!stopping)
		turn(&o, namespace, &sink);
	close_watches(&o);
	lease_release(&o.lease, clock_mono_ns());
	log_info("operator.stops", F_STR("who", who));
	kube_close(&o.kube);
	free(o.entry);
	return 0;
}
