/*
 * Reading a DittoServer.  Nothing of it is believed: names become paths, and the rest becomes
 * fields of other objects.
 */
#include "mgmt/operator/ditto.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS_MAX = 64, SETTING_BYTES_MAX = 1024 };

bool
ditto_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > 63 || !isalnum((unsigned char)name[0]) ||
	    !isalnum((unsigned char)name[len - 1]))
		return false;
	for (const char *c = name; *c != '\0'; c++)
		if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '-')
			return false;
	return true;
}

bool
ditto_quantity(const char *text, double *value)
{
	static const struct {
		const char *suffix;
		double times;
	} units[] = { { "", 1 }, { "m", 1e-3 }, { "k", 1e3 }, { "M", 1e6 }, { "G", 1e9 },
		{ "T", 1e12 }, { "P", 1e15 }, { "Ki", 1024.0 }, { "Mi", 1048576.0 },
		{ "Gi", 1073741824.0 }, { "Ti", 1099511627776.0 }, { "Pi", 1125899906842624.0 } };
	char *end;
	double n;

	if (!isdigit((unsigned char)text[0]) || strpbrk(text, "xX") != NULL)
		return false;
	n = strtod(text, &end);
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(end, units[i].suffix) == 0) {
			*value = n * units[i].times;
			return true;
		}
	return false;
}

/* --- fields --- */

/* A member of an object of that kind; NULL: not there, or another kind, which is said. */
struct reading {
	char *why;
	size_t cap;
	bool ok;
};

__attribute__((format(printf, 2, 3)))
static void
refuse(struct reading *r, const char *fmt, ...)
{
	va_list ap;

	if (r->ok) {
		va_start(ap, fmt);
		vsnprintf(r->why, r->cap, fmt, ap);
		va_end(ap);
	}
	r->ok = false;
}

static const struct rest_json *
member(struct reading *r, const struct rest_json *in, const char *key, enum rest_json_kind kind)
{
	const struct rest_json *v = in != NULL ? rest_json_get(in, key) : NULL;

	if (v == NULL || rest_json_kind(v) == REST_NULL)
		return NULL;
	if (rest_json_kind(v) != kind) {
		refuse(r, "%s has another type than it should", key);
		return NULL;
	}
	return v;
}

static const struct rest_json *
group(struct reading *r, const struct rest_json *in, const char *key)
{
	return member(r, in, key, REST_OBJECT);
}

static void
word(struct reading *r, const struct rest_json *in, const char *key, const char *dflt, char *to,
    size_t cap)
{
	const struct rest_json *v = member(r, in, key, REST_STRING);
	const char *s = v != NULL ? rest_json_str(v) : dflt;

	if (strlen(s) >= cap) {
		refuse(r, "%s is longer than %zu bytes", key, cap - 1);
		return;
	}
	for (const char *c = s; *c != '\0'; c++)
		if (iscntrl((unsigned char)*c))
			refuse(r, "%s has a control character", key);
	snprintf(to, cap, "%s", s);
}

static int64_t
number(struct reading *r, const struct rest_json *in, const char *key, int64_t dflt, int64_t least,
    int64_t most)
{
	const struct rest_json *v = member(r, in, key, REST_INT);
	int64_t n = v != NULL ? rest_json_int(v) : dflt;

	if (n < least || n > most)
		refuse(r, "%s is not %lld to %lld", key, (long long)least, (long long)most);
	return n;
}

static bool
flag(struct reading *r, const struct rest_json *in, const char *key, bool dflt)
{
	const struct rest_json *v = in != NULL ? rest_json_get(in, key) : NULL;

	if (v == NULL || rest_json_kind(v) == REST_NULL)
		return dflt;
	if (rest_json_kind(v) != REST_TRUE && rest_json_kind(v) != REST_FALSE)
		refuse(r, "%s is neither true nor false", key);
	return rest_json_kind(v) == REST_TRUE;
}

static void
one_of(struct reading *r, const char *key, const char *value, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(value, *words) == 0)
			return;
	refuse(r, "%s is none of the words it may be", key);
}

/* --- settings: names of dfs.yaml(5) --- */

struct settings {
	struct reading *r;
	int n;
};

/* What the operator says itself, since the objects around the daemon depend on it. */
static bool
ours(const char *key)
{
	static const char *const all[] = { "state_dir", "nfs.port", "nfs.host", "controlplane.port",
		"controlplane.host", "controlplane.enabled", "metrics.port", "metrics.host",
		"metrics.enabled", "logging.level", "logging.format", "logging.output",
		"controlplane.jwt.secret" };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strcmp(all[i], key) == 0)
			return true;
	return false;
}

static bool
see_setting(const char *key, const struct rest_json *value, void *arg)
{
	struct settings *s = arg;

	if (key[0] == '\0' || strlen(key) > 60 ||
	    strspn(key, "abcdefghijklmnopqrstuvwxyz._") != strlen(key))
		refuse(s->r, "settings has a name that is none of dfs.yaml(5)");
	else if (ours(key))
		refuse(s->r, "settings may not have %s, which has a field of its own or is fixed",
		    key);
	else if (rest_json_kind(value) != REST_STRING ||
	    strlen(rest_json_str(value)) > SETTING_BYTES_MAX)
		refuse(s->r, "settings: %s is no text of at most %d bytes", key, SETTING_BYTES_MAX);
	if (++s->n > SETTINGS_MAX)
		refuse(s->r, "settings has more than %d names", SETTINGS_MAX);
	return s->r->ok;
}

/* --- the whole --- */

static void
read_meta(struct reading *r, const struct rest_json *meta, struct ditto *d)
{
	const struct rest_json *list = member(r, meta, "finalizers", REST_ARRAY);

	word(r, meta, "name", "", d->name, sizeof d->name);
	word(r, meta, "namespace", "", d->namespace, sizeof d->namespace);
	word(r, meta, "uid", "", d->uid, sizeof d->uid);
	word(r, meta, "resourceVersion", "", d->version, sizeof d->version);
	d->generation = number(r, meta, "generation", 0, 0, INT64_MAX);
	d->deleting = member(r, meta, "deletionTimestamp", REST_STRING) != NULL;
	for (size_t i = 0; list != NULL && i < rest_json_len(list); i++) {
		const struct rest_json *one = rest_json_at(list, i);

		if (rest_json_kind(one) == REST_STRING &&
		    strcmp(rest_json_str(one), DITTO_FINALIZER) == 0)
			d->finalizer = true;
	}
	if (!ditto_name_ok(d->name) || !ditto_name_ok(d->namespace) || d->uid[0] == '\0')
		refuse(r, "metadata has no usable name, namespace or uid");
	else if (strlen(d->name) > 52)
		refuse(r,
		    "metadata.name is longer than 52 bytes, so that what belongs to it has no "
		    "name");
}

static void
read_spec(struct reading *r, const struct rest_json *spec, struct ditto *d)
{
	static const char *const services[] = { "ClusterIP", "NodePort", "LoadBalancer", NULL };
	static const char *const pulls[] = { "Always", "IfNotPresent", "Never", NULL };
	static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
	static const char *const ends[] = { "Retain", "Delete", NULL };
	const struct rest_json *storage = group(r, spec, "storage"),
			       *service = group(r, spec, "service");
	const struct rest_json *admin = group(r, spec, "admin"),
			       *ref = group(r, admin, "passwordSecretRef");
	struct settings s = { r, 0 };
	char end[16];
	double bytes;

	word(r, spec, "image", "dittofs:latest", d->image, sizeof d->image);
	word(r, spec, "imagePullPolicy", "IfNotPresent", d->pull_policy, sizeof d->pull_policy);
	one_of(r, "imagePullPolicy", d->pull_policy, pulls);
	d->replicas = number(r, spec, "replicas", 1, 0, 1);
	word(r, storage, "size", "", d->size, sizeof d->size);
	if (!ditto_quantity(d->size, &bytes) || bytes < 1e9)
		refuse(r, "storage.size is no quantity of at least 1G");
	word(r, storage, "storageClassName", "", d->class, sizeof d->class);
	word(r, storage, "onDelete", "Retain", end, sizeof end);
	one_of(r, "storage.onDelete", end, ends);
	d->keep = strcmp(end, "Retain") == 0;
	d->nfs_port = number(r, group(r, spec, "nfs"), "port", 12049, 1024, 65535);
	if (d->nfs_port == 8080 || d->nfs_port == 9090)
		refuse(r, "nfs.port is one that the control plane or the metrics have");
	word(r, service, "type", "ClusterIP", d->service, sizeof d->service);
	one_of(r, "service.type", d->service, services);
	d->annotations = group(r, service, "annotations");
	d->metrics = flag(r, group(r, spec, "metrics"), "enabled", true);
	word(r, group(r, spec, "logging"), "level", "info", d->level, sizeof d->level);
	one_of(r, "logging.level", d->level, levels);
	word(r, ref, "name", "", d->secret, sizeof d->secret);
	word(r, ref, "key", "password", d->secret_key, sizeof d->secret_key);
	d->grace_s = number(r, spec, "terminationGracePeriodSeconds", 45, 5, 3600);
	d->resources = group(r, spec, "resources");
	d->node_selector = group(r, spec, "nodeSelector");
	d->settings = group(r, spec, "settings");
	if (d->settings != NULL)
		rest_json_each(d->settings, see_setting, &s);
}

bool
ditto_read(const struct rest_json *object, struct ditto *d, char *why, size_t why_cap)
{
	struct reading r = { why, why_cap, true };
	const struct rest_json *spec;

	*d = (struct ditto){ .replicas = 0 };
	if (rest_json_kind(object) != REST_OBJECT) {
		refuse(&r, "it is no object");
		return false;
	}
	read_meta(&r, group(&r, object, "metadata"), d);
	spec = group(&r, object, "spec");
	if (spec == NULL)
		refuse(&r, "spec is missing");
	if (r.ok)
		read_spec(&r, spec, d);
	return r.ok;
}
