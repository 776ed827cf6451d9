/* The server over a socket: what it answers to bytes, and to too many of them. */
#include "tests/unit/mgmt/rest/side.h"

#include "tests/lib/check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int
connect_rest(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(side.port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static int
talk(const char *request, size_t len, char *reply, size_t cap)
{
	int fd = connect_rest();
	size_t got = 0;
	ssize_t n;

	for (size_t done = 0; done < len; done += (size_t)n) {
		n = send(fd, request + done, len - done, MSG_NOSIGNAL);
		if (n <= 0)
			break;
	}
	while (got + 1 < cap && (n = read(fd, reply + got, cap - 1 - got)) > 0)
		got += (size_t)n;
	reply[got] = '\0';
	close(fd);
	return strncmp(reply, "HTTP/1.", 7) == 0 ? (int)strtol(reply + 9, NULL, 10) : -1;
}

CASE(the_server_speaks_http)
{
	static char reply[65536];
	static const char *const health = "GET /health HTTP/1.0\r\n\r\n";
	static const char *const login =
	    "POST /api/v1/auth/login HTTP/1.0\r\nContent-Length: 48\r\n\r\n"
	    "{\"username\":\"admin\",\"password\":\"" SIDE_ADMIN_PASSWORD "\"}";

	side_start(SIDE_ADMIN_PASSWORD);
	EQ(talk(health, strlen(health), reply, sizeof reply), 200);
	TRUE(strstr(reply, "\"uptime_sec\"") != NULL);
	TRUE(strstr(reply, "X-Request-Id: ") != NULL);
	EQ(talk(login, strlen(login), reply, sizeof reply), 200);
	EQ(talk("GET /ui/ HTTP/1.0\r\n\r\n", 22, reply, sizeof reply), 200);
	EQ(talk("GET / HTTP/1.0\r\n\r\n", 18, reply, sizeof reply), 307);
	EQ(talk("GET /ui/../x HTTP/1.0\r\n\r\n", 25, reply, sizeof reply), 404);
	EQ(talk("GET /api/v1/users HTTP/1.0\r\n\r\n", 30, reply, sizeof reply), 401);
	TRUE(strstr(reply, "WWW-Authenticate: Bearer") != NULL);
}

CASE(a_body_beyond_its_limit_is_refused)
{
	static char reply[65536], request[(1 << 20) + 300];
	int n = snprintf(request, 200,
	    "POST /api/v1/auth/login HTTP/1.0\r\nContent-Length: %d\r\n\r\n", (1 << 20) + 1);

	side_start(SIDE_ADMIN_PASSWORD);
	memset(request + n, 'x', (1 << 20) + 1);
	EQ(talk(request, (size_t)n + (1 << 20) + 1, reply, sizeof reply), 413);
	TRUE(strstr(reply, "application/problem+json") != NULL);
}
