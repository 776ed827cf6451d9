/*
 * UTF-8, and the fold of names.  Folding takes letters apart (canonical decomposition),
 * puts their marks in order, joins them again (NFC) and then takes each letter's small
 * form.  A byte that is no UTF-8 travels as a letter of its own beyond Unicode, so it
 * changes nothing and nothing passes over it.
 */
#include "pipeline/base/utf.h"

enum {
	LETTERS_MAX = 512, LETTERS_FLUSH = 400, PARTS_MAX = 5,
	RAW = 0x200000,			/* | byte: what could not be decoded */
	L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11a7, S_BASE = 0xac00,
	L_COUNT = 19, V_COUNT = 21, T_COUNT = 28, S_COUNT = L_COUNT * V_COUNT * T_COUNT,
};

struct run {
	uint32_t first, last;
	int32_t step, value;
};

struct parts {
	uint32_t letter, first, second;
};

struct letters {
	uint32_t v[LETTERS_MAX];
	size_t n;
};

struct sink {
	uint8_t *at, *end;
};

#define CLASS(first, last, class) { 0x##first, 0x##last, 1, class },
#define ONE(letter, part)
#define TWO(letter, first, second)
static const struct run classes[] = {
#include "pipeline/base/utf_norm.def"
};
#undef CLASS
#undef ONE
#undef TWO

#define CLASS(first, last, class)
#define ONE(letter, part) { 0x##letter, 0x##part, 0 },
#define TWO(letter, first, second)
static const struct parts ones[] = {
#include "pipeline/base/utf_norm.def"
};
#undef ONE
#undef TWO

#define ONE(letter, part)
#define TWO(letter, first, second) { 0x##letter, 0x##first, 0x##second },
static const struct parts twos[] = {
#include "pipeline/base/utf_norm.def"
};
#undef CLASS
#undef ONE
#undef TWO

#define JOIN(first, second, letter) { 0x##letter, 0x##first, 0x##second },
static const struct parts joins[] = {
#include "pipeline/base/utf_join.def"
};
#undef JOIN

#define FOLD(first, last, step, delta) { 0x##first, 0x##last, step, delta },
static const struct run folds[] = {
#include "pipeline/base/utf_fold.def"
};
#undef FOLD

size_t
utf8_next(const void *bytes, size_t len, uint32_t *letter)
{
	const uint8_t *s = bytes;
	uint32_t low = 0x80, high = 0xbf, c;
	size_t n;

	if (len == 0)
		return 0;
	if (*s < 0x80) {
		*letter = *s;
		return 1;
	}
	if (*s < 0xc2 || *s > 0xf4)
		return 0;
	n = *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
	/*
	 * Overlong forms, surrogates and what lies above U+10FFFF show in the second
	 * byte.
	 */
	if (*s == 0xe0)
		low = 0xa0;
	else if (*s == 0xed)
		high = 0x9f;
	else if (*s == 0xf0)
		low = 0x90;
	else if (*s == 0xf4)
		high = 0x8f;
	if (len < n || s[1] < low || s[1] > high)
		return 0;
	c = *s & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	*letter = c;
	return n;
}

size_t
utf8_put(uint32_t letter, uint8_t out[4])
{
	size_t n = letter < 0x80 ? 1 : letter < 0x800 ? 2 : letter < 0x10000 ? 3 : 4;

	if (n == 1) {
		out[0] = (uint8_t)letter;
		return 1;
	}
	for (size_t i = n - 1; i > 0; i--, letter >>= 6)
		out[i] = (uint8_t)(0x80 | (letter & 0x3f));
	out[0] = (uint8_t)((0xf00u >> n & 0xff) | letter);
	return n;
}

bool
utf8_valid(const void *bytes, size_t len)
{
	const uint8_t *s = bytes, *end = s + len;
	uint32_t letter;

	while (s < end) {
		size_t n = utf8_next(s, (size_t)(end - s), &letter);

		if (n == 0)
			return false;
		s += n;
	}
	return true;
}

static const struct run *
find_run(const struct run *runs, size_t n, uint32_t letter)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (runs[mid].last < letter)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && runs[low].first <= letter ? &runs[low] : NULL;
}

static const struct parts *
find_parts(const struct parts *rows, size_t n, uint32_t letter)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (rows[mid].letter < letter)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && rows[low].letter == letter ? &rows[low] : NULL;
}

static uint32_t
class_of(uint32_t letter)
{
	const struct run *r = letter < classes[0].first ? NULL :
	    find_run(classes, ARRAY_LEN(classes), letter);

	return r != NULL ? (uint32_t)r->value : 0;
}

static uint32_t
small_of(uint32_t letter)
{
	const struct run *r = find_run(folds, ARRAY_LEN(folds), letter);

	if (r == NULL || (letter - r->first) % (uint32_t)r->step != 0)
		return letter;
	return letter + (uint32_t)r->value;
}

static void
add(struct letters *l, uint32_t letter)
{
	assert(l->n < LETTERS_MAX);		/* there was room for all parts */
	l->v[l->n++] = letter;
}

/* Take a letter apart: the first part may have parts of its own, the second never has. */
static void
add_parts(struct letters *l, uint32_t letter)
{
	uint32_t tail[PARTS_MAX - 1];
	int n = 0;

	if (letter - S_BASE < S_COUNT) {
		uint32_t s = letter - S_BASE;

		add(l, L_BASE + s / (V_COUNT * T_COUNT));
		add(l, V_BASE + s % (V_COUNT * T_COUNT) / T_COUNT);
		if (s % T_COUNT != 0)
			add(l, T_BASE + s % T_COUNT);
		return;
	}
	while (letter >= 0xc0) {
		const struct parts *p = find_parts(twos, ARRAY_LEN(twos), letter);

		if (p != NULL)
			tail[n++] = p->second;
		else
			p = find_parts(ones, ARRAY_LEN(ones), letter);
		if (p == NULL || n == (int)ARRAY_LEN(tail))
			break;
		letter = p->first;
	}
	add(l, letter);
	while (n > 0)
		add(l, tail[--n]);
}

/* Marks of one letter by their class, those of equal class in the order they came. */
static void
put_in_order(struct letters *l)
{
	for (size_t i = 1; i < l->n; i++) {
		uint32_t letter = l->v[i], class = class_of(letter);
		size_t j = i;

		for (; class != 0 && j > 0 && class_of(l->v[j - 1]) > class; j--)
			l->v[j] = l->v[j - 1];
		l->v[j] = letter;
	}
}

/* The letter made of two; 0 where there is none. */
static uint32_t
joined(uint32_t a, uint32_t b)
{
	size_t low = 0, high = ARRAY_LEN(joins);

	if (a - L_BASE < L_COUNT && b - V_BASE < V_COUNT)
		return S_BASE + ((a - L_BASE) * V_COUNT + (b - V_BASE)) * T_COUNT;
	if (a - S_BASE < S_COUNT && (a - S_BASE) % T_COUNT == 0 && b > T_BASE &&
	    b < T_BASE + T_COUNT)
		return a + (b - T_BASE);
	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct parts *p = &joins[mid];

		if (p->first < a || (p->first == a && p->second < b))
			low = mid + 1;
		else
			high = mid;
	}
	if (low == ARRAY_LEN(joins) || joins[low].first != a || joins[low].second != b)
		return 0;
	return joins[low].letter;
}

/* Join each mark to the last letter, unless one of its class or above stands between. */
static void
join(struct letters *l)
{
	size_t base = SIZE_MAX, n = 0;
	uint32_t before = 0;		/* class of what stands before, behind the base */

	for (size_t i = 0; i < l->n; i++) {
		uint32_t letter = l->v[i], class = class_of(letter), whole = 0;

		if (base != SIZE_MAX && (n == base + 1 || before < class))
			whole = joined(l->v[base], letter);
		if (whole != 0) {
			l->v[base] = whole;
			continue;
		}
		if (class == 0)
			base = n;
		before = class;
		l->v[n++] = letter;
	}
	l->n = n;
}

static bool
flush(struct letters *l, struct sink *out)
{
	put_in_order(l);
	join(l);
	for (size_t i = 0; i < l->n; i++) {
		uint8_t bytes[4] = { (uint8_t)l->v[i] };
		size_t n = l->v[i] >= RAW ? 1 : utf8_put(small_of(l->v[i]), bytes);

		if (n > (size_t)(out->end - out->at))
			return false;
		memcpy(out->at, bytes, n);
		out->at += n;
	}
	l->n = 0;
	return true;
}

static size_t
fold_letters(const uint8_t *s, size_t len, uint8_t *to, size_t max)
{
	struct sink out = { to, to + max };
	struct letters l = { .n = 0 };

	while (len > 0) {
		uint32_t letter;
		size_t n = utf8_next(s, len, &letter);

		if (n == 0) {
			letter = RAW | *s;
			n = 1;
		}
		if ((l.n >= LETTERS_FLUSH && class_of(letter) == 0) ||
		    l.n > LETTERS_MAX - PARTS_MAX)
			if (!flush(&l, &out))
				return (size_t)(out.at - to);
		add_parts(&l, letter);
		s += n;
		len -= n;
	}
	flush(&l, &out);
	return (size_t)(out.at - to);
}

size_t
utf_fold(const void *name, size_t len, uint8_t *out, size_t max)
{
	const uint8_t *s = name;
	size_t i;

	for (i = 0; i < len && i < max && s[i] < 0x80; i++)
		out[i] = s[i] >= 'A' && s[i] <= 'Z' ? (uint8_t)(s[i] | 0x20) : s[i];
	if (i == len || i == max)
		return i;
	if (i > 0)
		i--;			/* it may take the marks that follow */
	return i + fold_letters(s + i, len - i, out + i, max - i);
}
