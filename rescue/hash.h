/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hash.h - digests through libcrypto and libxxhash, and the CRC-32C of journals.
 */
#ifndef RESCUE_HASH_H
#define RESCUE_HASH_H

#include "err.h"

enum hash_type { HASH_MD5, HASH_SHA1, HASH_SHA256, HASH_SHA512, HASH_XXH64, HASH_XXH3_64, HASH_XXH3_128, HASH_TYPE_MAX };

#define HASH_MAX 64             /* bytes of the longest digest */

struct hash;

struct hash *hash_new(enum hash_type t);                                /* NULL when the library refuses the algorithm */
void hash_add(struct hash *h, const void *data, size_t n);
void hash_add_zeros(struct hash *h, uint64_t n);                        /* what a hole of n bytes reads as */
size_t hash_end(struct hash *h, uint8_t out[HASH_MAX]);                 /* returns the length; the state is ready for the next message */
void hash_free(struct hash *h);
const char *hash_name(enum hash_type t);
size_t hash_hex(const uint8_t *d, size_t n, char *out);                 /* out: 2n+1 bytes */
void hash_sha256_hex(const void *data, size_t n, char out[65]);

uint32_t hash_crc32c(uint32_t crc, const void *data, size_t n);         /* Castagnoli; start with 0 */
uint32_t hash_crc32c_tables(uint32_t crc, const uint8_t *p, size_t n);  /* the same without the processor's help, before the last inversion: for tests */

#endif
