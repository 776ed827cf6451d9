#include "backends/block/s3/list.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" \
	"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>" \
	"<Prefix>a</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>"
#define ONE "<Contents><Key>a/1</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>"	\
	"<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size>"		\
	"<Owner><ID>x</ID></Owner><StorageClass>STANDARD</StorageClass></Contents>"
#define TWO "<Contents><Size>0</Size><Key>a/%C3%A4%20b</Key></Contents>"
#define TAIL "</ListBucketResult>"

struct seen {
	char text[256];
	int left;			/* how many names to take */
};

static bool
take(void *arg, const char *name, uint64_t size)
{
	struct seen *s = arg;
	size_t len = strlen(s->text);

	snprintf(s->text + len, sizeof s->text - len, "%s=%llu;", name,
	    (unsigned long long)size);
	return --s->left > 0;
}

static enum status
parse(const char *xml, struct seen *s, struct s3_page *page)
{
	memset(s, 0, sizeof *s);
	memset(page, 0, sizeof *page);
	s->left = 100;
	return s3_list_parse(xml, strlen(xml), take, s, page);
}

CASE(a_page_gives_its_names_and_sizes)
{
	struct seen s;
	struct s3_page page;

	EQ(parse(HEAD "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>" ONE TWO
	    TAIL, &s, &page), OK);
	EQ_STR(s.text, "a/1=434234;a/\xc3\xa4 b=0;");
	EQ(page.names, 2);
	FALSE(page.truncated);
}

CASE(names_are_decoded_only_if_the_answer_says_so_wherever_it_does)
{
	struct seen s;
	struct s3_page page;

	EQ(parse(HEAD TWO TAIL, &s, &page), OK);
	EQ_STR(s.text, "a/%C3%A4%20b=0;");
	EQ(parse(HEAD TWO "<EncodingType>url</EncodingType>" TAIL, &s, &page), OK);
	EQ_STR(s.text, "a/\xc3\xa4 b=0;");
}

CASE(a_truncated_page_says_where_it_goes_on)
{
	struct seen s;
	struct s3_page page;

	EQ(parse(HEAD ONE "<IsTruncated>true</IsTruncated><NextContinuationToken>1ueG&amp;w=="
	    "</NextContinuationToken>" TAIL, &s, &page), OK);
	TRUE(page.truncated);
	EQ_STR(page.token, "1ueG&w==");
	EQ(parse(HEAD ONE "<IsTruncated>true</IsTruncated>" TAIL, &s, &page), ST_GARBAGE);
	EQ_STR(s.text, "");
}

CASE(the_reader_may_stop)
{
	struct seen s = { "", 1 };
	struct s3_page page;
	const char *xml = HEAD ONE ONE "<IsTruncated>true</IsTruncated>"
	    "<NextContinuationToken>t</NextContinuationToken>" TAIL;

	EQ(s3_list_parse(xml, strlen(xml), take, &s, &page), OK);
	EQ_STR(s.text, "a/1=434234;");
	FALSE(page.truncated);
}

CASE(a_damaged_page_delivers_nothing)
{
	static const char *const bad[] = {
		"", "x", "<html></html>", HEAD ONE, HEAD ONE TAIL "x",
		HEAD ONE "<Contents><Key>k</Key></Contents>" TAIL,
		HEAD ONE "<Contents><Size>1</Size></Contents>" TAIL,
		HEAD ONE "<Contents><Key>k</Key><Size>-1</Size></Contents>" TAIL,
		HEAD ONE "<Contents><Key>k</Key><Size>18446744073709551616</Size></Contents>" TAIL,
		"<!DOCTYPE x [<!ENTITY a \"b\">]>" "<ListBucketResult>" ONE TAIL,
		("<ListBucketResult><a><b><c><d><e><f><g><h/></g></f></e></d></c></b></a>" TAIL),
	};
	struct seen s;
	struct s3_page page;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		EQ(parse(bad[i], &s, &page), ST_GARBAGE);
		EQ_STR(s.text, "");
	}
}

CASE(every_cut_of_a_page_is_refused)
{
	const char *xml = HEAD ONE TWO TAIL;
	struct seen s = { "", 100 };
	struct s3_page page;

	for (size_t len = 0; len < strlen(xml); len++)
		EQ(s3_list_parse(xml, len, take, &s, &page), ST_GARBAGE);
	EQ_STR(s.text, "");
}

/* A page with one text of n bytes between two others. */
static enum status
with_long(const char *before, size_t n, const char *behind, struct seen *s)
{
	char *xml = malloc(strlen(HEAD) + strlen(TAIL) + n + 256), *at = xml;
	struct s3_page page;
	enum status st;

	at += sprintf(at, "%s%s", HEAD, before);
	memset(at, 'k', n);
	sprintf(at + n, "%s%s", behind, TAIL);
	st = parse(xml, s, &page);
	free(xml);
	return st;
}

CASE(texts_beyond_their_bounds_are_refused)
{
	struct seen s;

	EQ(with_long("<Contents><Key>", S3_NAME_MAX, "</Key><Size>1</Size></Contents>", &s), OK);
	EQ(with_long("<Contents><Key>", S3_NAME_MAX + 1, "</Key><Size>1</Size></Contents>", &s),
	    ST_GARBAGE);
	EQ(with_long("<Other>", 100000, "</Other>", &s), ST_GARBAGE);
	EQ(with_long("<NextContinuationToken>", S3_TOKEN_MAX, "</NextContinuationToken>", &s),
	    ST_GARBAGE);
}

CASE(an_error_says_its_code_and_message)
{
	const char *xml = &HEAD[0];
	struct s3_error e;

	xml = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>The resource you "
	    "requested\tdoes not \xc3\xa4xist</Message><Resource>/b/k</Resource></Error>";
	s3_error_parse(xml, strlen(xml), &e);
	EQ_STR(e.code, "NoSuchKey");
	EQ_STR(e.message, "The resource you requested does not   xist");
}

CASE(whatever_an_error_is_it_is_read_as_far_as_it_goes)
{
	static const char *const odd[] = { "", "x", "<html><body>502</body></html>", "<Error/>",
	    "<Error><Code></Code></Error>", "\xff\xfe<" };
	const char *cut = "<Error><Code>SlowDown</Code><Mess";
	char *xml = malloc(10000);
	struct s3_error e;

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		s3_error_parse(odd[i], strlen(odd[i]), &e);
		EQ_STR(e.code, "");
	}
	s3_error_parse(cut, strlen(cut), &e);
	EQ_STR(e.code, "SlowDown");
	snprintf(xml, 10000, "<Error><Code>%05000d</Code><Message>m</Message></Error>", 7);
	s3_error_parse(xml, strlen(xml), &e);
	EQ(strlen(e.code), sizeof e.code - 1);
	EQ_STR(e.message, "m");
	free(xml);
}
