/*
 * Which hosts a word covers.  Addresses and prefixes are compared in their IPv6 form, IPv4
 * mapped into it.  Netgroups are a name service's to know, which may take its time: its answers
 * are kept for a minute, and a home worker, which must not wait, is told so.
 */
#include "pipeline/auth/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

enum { KEPT = 512, KEPT_S = 60, WORD_MAX = 128 };

struct answer {
	char group[WORD_MAX];
	uint8_t addr[16];
	bool covers;
	uint64_t until_ns;		/* 0: empty */
};

static struct mutex mutex;		/* of the answers */
static struct mutex asking;		/* innetgr serves one thread at a time */
static struct answer answers[KEPT];

void
netgroup_start(void)
{
	mutex_init(&mutex, RANK_TABLE, UINT32_MAX);
	mutex_init(&asking, RANK_SESSION, UINT32_MAX);
	memset(answers, 0, sizeof answers);
}

void
netgroup_stop(void)
{
	mutex_destroy(&mutex);
	mutex_destroy(&asking);
}

static bool
parse_addr(const char *text, uint8_t to[16], bool *four)
{
	*four = inet_pton(AF_INET, text, to + 12) == 1;
	if (*four) {
		memset(to, 0, 10);
		to[10] = to[11] = 0xff;
		return true;
	}
	return inet_pton(AF_INET6, text, to) == 1;
}

static bool
prefix_eq(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	uint32_t whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* "address" or "address/bits"; anything else covers nobody. */
static bool
net_covers(const char *hosts, const uint8_t addr[16])
{
	const char *slash = strchr(hosts, '/');
	size_t len = slash != NULL ? (size_t)(slash - hosts) : strlen(hosts);
	char text[WORD_MAX];
	uint8_t net[16];
	uint64_t bits = 128;
	bool four;

	if (len >= sizeof text)
		return false;
	memcpy(text, hosts, len);
	text[len] = '\0';
	if (!parse_addr(text, net, &four))
		return false;
	if (slash != NULL) {
		if (!text_u64(slash + 1, 0, four ? 32 : 128, &bits))
			return false;
		if (four)
			bits += 96;
	}
	return prefix_eq(net, addr, (uint32_t)bits);
}

static struct answer *
place_of(const char *group, const uint8_t addr[16])
{
	static const uint8_t key[16] = "netgroup answers";
	uint64_t h = siphash24(key, addr, 16) ^ siphash24(key, group, strlen(group));

	return &answers[h % KEPT];
}

static bool
known(const char *group, const uint8_t addr[16], bool *covers)
{
	struct answer *a = place_of(group, addr);
	bool found;

	mutex_lock(&mutex);
	found = a->until_ns > clock_mono_ns() && strcmp(a->group, group) == 0 &&
	    memcmp(a->addr, addr, 16) == 0;
	if (found)
		*covers = a->covers;
	mutex_unlock(&mutex);
	return found;
}

static void
keep(const char *group, const uint8_t addr[16], bool covers)
{
	struct answer *a = place_of(group, addr);

	mutex_lock(&mutex);
	strncpy(a->group, group, sizeof a->group - 1);
	a->group[sizeof a->group - 1] = '\0';
	memcpy(a->addr, addr, 16);
	a->covers = covers;
	a->until_ns = clock_mono_ns() + KEPT_S * NS_PER_S;
	mutex_unlock(&mutex);
}

/* The service knows hosts by their address as text, and by their name. */
static bool
in_group(const char *group, const uint8_t addr[16])
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool is_four = memcmp(addr, mapped, sizeof mapped) == 0;
	char text[INET6_ADDRSTRLEN], name[NI_MAXHOST];
	const struct sockaddr *at;
	socklen_t len;
	bool in;

	memcpy(&six.sin6_addr, addr, 16);
	memcpy(&four.sin_addr, addr + 12, 4);
	at = is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six;
	len = is_four ? sizeof four : sizeof six;
	if (inet_ntop(at->sa_family, is_four ? (void *)&four.sin_addr : (void *)&six.sin6_addr,
	    text, sizeof text) == NULL)
		return false;
	if (getnameinfo(at, len, name, sizeof name, NULL, 0, NI_NAMEREQD) != 0)
		name[0] = '\0';
	mutex_lock(&asking);	/* held over a call that may wait, by pools' threads alone */
	in = innetgr(group, text, NULL, NULL) == 1 ||
	    (name[0] != '\0' && innetgr(group, name, NULL, NULL) == 1);
	mutex_unlock(&asking);
	return in;
}

enum status
netgroup_ask(const char *hosts, const uint8_t addr[16], bool may_wait, bool *covers)
{
	if (strcmp(hosts, "*") == 0) {
		*covers = true;
		return OK;
	}
	if (hosts[0] != '@') {
		*covers = net_covers(hosts, addr);
		return OK;
	}
	if (known(hosts + 1, addr, covers))
		return OK;
	if (!may_wait)
		return ST_DELAY;
	*covers = in_group(hosts + 1, addr);
	keep(hosts + 1, addr, *covers);
	return OK;
}

bool
netgroup_covers(const char *hosts, const uint8_t addr[16])
{
	bool covers = false;

	return netgroup_ask(hosts, addr, true, &covers) == OK && covers;
}
