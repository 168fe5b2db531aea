/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hash.h"

#include <openssl/evp.h>
#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>            /* from here on XXH3 with the best instructions of this processor: three times as fast */
#endif

struct hash {
	enum hash_type type;
	EVP_MD_CTX *evp;
	XXH64_state_t *x64;
	XXH3_state_t *x3;
};

static const char *const names[HASH_TYPE_MAX] = {
	[HASH_MD5] = "MD5", [HASH_SHA1] = "SHA1", [HASH_SHA256] = "SHA256", [HASH_SHA512] = "SHA512",
	[HASH_XXH64] = "XXH64", [HASH_XXH3_64] = "XXH3_64", [HASH_XXH3_128] = "XXH3_128",
};

const char *hash_name(enum hash_type t)
{
	return names[t];
}

static bool start(struct hash *h)
{
	switch (h->type) {
	case HASH_XXH64:
		return XXH64_reset(h->x64, 0) == XXH_OK;
	case HASH_XXH3_64:
		return XXH3_64bits_reset(h->x3) == XXH_OK;
	case HASH_XXH3_128:
		return XXH3_128bits_reset(h->x3) == XXH_OK;
	default:
		return EVP_DigestInit_ex(h->evp, EVP_get_digestbyname(names[h->type]), NULL) == 1;
	}
}

struct hash *hash_new(enum hash_type t)
{
	struct hash *h = xcalloc(1, sizeof(*h));

	h->type = t;
	if (t == HASH_XXH64)
		h->x64 = XXH64_createState();
	else if (t == HASH_XXH3_64 || t == HASH_XXH3_128)
		h->x3 = XXH3_createState();
	else
		h->evp = EVP_MD_CTX_new();
	if ((h->x64 || h->x3 || h->evp) && start(h))
		return h;
	hash_free(h);
	return NULL;
}

void hash_add(struct hash *h, const void *data, size_t n)
{
	switch (h->type) {
	case HASH_XXH64:
		XXH64_update(h->x64, data, n);
		break;
	case HASH_XXH3_64:
		XXH3_64bits_update(h->x3, data, n);
		break;
	case HASH_XXH3_128:
		XXH3_128bits_update(h->x3, data, n);
		break;
	default:
		EVP_DigestUpdate(h->evp, data, n);
	}
}

void hash_add_zeros(struct hash *h, uint64_t n)
{
	static const char zeros[65536];

	while (n) {
		size_t part = n > sizeof(zeros) ? sizeof(zeros) : (size_t)n;

		hash_add(h, zeros, part);
		n -= part;
	}
}

static size_t put64(uint8_t *out, uint64_t v)
{
	XXH64_canonical_t c;

	XXH64_canonicalFromHash(&c, v);
	memcpy(out, c.digest, sizeof(c.digest));
	return sizeof(c.digest);
}

static size_t put128(uint8_t *out, XXH128_hash_t v)
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, v);
	memcpy(out, c.digest, sizeof(c.digest));
	return sizeof(c.digest);
}

size_t hash_end(struct hash *h, uint8_t out[HASH_MAX])
{
	unsigned int evp_len = 0;
	size_t n;

	if (h->type == HASH_XXH64) {
		n = put64(out, XXH64_digest(h->x64));
	} else if (h->type == HASH_XXH3_64) {
		n = put64(out, XXH3_64bits_digest(h->x3));
	} else if (h->type == HASH_XXH3_128) {
		n = put128(out, XXH3_128bits_digest(h->x3));
	} else {
		EVP_DigestFinal_ex(h->evp, out, &evp_len);
		n = evp_len;
	}
	(void)start(h);
	return n;
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	XXH64_freeState(h->x64);
	XXH3_freeState(h->x3);
	EVP_MD_CTX_free(h->evp);
	free(h);
}

size_t hash_hex(const uint8_t *d, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[d[i] >> 4];
		out[2 * i + 1] = digits[d[i] & 15];
	}
	out[2 * n] = '\0';
	return 2 * n;
}

void hash_sha256_hex(const void *data, size_t n, char out[65])
{
	uint8_t d[HASH_MAX] = { 0 };
	unsigned int len = 32;

	EVP_Digest(data, n, d, &len, EVP_sha256(), NULL);
	hash_hex(d, 32, out);
}
