/*
 * One walker over expat that hands out (element, parent, text), and two readers on top of it.
 * Names of elements are compared without regard to their namespace, which stores differ in.
 */
#include "backends/block/s3/list.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <expat.h>
#include <string.h>

enum { DEPTH_MAX = 8, ELEMENT_MAX = 32, TEXT_MAX = 3 * S3_NAME_MAX + 1 };

struct walk {
	XML_Parser parser;
	void (*leaf)(struct walk *w, const char *parent, const char *name);
	void (*close)(struct walk *w, const char *name);
	void *reader;
	bool bad, stopped;
	bool lenient;			/* a text too long is cut */
	unsigned depth;
	char names[DEPTH_MAX][ELEMENT_MAX];
	struct text text;
	char room[TEXT_MAX];
};

static void
walk_stop(struct walk *w, bool bad)
{
	w->bad |= bad;
	w->stopped = true;
	XML_StopParser(w->parser, XML_FALSE);
}

static void
on_begin(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct walk *w = arg;
	struct text t;

	(void)attributes;
	if (w->stopped)
		return;
	if (w->depth == DEPTH_MAX) {
		walk_stop(w, true);
		return;
	}
	t = text_of(w->names[w->depth++], ELEMENT_MAX);
	text_add(&t, name);
	w->text = text_of(w->room, sizeof w->room);
}

static void
on_text(void *arg, const XML_Char *s, int len)
{
	struct walk *w = arg;

	if (w->stopped)
		return;
	text_addn(&w->text, s, (size_t)len);
	if (w->text.cut && !w->lenient)
		walk_stop(w, true);
}

static void
on_end(void *arg, const XML_Char *name)
{
	struct walk *w = arg;

	(void)name;
	if (w->stopped || w->depth == 0)
		return;
	w->depth--;
	if (w->depth > 0)
		w->leaf(w, w->names[w->depth - 1], w->names[w->depth]);
	if (w->close != NULL && !w->stopped)
		w->close(w, w->names[w->depth]);
	w->text = text_of(w->room, sizeof w->room);
}

static void
on_doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public,
    int internal)
{
	(void)name, (void)system, (void)public, (void)internal;
	walk_stop(arg, true);
}

/* Walk the document; false if it is not well-formed or breaks a bound. */
static bool
walk_run(struct walk *w, const void *xml, size_t len)
{
	bool whole;

	w->parser = XML_ParserCreate(NULL);
	if (w->parser == NULL)
		panic("no memory for an XML parser");
	w->text = text_of(w->room, sizeof w->room);
	XML_SetUserData(w->parser, w);
	XML_SetElementHandler(w->parser, on_begin, on_end);
	XML_SetCharacterDataHandler(w->parser, on_text);
	XML_SetStartDoctypeDeclHandler(w->parser, on_doctype);
	whole = XML_Parse(w->parser, xml, (int)len, XML_TRUE) == XML_STATUS_OK;
	XML_ParserFree(w->parser);
	return !w->bad && (whole || w->stopped);
}

struct listing {
	s3_list_each *each;		/* NULL while reading for the first time */
	void *arg;
	struct s3_page page;
	bool is_listing, encoded, has_name, has_size;
	char name[S3_NAME_MAX + 1];
	char raw[TEXT_MAX];
	uint64_t size;
};

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo encoding-type=url; a broken escape stays as it is, a NUL makes the name unusable. */
static bool
name_decode(const char *raw, bool is_encoded, char name[S3_NAME_MAX + 1])
{
	size_t n = 0;

	for (; *raw != '\0'; raw++) {
		char c = *raw;

		if (is_encoded && c == '%' && hex_digit(raw[1]) >= 0 && hex_digit(raw[2]) >= 0) {
			c = (char)(hex_digit(raw[1]) << 4 | hex_digit(raw[2]));
			raw += 2;
		} else if (is_encoded && c == '+') {
			c = ' ';
		}
		if (c == '\0' || n == S3_NAME_MAX)
			return false;
		name[n++] = c;
	}
	name[n] = '\0';
	return n > 0;
}

static void
listing_contents(struct walk *w, struct listing *l, const char *name)
{
	if (strcmp(name, "Key") == 0) {
		memcpy(l->raw, w->text.s, w->text.len + 1);
		l->has_name = true;
	} else if (strcmp(name, "Size") == 0) {
		l->has_size = text_u64(w->text.s, 0, UINT64_MAX, &l->size);
		if (!l->has_size)
			walk_stop(w, true);
	}
}

static void
listing_leaf(struct walk *w, const char *parent, const char *name)
{
	struct listing *l = w->reader;
	struct text token;

	if (strcmp(parent, "Contents") == 0) {
		listing_contents(w, l, name);
	} else if (w->depth == 1 && strcmp(parent, "ListBucketResult") == 0) {
		if (strcmp(name, "IsTruncated") == 0)
			l->page.truncated = strcmp(w->text.s, "true") == 0;
		else if (strcmp(name, "EncodingType") == 0)
			l->encoded = strcmp(w->text.s, "url") == 0;
		else if (strcmp(name, "NextContinuationToken") == 0) {
			token = text_of(l->page.token, sizeof l->page.token);
			text_add(&token, w->text.s);
			if (token.cut)
				walk_stop(w, true);
		}
	}
}

static void
listing_close(struct walk *w, const char *name)
{
	struct listing *l = w->reader;

	if (w->depth == 0)
		l->is_listing = strcmp(name, "ListBucketResult") == 0;
	if (w->depth != 1 || strcmp(name, "Contents") != 0)
		return;
	l->page.names++;
	if (!l->has_name || !l->has_size)
		walk_stop(w, true);
	else if (l->each != NULL) {
		if (!name_decode(l->raw, l->encoded, l->name))
			walk_stop(w, true);
		else if (!l->each(l->arg, l->name, l->size))
			walk_stop(w, false);
	}
	l->has_name = l->has_size = false;
}

enum status
s3_list_parse(const void *xml, size_t len, s3_list_each *each, void *arg, struct s3_page *page)
{
	struct listing l = { 0 };
	struct walk w = { .leaf = listing_leaf, .close = listing_close, .reader = &l };
	struct s3_page read;

	if (len > S3_PAGE_BYTES_MAX || !walk_run(&w, xml, len) || !l.is_listing ||
	    (l.page.truncated && l.page.token[0] == '\0'))
		return ST_GARBAGE;
	read = l.page;
	if (each != NULL) {
		l = (struct listing){ .each = each, .arg = arg, .encoded = l.encoded };
		w = (struct walk){ .leaf = listing_leaf, .close = listing_close, .reader = &l };
		if (!walk_run(&w, xml, len))
			return ST_GARBAGE;
		if (w.stopped)
			read.truncated = false;		/* the caller has seen enough */
	}
	*page = read;
	return OK;
}

static void
error_take(const char *from, char *to, size_t cap)
{
	struct text t = text_of(to, cap);

	for (; *from != '\0' && !t.cut; from++)
		text_addn(&t, *from >= ' ' && *from <= '~' ? from : " ", 1);
}

static void
error_leaf(struct walk *w, const char *parent, const char *name)
{
	struct s3_error *e = w->reader;

	if (strcmp(parent, "Error") != 0)
		return;
	if (strcmp(name, "Code") == 0)
		error_take(w->text.s, e->code, sizeof e->code);
	else if (strcmp(name, "Message") == 0)
		error_take(w->text.s, e->message, sizeof e->message);
}

void
s3_error_parse(const void *xml, size_t len, struct s3_error *error)
{
	struct walk w = { .leaf = error_leaf, .reader = error, .lenient = true };

	memset(error, 0, sizeof *error);
	if (len > 0 && len <= S3_PAGE_BYTES_MAX)
		(void)walk_run(&w, xml, len);	/* half of a document is read as far as it goes */
}

struct texts {
	const struct s3_wanted *wanted;
	size_t n;
};

static void
texts_leaf(struct walk *w, const char *parent, const char *name)
{
	const struct texts *t = w->reader;

	for (size_t i = 0; i < t->n; i++) {
		const struct s3_wanted *wanted = &t->wanted[i];
		struct text to;

		if (strcmp(wanted->parent, parent) != 0 || strcmp(wanted->name, name) != 0)
			continue;
		to = text_of(wanted->to, wanted->cap);
		text_add(&to, w->text.s);
		if (to.cut)
			walk_stop(w, true);
	}
}

enum status
s3_texts_parse(const void *xml, size_t len, const struct s3_wanted *wanted, size_t n)
{
	struct texts t = { wanted, n };
	struct walk w = { .leaf = texts_leaf, .reader = &t };

	return len <= S3_PAGE_BYTES_MAX && walk_run(&w, xml, len) ? OK : ST_GARBAGE;
}
