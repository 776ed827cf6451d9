/*
 * What single settings cannot tell: which of them must fit together, and whether files that they
 * name can be read.  For `dfs config validate`; a start finds out by itself.
 */
#include "mgmt/daemon/inner.h"

#include "pipeline/base/panic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config_where *
at_setting(struct config *c, struct config_where *at, int row)
{
	static char name[CONFIG_PATH_MAX];	/* of one thread: the command line's */
	const struct config_origin *o = &c->origin[row];

	setting_variable(&settings[row], name, sizeof name);
	at->line = o->line;
	at->file = o->from == CONFIG_FILE ? c->file : o->from == CONFIG_DEFAULT ? "default" :
	    o->variable != NULL ? o->variable : name;
	return at;
}

static void
check_path(struct config_where *at, const char *key, const char *path, bool secret)
{
	struct stat sb;

	if (stat(path, &sb) != 0 || access(path, R_OK) != 0)
		(void)config_wrong(at, "%s: cannot read %.200s: %s; mend the path or its rights",
		    key, path, strerror(errno));
	else if (!S_ISREG(sb.st_mode))
		(void)config_wrong(at, "%s: %.200s is no file", key, path);
	else if (secret && (sb.st_mode & 077) != 0)
		(void)config_wrong(at, "%s: others may read %.200s; chmod 600 it", key, path);
}

static void
check_file(struct config *c, struct config_where *at, int row, const char *path, bool secret)
{
	if (path[0] != '\0')
		check_path(at_setting(c, at, row), settings[row].key, path, secret);
}

/* Files that a remote store names. */
static void
check_remotes(struct config *c, struct config_where *at)
{
	at->file = c->file;
	for (uint32_t i = 0; i < c->nremotes; i++) {
		const struct config_remote *r = &c->remotes[i];
		const struct { const char *key, *path; bool secret; } files[] = {
			{ "encryption_key_file", r->encryption_key_file, true },
			{ "encryption_passphrase_file", r->encryption_passphrase_file, true },
			{ "credentials_file", r->credentials_file, false },
			{ "ca_file", r->ca_file, false } };

		at->line = r->begins;
		for (size_t f = 0; f < ARRAY_LEN(files); f++)
			if (files[f].path[0] != '\0')
				check_path(at, files[f].key, files[f].path, files[f].secret);
	}
}

static void
check_ports(struct config *c, struct config_where *at)
{
	const struct { int row; uint64_t port; bool on; } ports[] = {
		{ CONFIG_AT_nfs_port, c->nfs_port, true },
		{ CONFIG_AT_portmap_port, c->portmap_port, c->portmap },
		{ CONFIG_AT_metrics_port, c->metrics_port, c->metrics },
		{ CONFIG_AT_plane_port, c->plane_port, c->plane } };

	for (size_t i = 0; i < ARRAY_LEN(ports); i++)
		for (size_t j = 0; j < i; j++)
			if (ports[i].on && ports[j].on && ports[i].port != 0 &&
			    ports[i].port == ports[j].port)
				(void)config_wrong(at_setting(c, at, ports[i].row),
				    "%s: %llu is %s as well; "
				    "give each a port of its own",
				    settings[ports[i].row].key, (unsigned long long)ports[i].port,
				    settings[ports[j].row].key);
}

static void
check_together(struct config *c, struct config_where *at)
{
	size_t secret = strlen(c->jwt_secret);

	if ((c->tls_cert[0] == '\0') != (c->tls_key[0] == '\0'))
		(void)config_wrong(at_setting(c, at,
				       c->tls_cert[0] ? CONFIG_AT_tls_cert : CONFIG_AT_tls_key),
		    "controlplane.tls: cert_file and key_file go together; say both or neither");
	if (c->tls_client_ca[0] != '\0' && c->tls_cert[0] == '\0')
		(void)config_wrong(at_setting(c, at, CONFIG_AT_tls_client_ca),
		    "controlplane.tls.client_ca: it wants cert_file and key_file beside it");
	if (secret > 0 && (secret < 32 || secret > 255))
		(void)config_wrong(at_setting(c, at, CONFIG_AT_jwt_secret),
		    "controlplane.jwt.secret: must be of 32 to 255 bytes; leave it empty and one "
		    "is made");
	check_file(c, at, CONFIG_AT_tls_cert, c->tls_cert, false);
	check_file(c, at, CONFIG_AT_tls_key, c->tls_key, true);
	check_file(c, at, CONFIG_AT_tls_client_ca, c->tls_client_ca, false);
	check_file(c, at, CONFIG_AT_key_file, c->key_file, true);
	check_file(c, at, CONFIG_AT_passphrase_file, c->passphrase_file, true);
	check_ports(c, at);
}

static void
check_shares(struct config *c, struct config_where *at)
{
	bool key = c->key_file[0] != '\0' || c->passphrase_file[0] != '\0' ||
	    getenv("DITTOFS_ENCRYPTION_PASSPHRASE") != NULL;

	at->file = c->file;
	for (uint32_t i = 0; i < c->nshares; i++) {
		const struct share_conf *s = &c->shares[i];

		at->line = c->share_lines[i].begins;
		if (s->encryption != 0 && !key && !s->key_file[0] && !s->passphrase_file[0] &&
		    !s->passphrase_env[0])
			(void)config_wrong(at,
			    "%s: encryption: no key is set; set encryption.key_file, "
			    "encryption.passphrase_file or DITTOFS_ENCRYPTION_PASSPHRASE",
			    s->name);
		for (uint32_t j = 0; j < i; j++)
			if (s->dir[0] != '\0' && strcmp(s->dir, c->shares[j].dir) == 0)
				(void)config_wrong(at,
				    "%s: dir: the folder %.200s is that of %s; give each its "
				    "own",
				    s->name, s->dir, c->shares[j].name);
	}
}

unsigned
config_check(struct config *c, const char *file, void (*see)(const char *line, void *arg),
    void *arg)
{
	char why[CONFIG_WHY_MAX + CONFIG_STR_MAX];
	struct config_where at = { .why = why, .why_cap = sizeof why, .see = see, .arg = arg };

	if (config_read_all(c, &at, file) == OK || at.wrong > 0) {
		check_together(c, &at);
		check_remotes(c, &at);
		check_shares(c, &at);
	}
	return at.wrong;
}
