/*
 * The order: our finalizer first, so that nothing is made that nobody will take down; then each
 * child by its row; then the status.  Taking down: the pod first, and what it stood on only when it
 * has ended, since its end is what makes everything durable.
 */
#include "mgmt/operator/reconcile.h"

#include "mgmt/operator/ditto.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What one look has found; it becomes the status. */
struct look {
	struct reconciler *r;
	const struct rest_json *object;	/* the DittoServer as read */
	struct ditto d;
	bool valid;
	int64_t ready, pods;
	const char *reason;		/* one word */
	char message[300];
	enum outcome outcome;
};

static void
say(struct look *l, enum outcome o, const char *reason, const char *message)
{
	l->outcome = o;
	l->reason = reason;
	snprintf(l->message, sizeof l->message, "%.299s", message);
}

/* 409: someone else was faster.  All else that is not 2xx waits. */
static bool
took(struct look *l, const struct kube_answer *a, const char *kind)
{
	char text[400];

	if (a->code >= 200 && a->code < 300)
		return true;
	snprintf(text, sizeof text, "%s: %s", kind, a->why);
	say(l, a->code == 409 ? OUTCOME_AGAIN : OUTCOME_LATER, a->code == 409 ? "Conflict" :
	    "RequestFailed", text);
	return false;
}

/* Every request that changes something comes through here. */
static bool
change(struct look *l, const char *method, const char *path, const struct rest_json *body,
    const char *kind)
{
	struct kube_answer a;
	bool ok;

	if (!l->r->held(l->r->arg)) {
		say(l, OUTCOME_LATER, "NotLeading", "another operator leads");
		return false;
	}
	kube_ask(l->r->kube, method, path, body, &a);
	ok = took(l, &a, kind) || (strcmp(method, "DELETE") == 0 && a.code == 404);
	if (ok)
		log_info("operator.change", F_STR("what", method), F_STR("kind", kind),
		    F_STR("namespace", l->d.namespace), F_STR("server", l->d.name));
	kube_answer_free(&a);
	return ok;
}

static void
server_path(const struct ditto *d, const char *tail, char *to, size_t cap)
{
	snprintf(to, cap, DITTO_API "/namespaces/%s/" DITTO_PLURAL "/%s%s", d->namespace, d->name,
	    tail);
}

/* --- our finalizer --- */

static bool
finalizer_set(struct look *l, bool on)
{
	const struct rest_json *meta = rest_json_get(l->object, "metadata");
	const struct rest_json *was = rest_json_get(meta, "finalizers");
	struct rest_json *list = rest_json_array(), *patch;
	char path[KUBE_PATH_MAX];
	bool ok;

	for (size_t i = 0; was != NULL && i < rest_json_len(was); i++)
		if (rest_json_kind(rest_json_at(was, i)) == REST_STRING &&
		    strcmp(rest_json_str(rest_json_at(was, i)), DITTO_FINALIZER) != 0)
			rest_json_add(list, rest_json_copy(rest_json_at(was, i)));
	if (on)
		rest_json_add(list, rest_json_string(DITTO_FINALIZER));
	patch = ditto_make("{'metadata':{'resourceVersion':%s,'finalizers':%j}}", l->d.version,
	    list);
	server_path(&l->d, "", path, sizeof path);
	ok = change(l, "PATCH", path, patch, "DittoServer");
	rest_json_free(patch);
	rest_json_free(list);
	return ok;
}

/* --- a child --- */

static const struct rest_json *
at(const struct rest_json *j, const char *a, const char *b)
{
	const struct rest_json *in = rest_json_kind(j) == REST_OBJECT ? rest_json_get(j, a) : NULL;

	return in != NULL && rest_json_kind(in) == REST_OBJECT ? rest_json_get(in, b) : NULL;
}

static const char *
text_at(const struct rest_json *j, const char *a, const char *b)
{
	const struct rest_json *v = at(j, a, b);

	return v != NULL && rest_json_kind(v) == REST_STRING ? rest_json_str(v) : "";
}

static int64_t
number_at(const struct rest_json *j, const char *a, const char *b)
{
	const struct rest_json *v = at(j, a, b);

	return v != NULL && rest_json_kind(v) == REST_INT ? rest_json_int(v) : 0;
}

/* An object of that name which somebody else made is left alone. */
static bool
is_ours(const struct rest_json *has, const struct ditto *d)
{
	const struct rest_json *meta = rest_json_kind(has) == REST_OBJECT ?
	    rest_json_get(has, "metadata") : NULL;

	return meta != NULL &&
	    strcmp(text_at(meta, "labels", "app.kubernetes.io/managed-by"), DITTO_MANAGER) == 0 &&
	    strcmp(text_at(meta, "labels", "app.kubernetes.io/instance"), d->name) == 0;
}

/* A volume grows and never shrinks; nothing else of a claim changes. */
static struct rest_json *
claim_patch(struct look *l, const struct rest_json *has, struct rest_json *wanted)
{
	const struct rest_json *spec = rest_json_get(has, "spec");
	const struct rest_json *resources = spec != NULL ? rest_json_get(spec, "resources") : NULL;
	const char *size = resources != NULL ? text_at(resources, "requests", "storage") : "";
	double now = 0, then = 0;

	rest_json_free(wanted);
	ditto_quantity(l->d.size, &then);
	if (!ditto_quantity(size, &now) || then == now)
		return NULL;
	if (then < now) {
		say(l, OUTCOME_DONE, "VolumeKept",
		    "storage.size is less than the volume has; a volume does"
		    " not shrink");
		return NULL;
	}
	return ditto_make("{'spec':{'resources':{'requests':{'storage':%s}}}}", l->d.size);
}

/* The patch that makes it so; NULL: it is so.  wanted is taken. */
static struct rest_json *
difference(struct look *l, int child, const struct rest_json *has, struct rest_json *wanted)
{
	if (child == DITTO_CLAIM)
		return claim_patch(l, has, wanted);
	if (ditto_covers(has, wanted)) {
		rest_json_free(wanted);
		return NULL;
	}
	return wanted;
}

static bool
child_change(struct look *l, int child, const struct rest_json *has, struct rest_json *wanted)
{
	const struct ditto_child *c = &ditto_children[child];
	struct rest_json *patch = difference(l, child, has, wanted), *meta;
	char path[KUBE_PATH_MAX];
	bool ok = true;

	if (patch == NULL)
		return true;
	/* From the version that was looked at, or not at all. */
	meta = rest_json_get(patch, "metadata") != NULL ?
	    rest_json_copy(rest_json_get(patch, "metadata")) :
	    rest_json_object();
	rest_json_put_str(meta, "resourceVersion", text_at(has, "metadata", "resourceVersion"));
	rest_json_put(patch, "metadata", meta);
	ditto_child_path(&l->d, c, true, path, sizeof path);
	ok = change(l, "PATCH", path, patch, c->kind);
	rest_json_free(patch);
	return ok;
}

static bool
child_make(struct look *l, int child, struct rest_json *wanted)
{
	const struct ditto_child *c = &ditto_children[child];
	char path[KUBE_PATH_MAX];
	bool ok;

	ditto_child_path(&l->d, c, false, path, sizeof path);
	ok = change(l, "POST", path, wanted, c->kind);
	rest_json_free(wanted);
	return ok;
}

static bool
child_keep(struct look *l, int child)
{
	const struct ditto_child *c = &ditto_children[child];
	struct rest_json *wanted = c->desire(&l->d);
	char path[KUBE_PATH_MAX], text[400];
	struct kube_answer a;
	bool ok = false;

	if (wanted == NULL) {
		say(l, OUTCOME_DONE, "InvalidSpec", "what is wanted is too long for an object");
		return false;
	}
	ditto_child_path(&l->d, c, true, path, sizeof path);
	kube_ask(l->r->kube, "GET", path, NULL, &a);
	if (a.code == 404) {
		ok = child_make(l, child, wanted);
	} else if (!took(l, &a, c->kind) || a.body == NULL) {
		rest_json_free(wanted);
	} else if (!is_ours(a.body, &l->d)) {
		snprintf(text, sizeof text, "there is a %s of that name which is not this server's",
		    c->kind);
		say(l, OUTCOME_LATER, "NameTaken", text);
		rest_json_free(wanted);
	} else {
		if (child == DITTO_SET) {
			l->ready = number_at(a.body, "status", "readyReplicas");
			l->pods = number_at(a.body, "status", "replicas");
		}
		ok = child_change(l, child, a.body, wanted);
	}
	kube_answer_free(&a);
	return ok;
}

/* --- its end --- */

/* true: there is no pod any more. */
static bool
pod_ended(struct look *l)
{
	const struct ditto_child *c = &ditto_children[DITTO_SET];
	struct rest_json *patch;
	char path[KUBE_PATH_MAX];
	struct kube_answer a;
	bool gone;

	ditto_child_path(&l->d, c, true, path, sizeof path);
	kube_ask(l->r->kube, "GET", path, NULL, &a);
	gone = a.code == 404 || (a.code == 200 && a.body != NULL && !is_ours(a.body, &l->d));
	if (!gone && took(l, &a, c->kind) && a.body != NULL) {
		l->pods = number_at(a.body, "status", "replicas");
		l->ready = number_at(a.body, "status", "readyReplicas");
		if (number_at(a.body, "spec", "replicas") != 0) {
			patch =
			    ditto_make("{'metadata':{'resourceVersion':%s},'spec':{'replicas':0}}",
				text_at(a.body, "metadata", "resourceVersion"));
			if (change(l, "PATCH", path, patch, c->kind))
				say(l, OUTCOME_DONE, "Stopping",
				    "the pod makes everything durable and ends");
			rest_json_free(patch);
		} else if (l->pods == 0 && number_at(a.body, "status", "observedGeneration") >=
		    number_at(a.body, "metadata", "generation")) {
			gone = true;
		} else {
			say(l, OUTCOME_DONE, "Stopping",
			    "the pod makes everything durable and ends");
		}
	}
	kube_answer_free(&a);
	return gone;
}

static bool
child_remove(struct look *l, int child)
{
	const struct ditto_child *c = &ditto_children[child];
	char path[KUBE_PATH_MAX];
	struct kube_answer a;
	bool ok = true;

	if (child == DITTO_CLAIM && l->d.keep)
		return true;
	ditto_child_path(&l->d, c, true, path, sizeof path);
	kube_ask(l->r->kube, "GET", path, NULL, &a);
	if (a.code != 404)
		ok = took(l, &a, c->kind) && a.body != NULL && (!is_ours(a.body, &l->d) ||
		    change(l, "DELETE", path, NULL, c->kind));
	kube_answer_free(&a);
	return ok;
}

/* true: nothing is left to do, the server's own object goes as well. */
static bool
take_down(struct look *l)
{
	if (!l->d.finalizer)
		return true;
	if (!pod_ended(l))
		return false;
	for (int c = DITTO_CHILDREN - 1; c >= 0; c--)
		if (!child_remove(l, c))
			return false;
	return finalizer_set(l, false);
}

/* --- the status --- */

static const char *
phase(const struct look *l)
{
	if (l->d.deleting)
		return "Stopping";
	if (!l->valid || (l->outcome == OUTCOME_LATER && l->ready == 0))
		return "Failed";
	if (l->d.replicas == 0)
		return l->pods > 0 ? "Stopping" : "Stopped";
	return l->ready > 0 ? "Running" : "Pending";
}

/* A condition keeps its time while its status is the same. */
static struct rest_json *
condition(const struct look *l, const char *type, bool fact, const char *reason,
    const char *message)
{
	const struct rest_json *old = at(l->object, "status", "conditions");
	const char *status = fact ? "True" : "False", *since = NULL;
	time_t now = (time_t)(l->r->now_wall_ns / NS_PER_S);
	char text[40];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	for (size_t i = 0;
	    old != NULL && rest_json_kind(old) == REST_ARRAY && i < rest_json_len(old); i++) {
		const struct rest_json *c = rest_json_at(old, i);

		if (rest_json_kind(c) == REST_OBJECT && rest_json_get_str(c, "type") != NULL &&
		    strcmp(rest_json_get_str(c, "type"), type) == 0 &&
		    rest_json_get_str(c, "status") != NULL &&
		    strcmp(rest_json_get_str(c, "status"), status) == 0)
			since = rest_json_get_str(c, "lastTransitionTime");
	}
	return ditto_make("{'type':%s,'status':%s,'reason':%s,'message':%s,'observedGeneration':%d,"
	    "'lastTransitionTime':%s}", type, status, reason, message, l->d.generation,
	    since != NULL ? since : text);
}

static void
status_write(struct look *l)
{
	enum outcome was = l->outcome;
	bool made = l->valid && was == OUTCOME_DONE, ready = l->ready > 0;
	struct rest_json *status, *patch, *list = rest_json_array();
	const struct rest_json *old = rest_json_get(l->object, "status");
	char path[KUBE_PATH_MAX];

	rest_json_add(list, condition(l, "Ready", ready, ready ? "PodReady" : "PodNotReady",
	    ready ? "the server serves" : "no pod of the server is ready"));
	rest_json_add(list, condition(l, "Reconciled", made, l->reason, l->message));
	status = ditto_make("{'observedGeneration':%d,'phase':%s,'replicas':%d,'readyReplicas':%d,"
	    "'conditions':%j}", l->d.generation, phase(l), l->pods, l->ready, list);
	rest_json_free(list);
	if (old == NULL || !ditto_covers(old, status)) {
		patch = ditto_make("{'metadata':{'resourceVersion':%s},'status':%j}", l->d.version,
		    status);
		server_path(&l->d, "/status", path, sizeof path);
		if (change(l, "PATCH", path, patch, "status"))
			l->outcome = was;
		rest_json_free(patch);
	}
	rest_json_free(status);
}

/* --- the whole --- */

static void
build_up(struct look *l)
{
	/* Behind this the version has moved on; the watch brings the new one. */
	if (!l->d.finalizer) {
		if (finalizer_set(l, true))
			l->outcome = OUTCOME_AGAIN;
		return;
	}
	say(l, OUTCOME_DONE, "AsWanted", "all objects are as they should be");
	for (int c = 0; c < DITTO_CHILDREN; c++)
		if (!child_keep(l, c))
			break;
	if (l->outcome != OUTCOME_AGAIN)
		status_write(l);
}

static enum outcome
look(struct look *l)
{
	char why[300] = "";

	l->valid = ditto_read(l->object, &l->d, why, sizeof why);
	if (l->d.name[0] == '\0' || l->d.namespace[0] == '\0' || l->d.version[0] == '\0')
		return OUTCOME_DONE;		/* no object that could be written to */
	if (l->d.deleting) {
		say(l, OUTCOME_DONE, "Stopping", "");
		if (!take_down(l) && l->outcome != OUTCOME_AGAIN)
			status_write(l);
	} else if (l->valid) {
		build_up(l);
	} else {
		say(l, OUTCOME_DONE, "InvalidSpec", why);
		status_write(l);
	}
	return l->outcome;
}

enum outcome
reconcile(struct reconciler *r, const char *namespace, const char *name)
{
	struct look l = { .r = r, .outcome = OUTCOME_DONE, .reason = "AsWanted" };
	char path[KUBE_PATH_MAX];
	struct kube_answer a;
	enum outcome o;

	snprintf(path, sizeof path, DITTO_API "/namespaces/%s/" DITTO_PLURAL "/%s", namespace,
	    name);
	kube_ask(r->kube, "GET", path, NULL, &a);
	l.object = a.body;
	if (a.code == 404)
		o = OUTCOME_GONE;
	else if (a.code != 200 || a.body == NULL || rest_json_kind(a.body) != REST_OBJECT)
		o = OUTCOME_LATER;
	else
		o = look(&l);
	if (o == OUTCOME_LATER)
		log_warn("operator.later", F_STR("namespace", namespace), F_STR("server", name),
		    F_STR("why", l.message[0] != '\0' ? l.message : a.why));
	kube_answer_free(&a);
	return o;
}
