/*
 * The objects that make a server, as they should be.  One pod on one volume: a share's log has one
 * writer, so there is never a second pod, and never two at once.
 */
#include "mgmt/operator/ditto.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAKE_MAX = 64 << 10, USER = 12049 };

/* --- JSON of a text --- */

static void
add_quoted(struct text *t, const char *s)
{
	struct rest_json *j = rest_json_string(s);
	char *quoted = rest_json_text(j);

	text_add(t, quoted);
	free(quoted);
	rest_json_free(j);
}

static void
add_value(struct text *t, const struct rest_json *j)
{
	char *s = j != NULL ? rest_json_text(j) : xstrdup("{}");

	text_add(t, s);
	free(s);
}

struct rest_json *
ditto_make(const char *fmt, ...)
{
	char *room = xmalloc(MAKE_MAX), why[100];
	struct text t = text_of(room, MAKE_MAX);
	struct rest_json *j;
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt != '\0'; fmt++)
		if (*fmt == '\'')
			text_add(&t, "\"");
		else if (*fmt != '%')
			text_addn(&t, fmt, 1);
		else if (*++fmt == 's')
			add_quoted(&t, va_arg(ap, const char *));
		else if (*fmt == 'd')
			text_addf(&t, "%" PRId64, va_arg(ap, int64_t));
		else
			add_value(&t, va_arg(ap, const struct rest_json *));
	va_end(ap);
	j = t.cut ? NULL : rest_json_parse(t.s, t.len, why, sizeof why);
	free(room);
	return j;
}

/* --- what all have --- */

static struct rest_json *
labels(const struct ditto *d)
{
	return ditto_make("{'app.kubernetes.io/name':'dittofs','app.kubernetes.io/instance':%s,"
	    "'app.kubernetes.io/managed-by':%s}", d->name, DITTO_MANAGER);
}

static struct rest_json *
meta(const struct ditto *d, const struct ditto_child *c)
{
	struct rest_json *l = labels(d), *m;
	char name[128];

	snprintf(name, sizeof name, "%s%s", d->name, c->suffix);
	m = ditto_make("{'name':%s,'namespace':%s,'labels':%j}", name, d->namespace, l);
	if (c->owned)
		rest_json_put(m, "ownerReferences",
		    ditto_make("[{'apiVersion':%s,'kind':'DittoServer',"
			       "'name':%s,'uid':%s,'controller':true,'blockOwnerDeletion':true}]",
			DITTO_GROUP "/v1alpha1", d->name, d->uid));
	rest_json_free(l);
	return m;
}

/* --- the settings --- */

static void
config_text(const struct ditto *d, struct text *t)
{
	text_addf(t, "# Made by the operator from the DittoServer %s.\n"
	    "state_dir: /var/lib/dittofs\n"
	    "logging:\n  level: %s\n  format: json\n  output: stderr\n"
	    "nfs:\n  port: %" PRId64 "\n"
	    "controlplane:\n  host: 0.0.0.0\n  port: 8080\n"
	    "metrics:\n  enabled: %s\n  host: 0.0.0.0\n  port: 9090\n",
	    d->name, d->level, d->nfs_port, d->metrics ? "true" : "false");
}

static struct rest_json *
desire_config(const struct ditto *d)
{
	struct rest_json *m = meta(d, &ditto_children[DITTO_CONFIG]), *j;
	char room[2048];
	struct text t = text_of(room, sizeof room);

	config_text(d, &t);
	j = ditto_make("{'apiVersion':'v1','kind':'ConfigMap','metadata':%j,'data':{'config.yaml':%"
		       "s}}",
	    m, room);
	rest_json_free(m);
	return j;
}

/* --- the volume --- */

static struct rest_json *
desire_claim(const struct ditto *d)
{
	struct rest_json *m = meta(d, &ditto_children[DITTO_CLAIM]), *spec, *j;

	spec =
	    ditto_make("{'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':%s}}}",
		d->size);
	if (d->class[0] != '\0')
		rest_json_put_str(spec, "storageClassName", d->class);
	j = ditto_make("{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':%j,'spec':%j}",
	    m, spec);
	rest_json_free(spec);
	rest_json_free(m);
	return j;
}

/* --- the service --- */

static struct rest_json *
desire_service(const struct ditto *d)
{
	struct rest_json *m = meta(d, &ditto_children[DITTO_SERVICE]), *j;

	if (d->annotations != NULL)
		rest_json_put(m, "annotations", rest_json_copy(d->annotations));
	j = ditto_make("{'apiVersion':'v1','kind':'Service','metadata':%j,'spec':{'type':%s,"
		       "'selector':{'app.kubernetes.io/name':'dittofs','app.kubernetes.io/"
		       "instance':%s},'ports':["
		       "{'name':'nfs','port':%d,'targetPort':'nfs','protocol':'TCP'},"
		       "{'name':'control','port':8080,'targetPort':'control','protocol':'TCP'},"
		       "{'name':'metrics','port':9090,'targetPort':'metrics','protocol':'TCP'}]}}",
	    m, d->service, d->name, d->nfs_port);
	rest_json_free(m);
	return j;
}

/* --- the pod --- */

static bool
add_setting(const char *key, const struct rest_json *value, void *env)
{
	char name[100] = "DITTOFS_";
	size_t at = strlen(name);

	for (const char *c = key; *c != '\0' && at + 1 < sizeof name; c++)
		name[at++] = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
	name[at] = '\0';
	rest_json_add(env, ditto_make("{'name':%s,'value':%s}", name, rest_json_str(value)));
	return true;
}

static struct rest_json *
environment(const struct ditto *d)
{
	struct rest_json *env = rest_json_array();

	if (d->secret[0] != '\0')
		rest_json_add(env,
		    ditto_make("{'name':'DITTOFS_ADMIN_INITIAL_PASSWORD','valueFrom':"
			       "{'secretKeyRef':{'name':%s,'key':%s}}}",
			d->secret, d->secret_key));
	if (d->settings != NULL)
		rest_json_each(d->settings, add_setting, env);
	return env;
}

static struct rest_json *
container(const struct ditto *d)
{
	struct rest_json *env = environment(d), *j;

	/* /health says that the process is up.  A share that is unwell is no reason to take the
	 * others away, so no probe asks for shares. */
	j = ditto_make("{'name':'dfs','image':%s,'imagePullPolicy':%s,'args':['/usr/bin/"
		       "dfs','start',"
		       "'--foreground','--config','/etc/dittofs/config.yaml'],'env':%j,'ports':["
		       "{'name':'nfs','containerPort':%d,'protocol':'TCP'},"
		       "{'name':'control','containerPort':8080,'protocol':'TCP'},"
		       "{'name':'metrics','containerPort':9090,'protocol':'TCP'}],"
		       "'startupProbe':{'httpGet':{'path':'/"
		       "health','port':'control'},'periodSeconds':2,"
		       "'failureThreshold':150},"
		       "'livenessProbe':{'httpGet':{'path':'/"
		       "health','port':'control'},'periodSeconds':10,"
		       "'timeoutSeconds':5,'failureThreshold':6},"
		       "'readinessProbe':{'httpGet':{'path':'/"
		       "health','port':'control'},'periodSeconds':5},"
		       "'resources':%j,'securityContext':{'allowPrivilegeEscalation':false,"
		       "'readOnlyRootFilesystem':true,'capabilities':{'drop':['ALL']}},'"
		       "volumeMounts':[{'name':'state','mountPath':'/var/lib/dittofs'},"
		       "{'name':'config','mountPath':'/etc/dittofs','readOnly':true}]}",
	    d->image, d->pull_policy, env, d->nfs_port, d->resources);
	rest_json_free(env);
	return j;
}

/* The settings' hash is on the pod: other settings make another pod. */
static uint64_t
config_hash(const struct ditto *d)
{
	static const uint8_t key[16] = "dittofs settings";
	char room[2048];
	struct text t = text_of(room, sizeof room);

	config_text(d, &t);
	return siphash24(key, t.s, t.len);
}

static struct rest_json *
desire_set(const struct ditto *d)
{
	struct rest_json *m = meta(d, &ditto_children[DITTO_SET]), *c = container(d),
			 *l = labels(d), *j;
	char hash[20], config[128], claim[128];

	snprintf(hash, sizeof hash, "%016" PRIx64, config_hash(d));
	snprintf(config, sizeof config, "%s%s", d->name, ditto_children[DITTO_CONFIG].suffix);
	snprintf(claim, sizeof claim, "%s%s", d->name, ditto_children[DITTO_CLAIM].suffix);
	j = ditto_make("{'apiVersion':'apps/v1','kind':'StatefulSet','metadata':%j,'spec':{"
		       "'serviceName':%s,'replicas':%d,"
		       "'selector':{'matchLabels':{'app.kubernetes.io/name':'dittofs',"
		       "'app.kubernetes.io/instance':%s}},'template':{'metadata':{'labels':%j,"
		       "'annotations':{'" DITTO_GROUP "/settings':%s}},'spec':{"
		       "'automountServiceAccountToken':false,'terminationGracePeriodSeconds':%d,"
		       "'nodeSelector':%j,'securityContext':{'runAsNonRoot':true,'runAsUser':%d,'"
		       "runAsGroup':%d,"
		       "'fsGroup':%d,'fsGroupChangePolicy':'OnRootMismatch','seccompProfile':{'"
		       "type':'RuntimeDefault'}},"
		       "'containers':[%j],'volumes':[{'name':'config','configMap':{'name':%s}},"
		       "{'name':'state','persistentVolumeClaim':{'claimName':%s}}]}}}}",
	    m, d->name, d->replicas, d->name, l, hash, d->grace_s, d->node_selector, (int64_t)USER,
	    (int64_t)USER, (int64_t)USER, c, config, claim);
	rest_json_free(l);
	rest_json_free(c);
	rest_json_free(m);
	return j;
}

const struct ditto_child ditto_children[DITTO_CHILDREN] = {
	[DITTO_CONFIG] = { "/api/v1", "configmaps", "ConfigMap", "-config", true, desire_config },
	[DITTO_CLAIM] = { "/api/v1", "persistentvolumeclaims", "PersistentVolumeClaim", "-state",
	    false, desire_claim },
	[DITTO_SERVICE] = { "/api/v1", "services", "Service", "", true, desire_service },
	[DITTO_SET] = { "/apis/apps/v1", "statefulsets", "StatefulSet", "", true, desire_set },
};

void
ditto_child_path(const struct ditto *d, const struct ditto_child *c, bool named, char *to,
    size_t cap)
{
	snprintf(to, cap, "%s/namespaces/%s/%s%s%s%s", c->api, d->namespace, c->plural,
	    named ? "/" : "", named ? d->name : "", named ? c->suffix : "");
}

/* --- is it so already? --- */

struct cover {
	const struct rest_json *has;
	bool ok;
};

static bool
see_any(const char *key, const struct rest_json *value, void *arg)
{
	(void)key, (void)value;
	*(bool *)arg = true;
	return false;
}

static bool
is_empty(const struct rest_json *j)
{
	bool any = false;

	if (rest_json_kind(j) == REST_OBJECT)
		rest_json_each(j, see_any, &any);
	return rest_json_kind(j) == REST_OBJECT ?
	    !any :
	    rest_json_kind(j) == REST_ARRAY && rest_json_len(j) == 0;
}

static bool
cover_member(const char *key, const struct rest_json *wanted, void *arg)
{
	struct cover *c = arg;
	const struct rest_json *has = rest_json_get(c->has, key);

	/* What is empty, the server may leave out. */
	if (has == NULL)
		c->ok = is_empty(wanted);
	else
		c->ok = ditto_covers(has, wanted);
	return c->ok;
}

bool
ditto_covers(const struct rest_json *has, const struct rest_json *wanted)
{
	enum rest_json_kind kind = rest_json_kind(wanted);
	struct cover c = { has, true };
	double a, b;

	if (rest_json_kind(has) != kind)
		return false;
	switch (kind) {
	case REST_STRING:
		return strcmp(rest_json_str(has), rest_json_str(wanted)) == 0 ||
		    (ditto_quantity(rest_json_str(has), &a) &&
			ditto_quantity(rest_json_str(wanted), &b) && a == b);
	case REST_INT:
		return rest_json_int(has) == rest_json_int(wanted);
	case REST_ARRAY:
		if (rest_json_len(has) != rest_json_len(wanted))
			return false;
		for (size_t i = 0; i < rest_json_len(wanted); i++)
			if (!ditto_covers(rest_json_at(has, i), rest_json_at(wanted, i)))
				return false;
		return true;
	case REST_OBJECT:
		rest_json_each(wanted, cover_member, &c);
		return c.ok;
	case REST_NULL: case REST_FALSE: case REST_TRUE: case REST_REAL:
		return true;
	}
	return false;
}
