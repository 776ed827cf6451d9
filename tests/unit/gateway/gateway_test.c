/*
 * The tables of the gateway: statuses, settings; and starting it.
 */
#include "gateway/gateway.h"
#include "gateway/status_map.h"

#include "pipeline/base/clock.h"

#include "tests/lib/check.h"

CASE(every_status_has_a_word_in_every_protocol)
{
	EQ(gateway_nfsstat3(OK), NFS3_OK);
	EQ(gateway_nfsstat4(OK), NFS4_OK);
	EQ(gateway_ntstatus(OK), 0);
	for (int st = 1; st < ST_COUNT; st++) {
		TRUE(gateway_nfsstat3((enum status)st) != NFS3_OK);
		TRUE(gateway_nfsstat4((enum status)st) != NFS4_OK);
		TRUE(gateway_ntstatus((enum status)st) >= 0x80000000u);
	}
}

CASE(a_number_that_is_no_status_is_our_fault)
{
	EQ(gateway_nfsstat3((enum status)9999), NFS3ERR_SERVERFAULT);
	EQ(gateway_ntstatus((enum status)-1), NT_INTERNAL_ERROR);
}

CASE(settings_are_set_by_name_within_their_bounds)
{
	struct gateway_settings s;

	gateway_settings_default(&s);
	EQ(s.nfs_port, 12049);
	EQ(s.portmap_port, 10111);
	EQ(s.portmap_enabled, false);
	EQ_STR(s.nfs_bind6, "::");
	EQ(gateway_settings_set(&s, "nfs.port", "2049"), OK);
	EQ(s.nfs_port, 2049);
	EQ(gateway_settings_set(&s, "nfs.port", "65536"), ST_INVAL);
	EQ(gateway_settings_set(&s, "nfs.port", "20x"), ST_INVAL);
	EQ(s.nfs_port, 2049);
	EQ(gateway_settings_set(&s, "portmap.enabled", "true"), OK);
	EQ(s.portmap_enabled, true);
	EQ(gateway_settings_set(&s, "portmap.enabled", "maybe"), ST_INVAL);
	EQ(gateway_settings_set(&s, "nfs.drc_bytes", "1MiB"), OK);
	EQ(s.drc_bytes, 1 << 20);
	EQ(gateway_settings_set(&s, "nfs.drc_keep", "30s"), OK);
	EQ(s.drc_keep_ns, 30 * NS_PER_S);
	EQ(gateway_settings_set(&s, "nfs.bind", "127.0.0.1"), OK);
	EQ_STR(s.nfs_bind, "127.0.0.1");
	EQ(gateway_settings_set(&s, "nfs.bind",
	    "a-very-long-address-a-very-long-address-a-very-long-address-12345"), ST_INVAL);
	EQ_STR(s.nfs_bind, "127.0.0.1");
	EQ(gateway_settings_set(&s, "no.such", "1"), ST_NOENT);
}

CASE(every_setting_has_a_name_and_a_help)
{
	uint32_t n = 0;

	for (; gateway_settings_name(n) != NULL; n++)
		TRUE(gateway_settings_help(n)[0] != '\0');
	TRUE(n >= 10);
	TRUE(gateway_settings_help(n) == NULL);
}

CASE(the_gateway_starts_where_only_one_family_is_and_not_where_none_is)
{
	struct gateway_settings s;

	gateway_settings_default(&s);
	s.nfs_port = 0;
	gateway_make(&s);
	EQ(gateway_start(), OK);
	EQ(gateway_nfs_port(), 4711);
	gateway_stop();
	EQ(gateway_nfs_port(), 0);
	s.nfs_bind[0] = '\0';
	gateway_make(&s);
	EQ(gateway_start(), ST_NOTSUPP);
	gateway_stop();
}

CASE(notes_that_no_protocol_wrote_are_passed_over)
{
	struct gateway_settings s;

	gateway_settings_default(&s);
	gateway_remember(1, &(struct note){ .protocol = NOTE_NFS3, .proc = 12 });
	gateway_make(&s);
	gateway_remember(1, &(struct note){ .protocol = 200, .proc = 60000 });
	gateway_remember(1, &(struct note){ .protocol = NOTE_NFS3, .proc = 60000 });
	gateway_stop();
}
