/*
 * A DittoServer: what its author wants, read and checked, and the objects that make it so.  No
 * request leaves from here; crd.yaml has the same fields with the same bounds.
 */
#ifndef MGMT_OPERATOR_DITTO_H
#define MGMT_OPERATOR_DITTO_H

#include "mgmt/operator/kube.h"

#define DITTO_GROUP "dittofs.dittofs.com"
#define DITTO_API "/apis/" DITTO_GROUP "/v1alpha1"
#define DITTO_PLURAL "dittoservers"
#define DITTO_FINALIZER DITTO_GROUP "/orderly-end"
#define DITTO_MANAGER "dittofs-operator"
#define DITTO_SELECTOR "app.kubernetes.io/managed-by=" DITTO_MANAGER

enum { DITTO_WORD_MAX = 254, DITTO_IMAGE_MAX = 500 };

struct ditto {
	char name[64], namespace[64], uid[64], version[64];
	int64_t generation;
	bool deleting, finalizer;		/* finalizer: ours is on it */
	/* spec */
	char image[DITTO_IMAGE_MAX], pull_policy[16], size[32], class[DITTO_WORD_MAX];
	char service[16], level[8], secret[DITTO_WORD_MAX], secret_key[DITTO_WORD_MAX];
	int64_t replicas, nfs_port, grace_s;
	bool metrics, keep;			/* keep: the volume stays when the server goes */
	const struct rest_json *settings, *resources, *annotations,
	    *node_selector; /* borrowed, may be NULL */
};

/* false: no DittoServer that can be acted upon; why says which field and what is wanted.  name,
 * namespace, uid, version and generation are filled whenever metadata has them. */
bool ditto_read(const struct rest_json *object, struct ditto *d, char *why, size_t why_cap);

/* A name that the API server's paths take as it is: of a label, at most 63 bytes. */
bool ditto_name_ok(const char *name);

/* Bytes, or thousandths, of "20Gi", "500m", "1e9"; false: no quantity. */
bool ditto_quantity(const char *text, double *value);

/* One row an object that belongs to a server, in the order in which they are made. */
struct ditto_child {
	const char *api;			/* "/api/v1" */
	const char *plural, *kind;
	const char *suffix;			/* of its name, behind the server's */
	bool owned;				/* goes with the server */
	struct rest_json *(*desire)(const struct ditto *d);	/* the caller frees it */
};
enum { DITTO_CONFIG, DITTO_CLAIM, DITTO_SERVICE, DITTO_SET, DITTO_CHILDREN };
extern const struct ditto_child ditto_children[DITTO_CHILDREN];

void ditto_child_path(const struct ditto *d, const struct ditto_child *c, bool named, char *to,
    size_t cap);

/* Has is what is wanted, apart from what the server added?  Lists have the same length. */
bool ditto_covers(const struct rest_json *has, const struct rest_json *wanted);

/* JSON of a text with ' for ": %s a text that is quoted and escaped, %d an int64_t, %j a value,
 * which stays the caller's. */
struct rest_json *ditto_make(const char *fmt, ...);

#endif
