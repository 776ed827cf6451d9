/*
 * An API server of Kubernetes, where libcurl ends: requests that are waited for, and streams that
 * are not.  One thread.  The account is a folder as every pod has one: token, ca.crt, namespace;
 * the token is read anew for each request, since it is turned every hour.
 */
#ifndef MGMT_OPERATOR_KUBE_H
#define MGMT_OPERATOR_KUBE_H

#include "mgmt/rest/json.h"

#include <stdbool.h>
#include <stddef.h>

#define KUBE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

enum { KUBE_NAME_MAX = 254, KUBE_PATH_MAX = 900 };

struct kube;
struct kube_stream;

struct kube_answer {
	long code;			/* 0: nobody answered */
	struct rest_json *body;		/* NULL: none, or no JSON */
	char why[300];			/* where code is not 2xx: a sentence */
};

/*
 * server   https://HOST:PORT; NULL: what KUBERNETES_SERVICE_HOST and _PORT say
 * account  NULL: KUBE_ACCOUNT
 * NULL, and why as a sentence, where the account cannot be read.  Plain http sends no token.
 */
struct kube *kube_open(const char *server, const char *account, char *why, size_t why_cap);
void kube_close(struct kube **kubep);

/* The namespace this process is in; "" where the account does not say. */
const char *kube_namespace(const struct kube *k);

/* Waits up to five seconds.  PATCH is a merge patch.  body: borrowed, may be NULL.  The caller
 * gives the answer to kube_answer_free(). */
void kube_ask(struct kube *k, const char *method, const char *path, const struct rest_json *body,
    struct kube_answer *a);
void kube_answer_free(struct kube_answer *a);

/* GET a path whose answer is lines; line is called within kube_wait() with each,
 * without its end. */
struct kube_stream *kube_stream_open(struct kube *k, const char *path,
    void (*line)(const char *bytes, size_t len, void *arg), void *arg);
bool kube_stream_over(const struct kube_stream *s, long *code);	/* code 0: nobody answered */
void kube_stream_close(struct kube_stream **sp);

/* Let streams run until something came, or that time is over. */
void kube_wait(struct kube *k, int ms);

#endif
