/*
 * Times: renewed every third of the duration; given up when it could not be renewed for two thirds,
 * so that there is a third in which nobody leads and never a moment in which two do.
 */
#include "mgmt/operator/lease.h"

#include "mgmt/operator/ditto.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEASE_S = 15 };

#define RENEW_NS (LEASE_S * NS_PER_S / 3)
#define GIVE_UP_NS (LEASE_S * NS_PER_S * 2 / 3)
#define LOOK_NS (2 * NS_PER_S)

static const char name[] = "dittofs-operator";

void
lease_init(struct lease *l, struct kube *k, const char *namespace, const char *who)
{
	*l = (struct lease){ .kube = k };
	snprintf(l->namespace, sizeof l->namespace, "%s", namespace);
	snprintf(l->who, sizeof l->who, "%s", who);
}

bool
lease_held(const struct lease *l, uint64_t now_ns)
{
	return l->renewed_ns != 0 && now_ns - l->renewed_ns < GIVE_UP_NS;
}

static void
path_of(const struct lease *l, bool named, char *to, size_t cap)
{
	snprintf(to, cap, "/apis/coordination.k8s.io/v1/namespaces/%s/leases%s%s", l->namespace,
	    named ? "/" : "", named ? name : "");
}

static void
wall_text(char *to, size_t cap)
{
	uint64_t wall = clock_wall_ns();
	time_t s = (time_t)(wall / NS_PER_S);
	struct tm tm;
	char text[40];

	gmtime_r(&s, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to, cap, "%s.%06uZ", text, (unsigned)(wall / 1000 % 1000000));
}

static const char *
text_of_key(const struct rest_json *in, const char *key)
{
	const char *s = in != NULL && rest_json_kind(in) == REST_OBJECT ?
	    rest_json_get_str(in, key) :
	    NULL;

	return s != NULL ? s : "";
}

/* Write it as ours, from the version that was seen; was NULL: there is none yet. */
static void
take(struct lease *l, const struct rest_json *was, uint64_t now_ns)
{
	const struct rest_json *spec = was != NULL ? rest_json_get(was, "spec") : NULL;
	const struct rest_json *meta = was != NULL ? rest_json_get(was, "metadata") : NULL;
	const struct rest_json *turns = spec != NULL ? rest_json_get(spec, "leaseTransitions") :
						       NULL;
	bool mine = strcmp(text_of_key(spec, "holderIdentity"), l->who) == 0;
	int64_t n = turns != NULL && rest_json_kind(turns) == REST_INT ? rest_json_int(turns) : 0;
	struct rest_json *body;
	struct kube_answer a;
	char now[48], since[64], path[KUBE_PATH_MAX];

	wall_text(now, sizeof now);
	snprintf(since, sizeof since, "%s", mine ? text_of_key(spec, "acquireTime") : now);
	body = ditto_make("{'apiVersion':'coordination.k8s.io/"
			  "v1','kind':'Lease','metadata':{'name':%s,"
			  "'namespace':%s},'spec':{'holderIdentity':%s,'leaseDurationSeconds':%d,'"
			  "acquireTime':%s,'renewTime':%s,'leaseTransitions':%d}}",
	    name, l->namespace, l->who, (int64_t)LEASE_S, since[0] != '\0' ? since : now, now,
	    was == NULL || mine ? n : n + 1);
	if (meta != NULL)
		rest_json_put(body, "metadata", rest_json_copy(meta));
	path_of(l, was != NULL, path, sizeof path);
	kube_ask(l->kube, was != NULL ? "PUT" : "POST", path, body, &a);
	rest_json_free(body);
	if (a.code == 200 || a.code == 201) {
		if (!lease_held(l, now_ns))
			log_info("operator.leads", F_STR("who", l->who));
		l->renewed_ns = now_ns;		/* from before the request: the careful side */
	} else if (a.code != 409) {
		log_warn("operator.lease", F_STR("why", a.why));
	}
	kube_answer_free(&a);
}

/* Note what is there; true: it may be taken. */
static bool
free_to_take(struct lease *l, const struct rest_json *has, uint64_t now_ns)
{
	const struct rest_json *spec = rest_json_get(has, "spec"), *d;
	const char *holder = text_of_key(spec, "holderIdentity");
	int64_t lasts = LEASE_S;
	char seen[sizeof l->seen];

	snprintf(seen, sizeof seen, "%.150s %.100s", holder, text_of_key(spec, "renewTime"));
	if (strcmp(seen, l->seen) != 0) {
		memcpy(l->seen, seen, sizeof seen);
		l->seen_ns = now_ns;
	}
	d = spec != NULL && rest_json_kind(spec) == REST_OBJECT ?
	    rest_json_get(spec, "leaseDurationSeconds") : NULL;
	if (d != NULL && rest_json_kind(d) == REST_INT && rest_json_int(d) > 0 &&
	    rest_json_int(d) < 3600)
		lasts = rest_json_int(d);
	return holder[0] == '\0' || strcmp(holder, l->who) == 0 ||
	    now_ns - l->seen_ns > (uint64_t)lasts * NS_PER_S;
}

void
lease_step(struct lease *l, uint64_t now_ns)
{
	char path[KUBE_PATH_MAX];
	struct kube_answer a;
	bool held = lease_held(l, now_ns);

	if (now_ns < l->due_ns)
		return;
	path_of(l, true, path, sizeof path);
	kube_ask(l->kube, "GET", path, NULL, &a);
	if (a.code == 404)
		take(l, NULL, now_ns);
	else if (a.code != 200 || a.body == NULL || rest_json_kind(a.body) != REST_OBJECT)
		log_warn("operator.lease", F_STR("why", a.why));
	else if (free_to_take(l, a.body, now_ns))
		take(l, a.body, now_ns);
	else
		l->renewed_ns = 0;
	kube_answer_free(&a);
	if (held && !lease_held(l, now_ns))
		log_warn("operator.leads_no_more", F_STR("who", l->who));
	l->due_ns = now_ns + (lease_held(l, now_ns) ? RENEW_NS : LOOK_NS);
}

void
lease_release(struct lease *l, uint64_t now_ns)
{
	char path[KUBE_PATH_MAX];
	struct rest_json *patch;
	struct kube_answer a;

	if (!lease_held(l, now_ns))
		return;
	path_of(l, true, path, sizeof path);
	kube_ask(l->kube, "GET", path, NULL, &a);
	if (a.code == 200 && a.body != NULL && rest_json_kind(a.body) == REST_OBJECT &&
	    strcmp(text_of_key(rest_json_get(a.body, "spec"), "holderIdentity"), l->who) == 0) {
		patch = ditto_make("{'metadata':{'resourceVersion':%s},'spec':{'holderIdentity':'',"
		    "'leaseDurationSeconds':1}}", text_of_key(rest_json_get(a.body, "metadata"),
		    "resourceVersion"));
		kube_answer_free(&a);
		kube_ask(l->kube, "PATCH", path, patch, &a);
		rest_json_free(patch);
	}
	kube_answer_free(&a);
	l->renewed_ns = 0;
}
