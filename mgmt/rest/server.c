/*
 * The HTTP server: two threads, bounded connections, bodies gathered up to their limit and no
 * further.  All meaning is in route.c.
 */
#include "mgmt/rest/server.h"

#include "mgmt/rest/request.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { THREADS = 2, CONNECTIONS = 128, PER_ADDRESS = 96, IDLE_S = 60, CONNECTION_BYTES = 64 << 10,
	PEM_BYTES_MAX = 1 << 20, RAW_MAX = 8 << 10 };

static struct MHD_Daemon *server;
static char *pem_cert, *pem_key, *pem_ca;

struct upload {
	char *raw;			/* the request's target as it came */
	char *body;
	size_t len, cap;
	bool too_long;
};

/* --- a request --- */

static void *
begins(void *arg, const char *uri, struct MHD_Connection *c)
{
	struct upload *u = xcalloc(1, sizeof *u);

	(void)arg, (void)c;
	u->raw = xstrdup(strlen(uri) < RAW_MAX ? uri : "/");
	return u;
}

static void
ends(void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct upload *u = *state;

	(void)arg, (void)c, (void)why;
	if (u == NULL)
		return;
	free(u->raw);
	free(u->body);
	free(u);
	*state = NULL;
}

static bool
gather(struct upload *u, const char *bytes, size_t len)
{
	if (u->too_long || len > REST_BODY_MAX - u->len) {
		u->too_long = true;
		return true;		/* the rest is read and dropped, then refused */
	}
	if (u->len + len > u->cap) {
		size_t cap = MIN(MAX(u->cap * 2, u->len + len), (size_t)REST_BODY_MAX);
		char *grown = realloc(u->body, cap);

		if (grown == NULL)
			return false;
		u->body = grown;
		u->cap = cap;
	}
	memcpy(u->body + u->len, bytes, len);
	u->len += len;
	return true;
}

static void
peer_text(struct MHD_Connection *c, char *to, size_t cap)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info != NULL ? info->client_addr : NULL;

	snprintf(to, cap, "-");
	if (sa != NULL && sa->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, to,
		    (socklen_t)cap);
	else if (sa != NULL && sa->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, to,
		    (socklen_t)cap);
}

static void
add(struct MHD_Response *r, const char *name, const char *value)
{
	if (value[0] != '\0' && MHD_add_response_header(r, name, value) != MHD_YES)
		log_warn("rest.header", F_STR("name", name));
}

static enum MHD_Result
send_reply(struct MHD_Connection *c, struct rest_reply *re)
{
	static const char *const data_policy = "default-src 'none'; frame-ancestors 'none'";
	struct MHD_Response *r = MHD_create_response_from_buffer(re->len,
	    re->body != NULL ? re->body : (void *)(uintptr_t)"",
	    re->body != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	enum MHD_Result done;
	char wait[16];

	if (r == NULL) {
		rest_reply_free(re);
		return MHD_NO;
	}
	re->body = NULL;
	if (re->type != NULL)
		add(r, "Content-Type", re->type);
	add(r, "X-Request-Id", re->request_id);
	add(r, "X-Content-Type-Options", "nosniff");
	add(r, "Referrer-Policy", "no-referrer");
	add(r, "Content-Security-Policy", re->policy != NULL ? re->policy : data_policy);
	add(r, "Cache-Control", re->may_cache ? "no-cache" : "no-store");
	add(r, "ETag", re->etag);
	add(r, "Location", re->location);
	add(r, "Link", re->link);
	add(r, "Allow", re->allow);
	if (re->code == 401)
		add(r, "WWW-Authenticate", "Bearer realm=\"dittofs\"");
	snprintf(wait, sizeof wait, "%u", re->retry_after_s);
	if (re->retry_after_s > 0)
		add(r, "Retry-After", wait);
	done = MHD_queue_response(c, (unsigned)re->code, r);
	MHD_destroy_response(r);
	return done;
}

static const char *
header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* The console's pages; everything else is an answer of the table. */
static bool
page(const char *path, const char *method, struct rest_reply *re)
{
	const char *bytes, *type;
	size_t len;

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return false;
	*re = (struct rest_reply){ .code = 200, .may_cache = true };
	if (strcmp(path, "/") == 0 || strcmp(path, "/ui") == 0) {
		re->code = 307;
		snprintf(re->location, sizeof re->location, "/ui/");
		return true;
	}
	bytes = rest_web_page(path, &len, &type);
	if (bytes == NULL)
		return false;
	re->body = xmalloc(len + 1);
	memcpy(re->body, bytes, len);
	re->len = len;
	re->type = type;
	re->policy =
	    "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'";
	return true;
}

static enum MHD_Result
answer(struct MHD_Connection *c, struct upload *u, const char *method)
{
	char peer[INET6_ADDRSTRLEN];
	char *query = strchr(u->raw, '?');
	struct rest_request rq;
	struct rest_reply re;

	if (query != NULL)
		*query++ = '\0';
	peer_text(c, peer, sizeof peer);
	rq = (struct rest_request){ .method = method, .path = u->raw, .query = query ? query : "",
		.peer = peer, .authorization = header(c, "Authorization"),
		.if_match = header(c, "If-Match"), .request_id = header(c, "X-Request-Id"),
		.body = u->body, .body_len = u->len, .body_too_long = u->too_long };
	if (!page(rq.path, method, &re))
		rest_answer(&rq, &re);
	return send_reply(c, &re);
}

static enum MHD_Result
handle(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *bytes, size_t *len, void **state)
{
	struct upload *u = *state;

	(void)arg, (void)url, (void)version;
	if (u == NULL)
		return MHD_NO;
	if (*len > 0) {
		bool ok = gather(u, bytes, *len);

		*len = 0;
		return ok ? MHD_YES : MHD_NO;
	}
	if (u->cap == 0 && u->body == NULL && u->len == 0) {
		/* The first call comes before the body: a byte of room says that it was seen. */
		u->body = malloc(1);
		u->cap = u->body != NULL;
		return u->body != NULL ? MHD_YES : MHD_NO;
	}
	return answer(c, u, method);
}

/* Escapes are ours to decode: %2F in a share's name is no slash of the path. */
static size_t
as_it_is(void *arg, struct MHD_Connection *c, char *s)
{
	(void)arg, (void)c;
	return strlen(s);
}

/* --- start --- */

static char *
read_pem(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	struct stat sb;

	if (f == NULL)
		return NULL;
	if (fstat(fileno(f), &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size < PEM_BYTES_MAX) {
		text = xcalloc(1, (size_t)sb.st_size + 1);
		if (fread(text, 1, (size_t)sb.st_size, f) != (size_t)sb.st_size) {
			free(text);
			text = NULL;
		}
	}
	fclose(f);
	return text;
}

static bool
want_pem(const char *path, char **to, char *why, size_t cap)
{
	if (path == NULL || path[0] == '\0')
		return true;
	*to = read_pem(path);
	if (*to == NULL)
		snprintf(why, cap, "cannot read %s (controlplane.tls)", path);
	return *to != NULL;
}

static unsigned
tls_options(struct MHD_OptionItem *o)
{
	unsigned n = 0;

	if (pem_cert != NULL) {
		o[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, pem_cert };
		o[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, pem_key };
		o[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t)"SECURE128:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3" };
	}
	if (pem_ca != NULL)
		o[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_TRUST, 0, pem_ca };
	o[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	return n;
}

static bool
address(const char *host, uint16_t port, struct sockaddr_storage *to, unsigned *flags)
{
	struct sockaddr_in *v4 = (void *)to;
	struct sockaddr_in6 *v6 = (void *)to;

	memset(to, 0, sizeof *to);
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	*flags |= MHD_USE_IPv6;
	return true;
}

enum status
rest_server_start(const struct rest_conf *conf, uint16_t *portp, char *why, size_t why_cap)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD;
	const union MHD_DaemonInfo *info;
	struct MHD_OptionItem tls[6];
	struct sockaddr_storage addr;

	if (!address(conf->host, conf->port, &addr, &flags)) {
		snprintf(why, why_cap, "controlplane.host: \"%s\" is no address", conf->host);
		return ST_INVAL;
	}
	if (!want_pem(conf->tls_cert, &pem_cert, why, why_cap) ||
	    !want_pem(conf->tls_key, &pem_key, why, why_cap) ||
	    !want_pem(conf->tls_client_ca, &pem_ca, why, why_cap))
		return ST_INVAL;
	if ((pem_cert == NULL) != (pem_key == NULL) || (pem_ca != NULL && pem_cert == NULL)) {
		snprintf(why, why_cap, "controlplane.tls: cert_file and key_file go together");
		return ST_INVAL;
	}
	if (tls_options(tls) > 0)
		flags |= MHD_USE_TLS;
	server = MHD_start_daemon(flags, conf->port, NULL, NULL, handle, NULL,
	    MHD_OPTION_SOCK_ADDR, &addr, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)PER_ADDRESS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
	    MHD_OPTION_URI_LOG_CALLBACK, begins, NULL,
	    MHD_OPTION_UNESCAPE_CALLBACK, as_it_is, NULL,
	    MHD_OPTION_NOTIFY_COMPLETED, ends, NULL,
	    MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
	    MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	if (server == NULL) {
		snprintf(why, why_cap, "cannot serve REST on %s port %u; is another server there? "
		    "(controlplane.port)", conf->host, conf->port);
		return ST_BUSY;
	}
	info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT);
	*portp = info != NULL ? info->port : conf->port;
	log_info("rest.listen", F_STR("host", conf->host), F_U64("port", *portp),
	    F_STR("tls", pem_cert != NULL ? "yes" : "no"));
	return OK;
}

void
rest_server_stop(void)
{
	if (server != NULL)
		MHD_stop_daemon(server);
	server = NULL;
	free(pem_cert);
	free(pem_key);
	free(pem_ca);
	pem_cert = pem_key = pem_ca = NULL;
}
