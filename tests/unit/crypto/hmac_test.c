#include "crypto/hmac.h"
#include "tests/unit/crypto/hex.h"

#include <string.h>

CASE(sha256_of_abc_is_the_standards)
{
	uint8_t got[SHA256_BYTES], want[SHA256_BYTES];
	const struct sha256_piece pieces[] = { { "a", 1 }, { NULL, 0 }, { "bc", 2 } };

	unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", want, 32);
	EQ(sha256_of("abc", 3, got), 0);
	EQ_MEM(got, want, 32);
	memset(got, 0, sizeof got);
	EQ(sha256_of_pieces(pieces, 3, got), 0);
	EQ_MEM(got, want, 32);
	unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", want, 32);
	EQ(sha256_of(NULL, 0, got), 0);
	EQ_MEM(got, want, 32);
}

CASE(hmac_vectors_of_rfc_4231)
{
	uint8_t key[131], got[SHA256_BYTES], want[SHA256_BYTES];

	memset(key, 0x0b, 20);
	unhex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", want, 32);
	EQ(hmac_sha256(key, 20, "Hi There", 8, got), 0);
	EQ_MEM(got, want, 32);
	unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", want, 32);
	EQ(hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, got), 0);
	EQ_MEM(got, want, 32);
	memset(key, 0xaa, sizeof key);
	unhex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", want, 32);
	EQ(hmac_sha256(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First",
	    54, got), 0);
	EQ_MEM(got, want, 32);
}

CASE(the_result_may_replace_the_key)
{
	uint8_t key[32] = "Jefe", want[32];

	unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", want, 32);
	EQ(hmac_sha256(key, 4, "what do ya want for nothing?", 28, key), 0);
	EQ_MEM(key, want, 32);
}
