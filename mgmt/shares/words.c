/*
 * Words for what a share does to its bytes, and which of them stay.
 */
#include "mgmt/shares/words.h"

#include "crypto/aead.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"
#include "pipeline/block/compress.h"
#include "pipeline/model/share_conf.h"

#include <string.h>

bool
shares_encryption_of(const char *word, uint8_t *aead)
{
	unsigned id = aead_of_name(word);

	if (strcmp(word, "none") == 0 || word[0] == '\0')
		id = 0;
	else if (strcmp(word, "auto") == 0)
		id = aead_preferred();
	else if (id == 0 || id == AEAD_CLEAR_BLAKE2B)
		return false;
	*aead = (uint8_t)id;
	return true;
}

bool
shares_compression_of(const char *word, uint8_t *level)
{
	uint64_t n;

	if (strcmp(word, "none") == 0 || word[0] == '\0')
		n = 0;
	else if (strcmp(word, "zstd") == 0)
		n = COMPRESS_LEVEL_DEFAULT;
	else if (strncmp(word, "zstd-", 5) != 0 || !text_u64(word + 5, 1, COMPRESS_LEVEL_MAX, &n))
		return false;
	*level = (uint8_t)n;
	return true;
}

const char *
shares_encryption_word(uint8_t aead)
{
	const char *name = aead_name(aead);

	return name != NULL ? name : "none";
}

/* Of the levels that are words of their own, the nearest. */
const char *
shares_compression_word(uint8_t level)
{
	static const struct { uint8_t most; const char *word; } words[] = {
		{ 0, "none" }, { 2, "zstd-1" }, { 4, "zstd" }, { 7, "zstd-6" }, { 14, "zstd-9" } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (level <= words[i].most)
			return words[i].word;
	return "zstd-19";
}

static const char *const retentions[] = { [RETENTION_LRU] = "lru", [RETENTION_PIN] = "pin",
	[RETENTION_TTL] = "ttl" };

bool
shares_retention_of(const char *word, uint8_t *retention)
{
	for (size_t i = 0; i < ARRAY_LEN(retentions); i++)
		if (strcmp(retentions[i], word) == 0) {
			*retention = (uint8_t)i;
			return true;
		}
	return false;
}

const char *
shares_retention_word(uint8_t retention)
{
	assert(retention < ARRAY_LEN(retentions));
	return retentions[retention];
}
