/*
 * Reading a DittoServer and what is made of it.
 */
#include "mgmt/operator/ditto.h"

#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char why[300];

static struct rest_json *
server(const char *spec)
{
	char text[8192], bad[100];
	struct rest_json *j;

	snprintf(text, sizeof text,
	    "{\"metadata\":{\"name\":\"files\",\"namespace\":\"prod\",\"uid\":\"u-1\","
	    "\"resourceVersion\":\"7\",\"generation\":3},\"spec\":%s}",
	    spec);
	j = rest_json_parse(text, strlen(text), bad, sizeof bad);
	TRUE(j != NULL);
	return j;
}

static void
refused(const char *spec, const char *word)
{
	struct rest_json *j = server(spec);
	struct ditto d;

	if (ditto_read(j, &d, why, sizeof why))
		check_fail(__FILE__, __LINE__, "taken: %s", spec);
	if (strstr(why, word) == NULL)
		check_fail(__FILE__, __LINE__, "%s: \"%s\" does not say %s", spec, why, word);
	EQ_STR(d.name, "files");
	rest_json_free(j);
}

/* What is desired of that spec, as text; the caller frees it. */
static char *
desired(int child, const char *spec)
{
	struct rest_json *j = server(spec), *made;
	struct ditto d;
	char *text;

	TRUE(ditto_read(j, &d, why, sizeof why));
	made = ditto_children[child].desire(&d);
	TRUE(made != NULL);
	text = rest_json_text(made);
	rest_json_free(made);
	rest_json_free(j);
	return text;
}

static void
desires(int child, const char *spec, const char *part)
{
	char *text = desired(child, spec);

	if (strstr(text, part) == NULL)
		check_fail(__FILE__, __LINE__, "%s is not in %s", part, text);
	free(text);
}

CASE(a_server_with_a_size_alone_has_the_defaults)
{
	struct rest_json *j = server("{\"storage\":{\"size\":\"20Gi\"}}");
	struct ditto d;

	TRUE(ditto_read(j, &d, why, sizeof why));
	EQ_STR(d.image, "dittofs:latest");
	EQ(d.replicas, 1);
	EQ(d.nfs_port, 12049);
	EQ(d.grace_s, 45);
	EQ(d.generation, 3);
	EQ_STR(d.service, "ClusterIP");
	TRUE(d.keep);
	TRUE(d.metrics);
	FALSE(d.deleting);
	FALSE(d.finalizer);
	rest_json_free(j);
}

CASE(what_is_out_of_bounds_is_refused_and_the_field_is_named)
{
	refused("{}", "storage.size");
	refused("{\"storage\":{\"size\":\"much\"}}", "storage.size");
	refused("{\"storage\":{\"size\":\"1Mi\"}}", "storage.size");
	refused("{\"storage\":{\"size\":20}}", "size");
	refused("{\"storage\":[]}", "storage");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"replicas\":2}", "replicas");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"replicas\":-1}", "replicas");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"replicas\":\"1\"}", "replicas");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"nfs\":{\"port\":80}}", "port");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"nfs\":{\"port\":8080}}", "nfs.port");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"service\":{\"type\":\"ExternalName\"}}",
	    "service.type");
	refused("{\"storage\":{\"size\":\"2Gi\",\"onDelete\":\"Shred\"}}", "storage.onDelete");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"logging\":{\"level\":\"loud\"}}",
	    "logging.level");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"metrics\":{\"enabled\":\"yes\"}}", "enabled");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"image\":\"a\\nb\"}", "image");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"settings\":{\"state_dir\":\"/\"}}", "state_dir");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"settings\":{\"PATH\":\"x\"}}", "settings");
	refused("{\"storage\":{\"size\":\"2Gi\"},\"settings\":{\"memory\":7}}", "memory");
}

CASE(a_name_that_could_leave_its_path_is_refused)
{
	static const char *const bad[] = { "", "a/b", "..", "a?b", "A", "-a", "a-", "a b", "a%2f" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		FALSE(ditto_name_ok(bad[i]));
	TRUE(ditto_name_ok("files-2"));
}

CASE(quantities_are_compared_by_what_they_are_worth)
{
	static const struct {
		const char *text;
		double worth;
	} good[] = { { "20Gi", 20.0 * (1 << 30) }, { "500m", 0.5 }, { "0.5", 0.5 }, { "1e3", 1000 },
		{ "2k", 2000 } };
	double v;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		TRUE(ditto_quantity(good[i].text, &v));
		TRUE(v == good[i].worth);
	}
	FALSE(ditto_quantity("", &v));
	FALSE(ditto_quantity("-1Gi", &v));
	FALSE(ditto_quantity("0x10", &v));
	FALSE(ditto_quantity("1GiB", &v));
	FALSE(ditto_quantity("inf", &v));
}

CASE(texts_in_what_is_made_are_escaped)
{
	struct rest_json *j = ditto_make("{'a':%s,'n':%d}", "\"},{\"x':\\", (int64_t)-3);

	TRUE(j != NULL);
	EQ_STR(rest_json_get_str(j, "a"), "\"},{\"x':\\");
	EQ(rest_json_int(rest_json_get(j, "n")), -3);
	rest_json_free(j);
}

CASE(the_pod_is_one_of_ours_on_its_volume_and_without_rights)
{
	static const char spec[] =
	    "{\"storage\":{\"size\":\"2Gi\"},\"admin\":{\"passwordSecretRef\":"
	    "{\"name\":\"first\"}},\"settings\":{\"memory\":\"1GiB\",\"portmapper.enabled\":"
	    "\"true\"}}";

	desires(DITTO_SET, spec, "\"replicas\":1");
	desires(DITTO_SET, spec, "\"claimName\":\"files-state\"");
	desires(DITTO_SET, spec, "\"configMap\":{\"name\":\"files-config\"}");
	desires(DITTO_SET, spec, "\"secretKeyRef\":{\"name\":\"first\",\"key\":\"password\"}");
	desires(DITTO_SET, spec, "{\"name\":\"DITTOFS_MEMORY\",\"value\":\"1GiB\"}");
	desires(DITTO_SET, spec, "{\"name\":\"DITTOFS_PORTMAPPER_ENABLED\",\"value\":\"true\"}");
	desires(DITTO_SET, spec, "\"drop\":[\"ALL\"]");
	desires(DITTO_SET, spec, "\"runAsNonRoot\":true");
	desires(DITTO_SET, spec, "\"automountServiceAccountToken\":false");
}

CASE(the_volume_is_not_owned_and_the_rest_is)
{
	for (int c = 0; c < DITTO_CHILDREN; c++) {
		char *text = desired(c, "{\"storage\":{\"size\":\"2Gi\"}}");

		EQ(strstr(text, "ownerReferences") != NULL, c != DITTO_CLAIM);
		free(text);
	}
}

CASE(other_settings_make_another_pod)
{
	char *a = desired(DITTO_SET, "{\"storage\":{\"size\":\"2Gi\"}}");
	char *b = desired(DITTO_SET,
	    "{\"storage\":{\"size\":\"2Gi\"},\"logging\":{\"level\":\"debug\"}}");
	const char *at = strstr(a, DITTO_GROUP "/settings"),
		   *bt = strstr(b, DITTO_GROUP "/settings");

	TRUE(at != NULL && bt != NULL);
	TRUE(strncmp(at, bt, 60) != 0);
	free(a);
	free(b);
}

static bool
covers(const char *has, const char *wanted)
{
	char bad[100];
	struct rest_json *a = rest_json_parse(has, strlen(has), bad, sizeof bad);
	struct rest_json *b = rest_json_parse(wanted, strlen(wanted), bad, sizeof bad);
	bool ok;

	TRUE(a != NULL && b != NULL);
	ok = ditto_covers(a, b);
	rest_json_free(a);
	rest_json_free(b);
	return ok;
}

CASE(what_a_server_adds_is_no_difference_and_what_somebody_changes_is)
{
	TRUE(covers("{\"a\":1,\"b\":{\"c\":[{\"d\":\"x\",\"e\":2}]}}",
	    "{\"b\":{\"c\":[{\"d\":\"x\"}]}}"));
	TRUE(covers("{\"cpu\":\"0.5\"}", "{\"cpu\":\"500m\"}"));
	TRUE(covers("{}", "{\"resources\":{},\"env\":[]}"));
	FALSE(covers("{\"a\":1}", "{\"a\":2}"));
	FALSE(covers("{\"a\":1}", "{\"a\":\"1\"}"));
	FALSE(covers("{\"a\":true}", "{\"a\":false}"));
	FALSE(covers("{\"a\":[1,2]}", "{\"a\":[1]}"));
	FALSE(covers("{}", "{\"a\":{\"b\":1}}"));
	FALSE(covers("{\"a\":{}}", "{\"a\":{\"b\":\"\"}}"));
}
