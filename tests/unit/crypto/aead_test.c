#include "crypto/aead.h"
#include "tests/unit/crypto/hex.h"

#include <string.h>

#define RFC8439_TEXT								\
	"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "	\
	"the future, sunscreen would be it."

struct known {
	unsigned id;
	const char *text;		/* hex; NULL: RFC8439_TEXT */
	const char *key, *nonce, *aad, *sealed, *tag;
};

static const struct known known[] = {
	{ AEAD_AES_256_GCM,		/* McGrew and Viega's test cases 13, 14, 16 */
	  "", "0000000000000000000000000000000000000000000000000000000000000000",
	  "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b" },
	{ AEAD_AES_256_GCM,
	  "00000000000000000000000000000000",
	  "0000000000000000000000000000000000000000000000000000000000000000",
	  "000000000000000000000000", "", "cea7403d4d606b6e074ec5d3baf39d18",
	  "d0d1c8a799996bf0265b98b5d48ab919" },
	{ AEAD_AES_256_GCM,
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	  "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	  "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
	  "76fc6ece0f4e1768cddf8853bb2d551b" },
	{ AEAD_CHACHA20_POLY1305, NULL,	/* RFC 8439 §2.8.2 */
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	  "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
	  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	  "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	  "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	  "3ff4def08e4b7a9de576d26586cec64b6116",
	  "1ae10b594f09e26a7e902ecbd0600691" },
	{ AEAD_XCHACHA20_POLY1305, NULL,	/* draft-irtf-cfrg-xchacha-03 A.3.1 */
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	  "404142434445464748494a4b4c4d4e4f5051525354555657", "50515253c0c1c2c3c4c5c6c7",
	  "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
	  "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
	  "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
	  "21f9664c97637da9768812f615c68b13b52e",
	  "c0875924c1c7987947deafd8780acf49" },
	{ AEAD_CLEAR_BLAKE2B,		/* another implementation of RFC 7693 */
	  "6279746573",
	  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	  "000102030405060708090a0b", "616164", "6279746573",
	  "9d921d3dee5d16523130e3f9a6f5c699" },
};
enum { KNOWN = sizeof known / sizeof known[0] };

struct vector {
	uint8_t key[32], nonce[24], aad[64], text[128], sealed[128], tag[16];
	size_t aad_len, len;
	unsigned id;
};

static void
load(const struct known *k, struct vector *v)
{
	memset(v, 0, sizeof *v);
	v->id = k->id;
	EQ(unhex(k->key, v->key, sizeof v->key), 32);
	EQ(unhex(k->nonce, v->nonce, sizeof v->nonce), aead_nonce_bytes(k->id));
	v->aad_len = unhex(k->aad, v->aad, sizeof v->aad);
	v->len = unhex(k->sealed, v->sealed, sizeof v->sealed);
	EQ(unhex(k->tag, v->tag, sizeof v->tag), 16);
	if (k->text == NULL)
		memcpy(v->text, RFC8439_TEXT, sizeof RFC8439_TEXT - 1);
	else
		EQ(unhex(k->text, v->text, sizeof v->text), v->len);
}

static struct aead_unit
unit_of(const struct vector *v, const void *in, void *out)
{
	return (struct aead_unit){ v->key, v->nonce, v->aad, v->aad_len, in, out, v->len };
}

/* The contexts of this program's only thread, reused by all cases. */
static struct aead *
contexts(void)
{
	static struct aead a;
	static bool begun;

	if (!begun) {
		EQ(aead_begin(&a), 0);
		begun = true;
	}
	return &a;
}

CASE(published_vectors_seal_to_their_bytes_and_tag)
{
	for (int round = 0; round < 2; round++)		/* the second reuses key schedules */
		for (int i = 0; i < KNOWN; i++) {
			struct vector v;
			uint8_t out[128], tag[16];
			struct aead_unit u;

			load(&known[i], &v);
			u = unit_of(&v, v.text, out);
			EQ(aead_seal(contexts(), v.id, &u, tag), 0);
			EQ_MEM(out, v.sealed, v.len);
			EQ_MEM(tag, v.tag, 16);
		}
}

CASE(published_vectors_open_also_in_place)
{
	for (int i = 0; i < KNOWN; i++) {
		struct vector v;
		uint8_t out[128];
		struct aead_unit u;

		load(&known[i], &v);
		u = unit_of(&v, v.sealed, out);
		EQ(aead_open(contexts(), v.id, &u, v.tag), 0);
		EQ_MEM(out, v.text, v.len);
		memcpy(out, v.sealed, v.len);
		u = unit_of(&v, out, out);
		EQ(aead_open(contexts(), v.id, &u, v.tag), 0);
		EQ_MEM(out, v.text, v.len);
		EQ(aead_seal(contexts(), v.id, &u, v.tag), 0);
		EQ_MEM(out, v.sealed, v.len);
	}
}

/* Flip each bit of a part in turn: every one must be refused, with nothing let out. */
static void
flip_all(struct vector *v, uint8_t *part, size_t len)
{
	for (size_t bit = 0; bit < len * 8; bit++) {
		uint8_t out[128];
		struct aead_unit u = unit_of(v, v->sealed, out);

		memset(out, 0x5a, sizeof out);
		part[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EQ(aead_open(contexts(), v->id, &u, v->tag), -1);
		TRUE(all_zero(out, v->len));
		EQ(out[v->len], 0x5a);
		part[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

CASE(every_flipped_bit_is_refused)
{
	for (int i = 0; i < KNOWN; i++) {
		struct vector v;
		uint8_t out[128];
		struct aead_unit u;

		load(&known[i], &v);
		flip_all(&v, v.sealed, v.len);
		flip_all(&v, v.tag, 16);
		flip_all(&v, v.aad, v.aad_len);
		flip_all(&v, v.nonce, aead_nonce_bytes(v.id));
		flip_all(&v, v.key, 32);
		u = unit_of(&v, v.sealed, out);		/* and the unharmed one still opens */
		EQ(aead_open(contexts(), v.id, &u, v.tag), 0);
		EQ_MEM(out, v.text, v.len);
	}
}

CASE(a_shorter_or_longer_unit_is_refused)
{
	for (int i = 0; i < KNOWN; i++) {
		struct vector v;
		uint8_t out[128];
		struct aead_unit u;

		load(&known[i], &v);
		if (v.len == 0)
			continue;
		u = unit_of(&v, v.sealed, out);
		u.len--;
		EQ(aead_open(contexts(), v.id, &u, v.tag), -1);
		u.len += 2;
		EQ(aead_open(contexts(), v.id, &u, v.tag), -1);
	}
}

CASE(the_tag_of_clear_bytes_knows_where_the_additional_data_ends)
{
	struct vector v;
	uint8_t moved[16];
	struct aead_unit u;

	load(&known[KNOWN - 1], &v);
	u = unit_of(&v, "dbytes", moved);
	u.aad_len--;
	u.len++;
	EQ(aead_open(contexts(), v.id, &u, v.tag), -1);
}

CASE(unknown_ids_and_too_long_units_are_refused)
{
	struct vector v;
	uint8_t out[128], tag[16];
	struct aead_unit u;

	load(&known[0], &v);
	u = unit_of(&v, v.text, out);
	EQ(aead_seal(contexts(), 0, &u, tag), -1);
	EQ(aead_seal(contexts(), 5, &u, tag), -1);
	EQ(aead_open(contexts(), 0xffffffff, &u, tag), -1);
	u.len = (size_t)AEAD_LEN_MAX + 1;
	EQ(aead_seal(contexts(), AEAD_AES_256_GCM, &u, tag), -1);
	EQ(aead_nonce_bytes(0), 0);
	EQ(aead_nonce_bytes(99), 0);
	TRUE(aead_name(0) == NULL && aead_name(99) == NULL);
}

CASE(names_and_ids_go_both_ways_and_ids_stay)
{
	EQ(aead_of_name("aes-256-gcm"), 1);
	EQ(aead_of_name("chacha20-poly1305"), 2);
	EQ(aead_of_name("xchacha20-poly1305"), 3);
	EQ(aead_of_name("none"), 4);
	EQ(aead_of_name("rot13"), 0);
	EQ_STR(aead_name(1), "aes-256-gcm");
	TRUE(aead_preferred() == 1 || aead_preferred() == 3);
}
