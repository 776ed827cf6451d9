/*
 * Where credentials are: read once, when a store opens.  The shared file is read by sections,
 * "[profile]" and "key = value" lines, and only a little of it.
 */
#include "backends/block/s3/s3.h"
#include "backends/block/s3/source.h"

#include "crypto/secret.h"
#include "pipeline/base/text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INSTANCE_URL "http://169.254.169.254"
#define CONTAINER_URL "http://169.254.170.2"

enum { FILE_BYTES_MAX = 64 << 10 };

static const char *
env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool
copy(char *to, size_t cap, const char *from)
{
	struct text t = text_of(to, cap);

	text_add(&t, from);
	return !t.cut;
}

static bool
from_environment(struct s3_found *f)
{
	const char *access = env("AWS_ACCESS_KEY_ID"), *secret = env("AWS_SECRET_ACCESS_KEY");
	const char *token = env("AWS_SESSION_TOKEN");

	return access != NULL && secret != NULL && copy(f->access, sizeof f->access, access) &&
	    copy(f->secret, sizeof f->secret, secret) &&
	    copy(f->token, sizeof f->token, token != NULL ? token : "");
}

/* --- the shared file --- */

static char *
trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r");
	len = strlen(s);
	while (len > 0 && strchr(" \t\r", s[len - 1]) != NULL)
		s[--len] = '\0';
	return s;
}

static void
file_line(char *line, const char *profile, bool *ours, struct s3_found *f)
{
	char *value, *end;

	line = trim(line);
	if (line[0] == '[' && (end = strchr(line, ']')) != NULL) {
		*end = '\0';
		*ours = strcmp(trim(line + 1), profile) == 0;
		return;
	}
	value = strchr(line, '=');
	if (!*ours || line[0] == '#' || value == NULL)
		return;
	*value++ = '\0';
	line = trim(line);
	value = trim(value);
	if (strcmp(line, "aws_access_key_id") == 0)
		(void)copy(f->access, sizeof f->access, value);
	else if (strcmp(line, "aws_secret_access_key") == 0)
		(void)copy(f->secret, sizeof f->secret, value);
	else if (strcmp(line, "aws_session_token") == 0)
		(void)copy(f->token, sizeof f->token, value);
}

/* path NULL: there is none. */
static bool
read_file(const char *path, const char *profile, struct s3_found *f)
{
	char *bytes;
	bool ours = false;
	ssize_t got;
	int fd;

	fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return false;
	bytes = calloc(1, FILE_BYTES_MAX + 1);
	got = bytes != NULL ? read(fd, bytes, FILE_BYTES_MAX) : -1;
	close(fd);
	*f = (struct s3_found){ .access = "" };
	for (char *line = bytes, *next; got > 0 && line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		file_line(line, profile != NULL ? profile : "default", &ours, f);
	}
	if (bytes != NULL)
		secret_wipe(bytes, FILE_BYTES_MAX);
	free(bytes);
	return f->access[0] != '\0' && f->secret[0] != '\0';
}

static bool
from_file(struct s3_found *f)
{
	const char *path = env("AWS_SHARED_CREDENTIALS_FILE"), *home = env("HOME");
	char standard[1024];

	if (path == NULL && home != NULL) {
		struct text t = text_of(standard, sizeof standard);

		text_addf(&t, "%s/.aws/credentials", home);
		path = t.cut ? NULL : standard;
	}
	return read_file(path, env("AWS_PROFILE"), f);
}

static void
take(struct s3_conf *conf, const struct s3_found *f)
{
	conf->access_key = f->access;
	conf->secret_key = f->secret;
	conf->token = f->token;
}

bool
s3_source_file(struct s3_conf *conf, const char *path, const char *profile, struct s3_found *f)
{
	conf->fetch = S3_FETCH_NONE;
	if (!read_file(path, profile, f))
		return false;
	take(conf, f);
	return true;
}

/* --- what is fetched --- */

static bool
from_web(struct s3_conf *conf, struct s3_found *f)
{
	const char *file = env("AWS_WEB_IDENTITY_TOKEN_FILE"), *role = env("AWS_ROLE_ARN");
	const char *url = env("AWS_ENDPOINT_URL_STS");
	struct text t = text_of(f->url, sizeof f->url);

	if (file == NULL || role == NULL)
		return false;
	if (url != NULL)
		text_add(&t, url);
	else
		text_addf(&t, "https://sts.%s.amazonaws.com", conf->region);
	conf->fetch = S3_FETCH_WEB;
	return !t.cut && copy(f->file, sizeof f->file, file) && copy(f->role, sizeof f->role, role);
}

static bool
from_container(struct s3_conf *conf, struct s3_found *f)
{
	const char *whole = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	const char *below = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	const char *file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	struct text t = text_of(f->url, sizeof f->url);

	if (whole == NULL && below == NULL)
		return false;
	text_addf(&t, "%s%s", whole != NULL ? "" : CONTAINER_URL, whole != NULL ? whole : below);
	conf->fetch = S3_FETCH_CONTAINER;
	return !t.cut && copy(f->file, sizeof f->file, file != NULL ? file : "") &&
	    copy(f->token, sizeof f->token, token != NULL ? token : "");
}

void
s3_source_find(struct s3_conf *conf, struct s3_found *f)
{
	const char *url = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *off = env("AWS_EC2_METADATA_DISABLED");

	*f = (struct s3_found){ .access = "" };
	conf->fetch = S3_FETCH_NONE;
	if (from_environment(f) || from_file(f)) {
		take(conf, f);
		return;
	}
	*f = (struct s3_found){ .access = "" };
	if (!from_web(conf, f) && conf->fetch == S3_FETCH_NONE && !from_container(conf, f) &&
	    conf->fetch == S3_FETCH_NONE && (off == NULL || strcmp(off, "true") != 0)) {
		(void)copy(f->url, sizeof f->url, url != NULL ? url : INSTANCE_URL);
		conf->fetch = S3_FETCH_INSTANCE;
	}
	conf->fetch_url = f->url;
	conf->fetch_file = f->file;
	conf->fetch_role = f->role;
	conf->fetch_token = f->token;
}
