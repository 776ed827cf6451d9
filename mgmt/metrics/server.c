/*
 * HTTP for the two pages.  GET alone, no bodies, few connections.
 */
#include "mgmt/metrics/metrics.h"

#include "pipeline/base/log.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 8 << 20, CONNECTIONS = 32, IDLE_S = 30 };

static struct MHD_Daemon *server;

static enum MHD_Result
answer(struct MHD_Connection *c, unsigned code, const char *kind, struct text *page)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(page->len, page->s,
	    MHD_RESPMEM_MUST_COPY);
	enum MHD_Result done;

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, kind);
	done = MHD_queue_response(c, code, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result
handle(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **state)
{
	char *room;
	struct text page;
	enum MHD_Result done;

	(void)arg, (void)version, (void)upload, (void)upload_size, (void)state;
	room = malloc(PAGE_BYTES_MAX);
	if (room == NULL)
		return MHD_NO;
	page = text_of(room, PAGE_BYTES_MAX);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		text_add(&page, "only GET\n");
		done = answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", &page);
	} else if (strcmp(url, "/metrics") == 0) {
		metrics_write(&page);
		done = answer(c, MHD_HTTP_OK, "text/plain; version=0.0.4", &page);
	} else if (strcmp(url, "/health") == 0) {
		bool well = health_write(&page);

		done = answer(c, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
		    "application/json", &page);
	} else {
		text_add(&page, "/metrics and /health are here\n");
		done = answer(c, MHD_HTTP_NOT_FOUND, "text/plain", &page);
	}
	free(room);
	return done;
}

enum status
metrics_start(const char *host, uint16_t port, uint16_t *portp)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	const union MHD_DaemonInfo *info;

	if (inet_pton(AF_INET, host, &addr.sin_addr) != 1)
		return ST_INVAL;
	server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, port, NULL, NULL, handle, NULL,
	    MHD_OPTION_SOCK_ADDR, &addr, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
	if (server == NULL)
		return ST_BUSY;
	info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT);
	*portp = info != NULL ? info->port : port;
	log_info("metrics.listen", F_STR("host", host), F_U64("port", *portp));
	return OK;
}

void
metrics_stop(void)
{
	if (server != NULL)
		MHD_stop_daemon(server);
	server = NULL;
}
