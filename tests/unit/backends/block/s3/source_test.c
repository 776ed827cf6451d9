/* Where credentials come from: environment, file, and services played by a script. */
#include "backends/block/s3/s3.h"
#include "backends/block/s3/source.h"
#include "pipeline/base/panic.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/server.h"
#include "tests/unit/backends/block/s3/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT(body) "HTTP/1.1 200 OK\r\nContent-Length: $LEN\r\n\r\n" body
#define KEYS "{ \"Code\" : \"Success\",\n \"AccessKeyId\" : \"FETCHED\", \"SecretAccessKey\":"	\
	"\"s3cr\\/et\", \"Token\" : \"session+token\", \"Expiration\" : \"2099-01-01T00:00:00Z\" }"
#define ROLE_KEYS \
	"<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts\"><R><Credentials>" \
	"<AccessKeyId>WEBKEY</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t+1" \
	"</SessionToken><Expiration>2099-01-01T00:00:00.123Z</Expiration></Credentials></R>" \
	"</AssumeRoleWithWebIdentityResponse>"
#define PUT_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define NOT_FOUND "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

static void
forget(void)
{
	static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL_STS",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
}

static const char *
file_with(const char *name, const char *text)
{
	static char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", check_tmpdir(), name);
	f = fopen(path, "w");
	TRUE(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
	return path;
}

static struct block_store *
opened(struct server *server)
{
	const struct backends_pair option[] = { { "bucket", "bucket" }, { "endpoint", NULL } };
	struct backends_pair given[2];
	struct block_store_conf conf = { given, 2 };
	struct block_store *s = NULL;
	char url[64], why[200];

	memcpy(given, option, sizeof given);
	snprintf(url, sizeof url, "http://127.0.0.1:%d", server_port(server));
	given[1].value = url;
	if (block_store_open("s3", &conf, &s, why, sizeof why) != OK)
		check_fail(__FILE__, __LINE__, "%s", why);
	return s;
}

static enum status
put_x(struct block_store *s)
{
	struct waiter w;
	enum status st;

	waiter_init(&w, BLOCK_PUT, "x");
	waiter_body(&w, "body", 4);
	st = waiter_run(s, &w);
	EQ(w.done, 1);
	waiter_drop(&w);
	return st;
}

static void
has(const char *all, const char *part)
{
	if (strstr(all, part) == NULL)
		check_fail(__FILE__, __LINE__, "no \"%s\" in \"%.400s\"", part, all);
}

CASE(the_environment_has_keys)
{
	const struct server_step steps[] = { { .answer = PUT_OK } };
	struct server *server = server_start(steps, 1);
	struct block_store *s;

	forget();
	setenv("AWS_ACCESS_KEY_ID", "FROMENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	s = opened(server);
	EQ(put_x(s), OK);
	has(server_request(server, 0), "Credential=FROMENV/");
	s->ops->close(s);
	server_stop(&server);
	forget();
}

CASE(the_shared_file_has_keys_by_profile)
{
	const struct server_step steps[] = { { .answer = PUT_OK }, { .answer = PUT_OK } };
	struct server *server = server_start(steps, 2);
	struct block_store *s;

	forget();
	setenv("AWS_SHARED_CREDENTIALS_FILE", file_with("credentials",
	    "# none\n[default]\naws_access_key_id = FROMFILE\naws_secret_access_key=a/b+c\n"
	    "[ other ]\n  aws_access_key_id=OTHER\naws_secret_access_key = z\r\n"
	    "aws_session_token = tok\n"), 1);
	s = opened(server);
	EQ(put_x(s), OK);
	has(server_request(server, 0), "Credential=FROMFILE/");
	s->ops->close(s);
	setenv("AWS_PROFILE", "other", 1);
	s = opened(server);
	EQ(put_x(s), OK);
	has(server_request(server, 1), "Credential=OTHER/");
	has(server_request(server, 1), "\r\nx-amz-security-token: tok\r\n");
	s->ops->close(s);
	server_stop(&server);
	forget();
}

CASE(a_store_has_a_file_of_keys_of_its_own)
{
	const char *path = file_with("own", "[default]\naws_access_key_id = X\n[far]\n"
	    "aws_access_key_id=FAR\naws_secret_access_key=s\n");
	struct backends_pair option[] = { { "bucket", "bucket" },
		{ "endpoint", "http://127.0.0.1:1" }, { "credentials_file", path },
		{ "profile", "far" } };
	struct block_store_conf conf = { option, 4 };
	struct s3_found found;
	struct block_store *s;
	struct s3_conf c;
	char why[700];

	forget();
	setenv("AWS_ACCESS_KEY_ID", "ENV", 1);		/* passed over: the store said whose */
	setenv("AWS_SECRET_ACCESS_KEY", "ENV", 1);
	s3_conf_init(&c);
	TRUE(s3_source_file(&c, path, "far", &found));
	EQ_STR(c.access_key, "FAR");
	EQ(block_store_open("s3", &conf, &s, why, sizeof why), OK);
	s->ops->close(s);
	conf.noptions = 3;				/* the default section has half of it */
	EQ(block_store_open("s3", &conf, &s, why, sizeof why), ST_INVAL);
	has(why, "has no keys for the profile default");
	option[2].value = "/nonexistent";
	EQ(block_store_open("s3", &conf, &s, why, sizeof why), ST_INVAL);
	forget();
}

CASE(the_instance_is_asked_once_and_calls_wait_for_it)
{
	const struct server_step steps[] = { { .answer = TEXT("TOK") },
		{ .answer = TEXT("the-role\n") }, { .answer = TEXT(KEYS) }, { .answer = PUT_OK },
		{ .answer = PUT_OK } };
	struct server *server = server_start(steps, 5);
	struct block_store *s;
	char url[64];

	forget();
	snprintf(url, sizeof url, "http://127.0.0.1:%d", server_port(server));
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
	s = opened(server);
	EQ(put_x(s), OK);
	EQ(put_x(s), OK);
	has(server_request(server, 0), "PUT /latest/api/token HTTP/1.1\r\n");
	has(server_request(server, 1),
	    "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n");
	has(server_request(server, 1), "X-aws-ec2-metadata-token: TOK\r\n");
	has(server_request(server, 2), "/security-credentials/the-role HTTP/1.1\r\n");
	has(server_request(server, 3), "Credential=FETCHED/");
	has(server_request(server, 3), "\r\nx-amz-security-token: session+token\r\n");
	EQ(server_requests(server), 5);
	s->ops->close(s);
	server_stop(&server);
	forget();
}

CASE(what_cannot_be_fetched_is_denied_and_asked_for_again)
{
	const struct server_step steps[] = { { .answer = NOT_FOUND }, { .answer = TEXT("TOK") },
		{ .answer = TEXT("r") }, { .answer = TEXT("{}") }, { .answer = TEXT("TOK") },
		{ .answer = TEXT("r") }, { .answer = TEXT(KEYS) }, { .answer = PUT_OK } };
	struct server *server = server_start(steps, 8);
	struct block_store *s;
	char url[64];

	forget();
	snprintf(url, sizeof url, "http://127.0.0.1:%d", server_port(server));
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
	s = opened(server);
	EQ(put_x(s), ST_ACCES);
	EQ(put_x(s), ST_ACCES);
	EQ(put_x(s), OK);
	s->ops->close(s);
	server_stop(&server);
	forget();
}

CASE(a_web_identity_is_turned_into_keys)
{
	const struct server_step steps[] = { { .answer = TEXT(ROLE_KEYS) }, { .answer = PUT_OK } };
	struct server *server = server_start(steps, 2);
	struct block_store *s;
	char url[64];

	forget();
	snprintf(url, sizeof url, "http://127.0.0.1:%d", server_port(server));
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file_with("token", "ey.J/+x\n"), 1);
	setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
	setenv("AWS_ENDPOINT_URL_STS", url, 1);
	s = opened(server);
	EQ(put_x(s), OK);
	has(server_request(server, 0), "POST / HTTP/1.1\r\n");
	has(server_request(server, 0), "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
	    "&WebIdentityToken=ey.J%2F%2Bx");
	has(server_request(server, 1), "Credential=WEBKEY/");
	s->ops->close(s);
	server_stop(&server);
	forget();
}

CASE(a_container_has_an_agent)
{
	const struct server_step steps[] = { { .answer = TEXT(KEYS) }, { .answer = PUT_OK } };
	struct server *server = server_start(steps, 2);
	struct block_store *s;
	char url[64];

	forget();
	snprintf(url, sizeof url, "http://127.0.0.1:%d/creds", server_port(server));
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file_with("agent", "agent-token"), 1);
	s = opened(server);
	EQ(put_x(s), OK);
	has(server_request(server, 0), "GET /creds HTTP/1.1\r\n");
	has(server_request(server, 0), "Authorization: agent-token\r\n");
	has(server_request(server, 1), "Credential=FETCHED/");
	s->ops->close(s);
	server_stop(&server);
	forget();
}

CASE(closing_waits_for_a_fetch)
{
	const struct server_step steps[] = { { .answer = NOT_FOUND } };
	struct server *server = server_start(steps, 1);
	struct block_store *s;
	struct waiter w;
	char url[64];

	forget();
	snprintf(url, sizeof url, "http://127.0.0.1:%d", server_port(server));
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
	s = opened(server);
	waiter_init(&w, BLOCK_HEAD, "x");
	s->ops->start(s, &w.call);
	s->ops->cancel(s, &w.call);
	s->ops->close(s);
	EQ(w.done, 1);
	TRUE(w.call.status != OK);
	waiter_drop(&w);
	server_stop(&server);
	forget();
}

CASE(a_grant_is_whole_or_none)
{
	static const char *const bad[] = { "", "{}", "{\"AccessKeyId\":\"A\"}",
		"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":"
		"\"soon\"}",
		"{\"AccessKeyId\":\"A\\u0041\",\"SecretAccessKey\":\"S\",\"Token\":\"T\","
		"\"Expiration\":\"2099-01-01T00:00:00Z\"}",
		"{\"AccessKeyId\":\"A\nB\",\"SecretAccessKey\":\"S\",\"Token\":\"T\","
		"\"Expiration\":\"2099-01-01T00:00:00Z\"}",
		"{\"AccessKeyId\":\"A", "{\"AccessKeyId\"" };
	struct s3_grant g;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EQ(s3_grant_of_json(bad[i], strlen(bad[i]), &g), ST_GARBAGE);
	EQ(s3_grant_of_xml(ROLE_KEYS, strlen(ROLE_KEYS) / 2, &g), ST_GARBAGE);
	EQ(s3_grant_of_xml("<a/>", 4, &g), ST_GARBAGE);
	EQ(s3_grant_of_json(KEYS, strlen(KEYS), &g), OK);
	EQ_STR(g.secret, "s3cr/et");
	EQ(g.until_s, 4070908800);
	EQ(s3_grant_of_xml(ROLE_KEYS, strlen(ROLE_KEYS), &g), OK);
	EQ_STR(g.token, "t+1");
}
