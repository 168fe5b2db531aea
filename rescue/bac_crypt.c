/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encrypted file data (PKI). Each file has a session key, encrypted for every recipient's public key, in a small ASN.1 structure:
 *
 *   SEQUENCE { INTEGER version, OBJECT cipher, OCTET STRING iv,
 *              SET OF SEQUENCE { INTEGER version, OCTET STRING key-identifier, OBJECT algorithm, OCTET STRING encrypted-key } }
 *
 * The file's records are one run of that cipher (CBC, PKCS padding); inside are packets: u32 length, then as many bytes, each what an
 * unencrypted record would have held. The structure is read by hand here: four tags are all it needs.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "bac_engine.h"

#define MAX_PACKET (64 * MIB)

struct bac_keys {
	EVP_PKEY **v;
	size_t n;
};

struct bac_crypt {
	EVP_CIPHER_CTX *ctx;
	struct str plain;
	size_t at;
};

/* ---- DER ---- */

enum { T_INTEGER = 2, T_OCTETS = 4, T_OBJECT = 6, T_SEQUENCE = 0x30, T_SET = 0x31 };

/* Cuts the next element of `tag` off c. False: it is another, or malformed. */
static bool der(struct bac_cur *c, uint8_t tag, struct bac_cur *ret)
{
	size_t len, more;

	if (c->left < 2 || c->p[0] != tag)
		return false;
	len = c->p[1];
	c->p += 2;
	c->left -= 2;
	if (len & 0x80) {
		more = len & 0x7f;
		if (more > 4 || more > c->left)
			return false;
		for (len = 0; more; more--, c->left--)
			len = len << 8 | *c->p++;
	}
	if (len > c->left)
		return false;
	*ret = (struct bac_cur){ c->p, len, false };
	c->p += len;
	c->left -= len;
	return true;
}

/* ---- keys ---- */

int bac_keys_load(const char *pem, struct bac_keys **ret, struct err *e)
{
	AUTO_FCLOSE FILE *f = fopen(pem, "re");
	struct bac_keys *k;
	EVP_PKEY *key;

	if (!f)
		return err_errno(e, "key '%s'", pem);
	k = xcalloc(1, sizeof(*k));
	while ((key = PEM_read_PrivateKey(f, NULL, NULL, (void *)""))) {        /* never asks for a passphrase */
		k->v = xrealloc(k->v, (k->n + 1) * sizeof(*k->v));
		k->v[k->n++] = key;
	}
	if (!k->n) {
		bac_keys_free(k);
		return err_set(e, -EINVAL, "key '%s': no private key without a passphrase in it (PEM)", pem);
	}
	*ret = k;
	return 0;
}

void bac_keys_free(struct bac_keys *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		EVP_PKEY_free(k->v[i]);
	free(k->v);
	free(k);
}

/* ---- session keys ---- */

static const EVP_CIPHER *cipher_of(const struct bac_cur *oid)
{
	const unsigned char *p = oid->p - 2;    /* with its tag and (one byte of) length */
	ASN1_OBJECT *o = oid->left < 128 ? d2i_ASN1_OBJECT(NULL, &p, (long)oid->left + 2) : NULL;
	const EVP_CIPHER *c = o ? EVP_get_cipherbyobj(o) : NULL;

	ASN1_OBJECT_free(o);
	return c;
}

static bool unwrap(EVP_PKEY *key, const struct bac_cur *wrapped, size_t want, uint8_t *out, size_t cap)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t n = cap;
	bool ok = ctx && EVP_PKEY_decrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		  EVP_PKEY_decrypt(ctx, out, &n, wrapped->p, wrapped->left) == 1 && n == want;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool open_session_key(const struct bac_keys *k, struct bac_cur set, size_t want, uint8_t *out, size_t cap)
{
	struct bac_cur info, x, wrapped;

	while (set.left && der(&set, T_SEQUENCE, &info)) {
		if (!der(&info, T_INTEGER, &x) || !der(&info, T_OCTETS, &x) || !der(&info, T_OBJECT, &x) || !der(&info, T_OCTETS, &wrapped))
			return false;
		for (size_t i = 0; i < k->n; i++)
			if (unwrap(k->v[i], &wrapped, want, out, cap))
				return true;
	}
	return false;
}

int bac_crypt_start(const struct bac_keys *k, const uint8_t *data, size_t n, struct bac_crypt **ret, struct err *e)
{
	struct bac_cur c = { data, n, false }, seq, x, oid, iv, set;
	const EVP_CIPHER *cipher;
	uint8_t key[1024];
	struct bac_crypt *s;

	if (!der(&c, T_SEQUENCE, &seq) || !der(&seq, T_INTEGER, &x) || !der(&seq, T_OBJECT, &oid) || !der(&seq, T_OCTETS, &iv) ||
	    !der(&seq, T_SET, &set))
		return err_set(e, -EBADMSG, "encrypted: its session key is missing or malformed");
	cipher = cipher_of(&oid);
	if (!cipher || (size_t)EVP_CIPHER_get_iv_length(cipher) != iv.left)
		return err_set(e, -EOPNOTSUPP, "encrypted with a cipher that is not known here");
	if (!open_session_key(k, set, (size_t)EVP_CIPHER_get_key_length(cipher), key, sizeof(key)))
		return err_set(e, -EKEYREJECTED, "encrypted for another key than the one given");
	s = xcalloc(1, sizeof(*s));
	s->ctx = EVP_CIPHER_CTX_new();
	if (!s->ctx || EVP_DecryptInit_ex(s->ctx, cipher, NULL, key, iv.p) != 1) {
		bac_crypt_free(s);
		return err_set(e, -EIO, "encrypted: the cipher cannot be started");
	}
	*ret = s;
	return 0;
}

/* ---- signatures: SEQUENCE { INTEGER version, SET OF SEQUENCE { INTEGER, OCTET STRING key-identifier, OBJECT digest, OBJECT algorithm, OCTET STRING } } ---- */

struct signer {
	struct bac_cur key, digest, signature;
};

static bool signers_of(const uint8_t *sig, size_t n, struct bac_cur *set)
{
	struct bac_cur c = { sig, n, false }, seq, x;

	return der(&c, T_SEQUENCE, &seq) && der(&seq, T_INTEGER, &x) && der(&seq, T_SET, set);
}

static bool next_signer(struct bac_cur *set, struct signer *s)
{
	struct bac_cur info, x;

	return set->left && der(set, T_SEQUENCE, &info) && der(&info, T_INTEGER, &x) && der(&info, T_OCTETS, &s->key) &&
	       der(&info, T_OBJECT, &s->digest) && der(&info, T_OBJECT, &x) && der(&info, T_OCTETS, &s->signature);
}

int bac_sign_hash(const uint8_t *sig, size_t n)
{
	static const uint8_t sha256[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 }; /* 2.16.840.1.101.3.4.2.1 */
	struct bac_cur set;
	struct signer s;

	if (!signers_of(sig, n, &set) || !next_signer(&set, &s))
		return -EBADMSG;
	return s.digest.left == sizeof(sha256) && memcmp(s.digest.p, sha256, sizeof(sha256)) == 0 ? HASH_SHA256 : -EOPNOTSUPP;
}

static bool signed_by(EVP_PKEY *key, const struct bac_cur *sig, const uint8_t *digest, size_t len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool ok = ctx && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		  EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 && EVP_PKEY_verify(ctx, sig->p, sig->left, digest, len) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* The identifier that a certificate of this key has: SHA-1 of the public key (RFC 5280, 4.2.1.2). */
static bool is_key(EVP_PKEY *key, const struct bac_cur *id)
{
	uint8_t *text = NULL, d[EVP_MAX_MD_SIZE];
	int n = i2d_PublicKey(key, &text);
	unsigned int len = 0;
	bool same = n > 0 && EVP_Digest(text, (size_t)n, d, &len, EVP_sha1(), NULL) == 1 && len == id->left && memcmp(d, id->p, len) == 0;

	OPENSSL_free(text);
	return same;
}

int bac_sign_fits(const struct bac_keys *k, const uint8_t *sig, size_t n, const uint8_t *digest, size_t len)
{
	struct bac_cur set;
	struct signer s;
	bool ours = false;

	if (!signers_of(sig, n, &set))
		return -EBADMSG;
	while (next_signer(&set, &s))
		for (size_t i = 0; i < k->n; i++) {
			if (signed_by(k->v[i], &s.signature, digest, len))
				return 1;
			ours = ours || is_key(k->v[i], &s.key);
		}
	return ours ? -EBADMSG : 0;
}

/* ---- data ---- */

static char *room(struct str *s, size_t n)
{
	if (s->cap - s->len < n) {
		s->cap = s->len + n;
		s->s = xrealloc(s->s, s->cap);
	}
	return s->s + s->len;
}

int bac_crypt_feed(struct bac_crypt *c, const uint8_t *data, size_t n, struct err *e)
{
	int got = 0;

	memmove(c->plain.s ? c->plain.s : (char *)"", c->plain.s ? c->plain.s + c->at : "", c->plain.len - c->at);
	c->plain.len -= c->at;
	c->at = 0;
	if (n > INT32_MAX || EVP_DecryptUpdate(c->ctx, (uint8_t *)room(&c->plain, n + EVP_MAX_BLOCK_LENGTH), &got, data, (int)n) != 1)
		return err_set(e, -EBADMSG, "encrypted data does not decrypt");
	c->plain.len += (size_t)got;
	return 0;
}

int bac_crypt_end(struct bac_crypt *c, struct err *e)
{
	int got = 0;

	if (EVP_DecryptFinal_ex(c->ctx, (uint8_t *)room(&c->plain, EVP_MAX_BLOCK_LENGTH), &got) != 1)
		return err_set(e, -EBADMSG, "encrypted data is incomplete or damaged");
	c->plain.len += (size_t)got;
	return 0;
}

int bac_crypt_next(struct bac_crypt *c, const uint8_t **ret, size_t *ret_n, struct err *e)
{
	struct bac_cur cur = { (uint8_t *)c->plain.s + c->at, c->plain.len - c->at, false };
	uint32_t len;

	if (cur.left < 4)
		return 0;
	len = bac_u32(&cur);
	if (len > MAX_PACKET)
		return err_set(e, -EBADMSG, "encrypted data is damaged");
	if (len > cur.left)
		return 0;
	*ret = cur.p;
	*ret_n = len;
	c->at += 4 + (size_t)len;
	return 1;
}

void bac_crypt_free(struct bac_crypt *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->ctx);
	str_free(&c->plain);
	free(c);
}
