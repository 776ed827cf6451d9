/*
 * rest_probe [ROUNDS]: every route, by everyone who may come, and with bodies of strangers.
 *
 * Prints one line a route: what it answered without a token, with one that has expired, to a user,
 * to an operator, before a forced change of password, to an administrator with a malformed body,
 * and to an administrator; then throws ROUNDS mutated bodies at the routes that take one.  Ends
 * with 0 only where each answer is one that the route's row allows.
 */
#include "mgmt/rest/route.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"
#include "tests/unit/mgmt/rest/side.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char token[5][REST_TOKEN_ROOM];
enum { EXPIRED, USER, OPERATOR, MUST, ADMIN };
static int bad;

static void
log_in(int who, const char *name, const char *password)
{
	snprintf(token[who], sizeof token[who], "%s", side_login(name, password, NULL));
}

static void
people(void)
{
	side_start(SIDE_ADMIN_PASSWORD);
	log_in(EXPIRED, "admin", SIDE_ADMIN_PASSWORD);
	side_later(901);
	log_in(ADMIN, "admin", SIDE_ADMIN_PASSWORD);
	EQ(side_ask("POST", "/api/v1/users", token[ADMIN],
	    "{\"username\":\"plain\",\"password\":\"long enough\"}")->code, 201);
	EQ(side_ask("POST", "/api/v1/users", token[ADMIN],
	       "{\"username\":\"oper\",\"password\":\"long enough\",\"role\":\"operator\"}")
		->code,
	    201);
	EQ(side_ask("POST", "/api/v1/users", token[ADMIN],
	    "{\"username\":\"must\",\"role\":\"admin\"}")->code, 201);
	EQ(side_ask("POST", "/api/v1/users/must/password", token[ADMIN],
	    "{\"new_password\":\"long enough\"}")->code, 204);
	log_in(USER, "plain", "long enough");
	log_in(OPERATOR, "oper", "long enough");
	log_in(MUST, "must", "long enough");
}

/* A path of the route that names nothing that there is. */
static void
path_of(const struct rest_route *r, char to[300])
{
	struct text t = text_of(to, 300);

	for (const char *s = r->path; *s != '\0'; s++)
		if (strncmp(s, "{}", 2) == 0) {
			text_add(&t, "nothing");
			s++;
		} else {
			text_addn(&t, s, 1);
		}
}

static int
ask(const struct rest_route *r, const char *who, const char *body)
{
	char path[300];

	path_of(r, path);
	return side_ask(r->method, path, who, r->flags & REST_BODY ? body : NULL)->code;
}

static void
expect(const struct rest_route *r, const char *what, int got, bool ok)
{
	if (ok)
		return;
	printf("NOT ALLOWED  %s %s, %s: %d\n", r->method, r->path, what, got);
	bad++;
}

static void
probe(const struct rest_route *r)
{
	bool public = r->role == REST_PUBLIC, body = (r->flags & REST_BODY) != 0;
	bool ends = strcmp(r->operation, "logout") == 0;
	int none = ask(r, NULL, "{}"), old = ask(r, token[EXPIRED], "{}");
	int user = ends ? 0 : ask(r, token[USER], "{}"),
	    oper = ends ? 0 : ask(r, token[OPERATOR], "{}");
	int must = ends ? 0 : ask(r, token[MUST], "{}");
	int junk = body ? ask(r, token[ADMIN], "{\"a\":") : 0;
	int admin = ends ? 0 : ask(r, token[ADMIN], "{}");

	printf("%-7s %-52s %-8d %-8d %-6d %-9d %-6d %-10d %d\n", r->method, r->path, none, old,
	    user, oper, must, junk, admin);
	expect(r, "no token", none, public ? none < 500 || none == 503 : none == 401);
	expect(r, "expired", old, public ? old < 500 || old == 503 : old == 401);
	expect(r, "a user", user,
	    ends || public || r->role == REST_USER ? user != 403 && user < 504 : user == 403);
	expect(r, "an operator", oper, ends || public || r->role == REST_USER ||
	    r->role == REST_OPERATOR ? oper != 403 && oper < 504 : oper == 403);
	expect(r, "must change", must, ends || public || (r->flags & REST_EARLY) ? must != 403 :
	    must == 403);
	expect(r, "malformed", junk, !body || junk == 400);
	expect(r, "administrator", admin, ends || (admin < 500 && (public || (admin != 401 &&
	    admin != 403))) || (public && admin == 503));
}

/* --- bodies of strangers --- */

static const char *const seeds[] = {
	"{\"username\":\"u\",\"password\":\"password\",\"uid\":1,\"groups\":[\"a\"]}",
	"{\"name\":\"/"
	"x\",\"metadata_store\":\"a\",\"local_block_store\":\"b\",\"export_rules\":\"*(ro) @a\"}",
	"{\"name\":\"s\",\"type\":\"s3\",\"config\":{\"bucket\":\"b\",\"secret_access_key\":\"x\"}"
	"}",
	"{\"type\":\"cidr\",\"value\":\"10.0.0.0/"
	"8\",\"level\":\"read\",\"enabled\":true,\"port\":1}",
	"{\"refresh_token\":\"a.b.c\",\"current_password\":\"x\",\"new_password\":\"yyyyyyyyyy\"}",
	"{\"local_store_size\":\"99999999999TiB\",\"anonymous_uid\":-1,\"read_only\":null,\"x\":"
	"1e400}",
};

static size_t
mutate(char *to, size_t cap)
{
	static const char marks[] = "{}[]\":,\\u0tf-1e\x80\xff/@(";
	const char *seed = seeds[rand_u64() % ARRAY_LEN(seeds)];
	size_t len = strlen(seed);

	memcpy(to, seed, len);
	for (uint64_t n = rand_u64() % 8; n > 0 && len > 1; n--) {
		size_t at = rand_u64() % len;

		if (rand_u64() % 3 == 0 && len + 1 < cap) {
			memmove(to + at + 1, to + at, len - at);
			len++;
		} else if (rand_u64() % 3 == 0) {
			memmove(to + at, to + at + 1, len - at - 1);
			len--;
		}
		to[at] = marks[rand_u64() % (sizeof marks - 1)];
	}
	to[len] = '\0';
	return len;
}

static void
strangers(unsigned long rounds)
{
	const struct rest_route *r;
	char body[1024];

	for (unsigned long i = 0; i < rounds; i++) {
		int code;

		do
			r = &rest_routes[rand_u64() % (uint64_t)rest_routes_count];
		while (!(r->flags & REST_BODY) || (r->flags & REST_HASH) ||
		    r->handler == rest_do_login);
		mutate(body, sizeof body);
		code = ask(r, token[ADMIN], body);
		if (code < 200 || code >= 500) {
			printf("NOT ALLOWED  %s %s: %d for %s\n", r->method, r->path, code, body);
			bad++;
		}
	}
}

CASE(every_route_answers_as_its_row_allows)
{
	const char *rounds = getenv("REST_PROBE_ROUNDS");

	people();
	printf("%-7s %-52s %-8s %-8s %-6s %-9s %-6s %-10s %s\n", "METHOD", "PATH", "NO TOKEN",
	    "EXPIRED", "USER", "OPERATOR", "MUST", "MALFORMED", "ADMIN");
	for (int i = 0; i < rest_routes_count; i++)
		probe(&rest_routes[i]);
	printf("%d routes, %d answers that are not allowed\n", rest_routes_count, bad);
	EQ(bad, 0);
	rand_seed(7);
	strangers(rounds != NULL ? strtoul(rounds, NULL, 10) : 2000);
	EQ(bad, 0);
	side_stop();
}

/* The document lists exactly the routes that there are. */
CASE(the_openapi_document_and_the_routes_agree)
{
	const struct rest_json *paths, *item;
	struct answer *a;
	int n = 0;

	people();
	a = side_ask("GET", "/api/v1/openapi.json", NULL, NULL);
	EQ(a->code, 200);
	paths = rest_json_get(a->json, "paths");
	for (int i = 0; i < rest_routes_count; i++) {
		char path[200], method[8] = "";
		struct text t = text_of(path, sizeof path);
		int p = 0;

		for (const char *s = rest_routes[i].path; *s != '\0'; s++)
			if (strncmp(s, "{}", 2) == 0)
				text_addf(&t, "{p%d", ++p);
			else
				text_addn(&t, s, 1);
		for (size_t k = 0; rest_routes[i].method[k] != '\0'; k++)
			method[k] = (char)(rest_routes[i].method[k] | 0x20);
		item = rest_json_get(rest_json_get(paths, path), method);
		if (item == NULL)
			check_fail(__FILE__, __LINE__, "not in the document: %s %s", method, path);
		EQ_STR(rest_json_get_str(item, "operationId"), rest_routes[i].operation);
		n++;
	}
	EQ(n, rest_routes_count);
	side_stop();
}
