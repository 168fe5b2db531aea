/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac.h"

uint32_t bac_u32(struct bac_cur *c)
{
	uint32_t v;

	if (c->left < 4) {
		c->bad = true;
		c->left = 0;
		return 0;
	}
	v = (uint32_t)c->p[0] << 24 | (uint32_t)c->p[1] << 16 | (uint32_t)c->p[2] << 8 | c->p[3];
	c->p += 4;
	c->left -= 4;
	return v;
}

uint64_t bac_u64(struct bac_cur *c)
{
	uint64_t hi = bac_u32(c);

	return hi << 32 | bac_u32(c);
}

const char *bac_str(struct bac_cur *c)
{
	const char *s = (const char *)c->p;
	const uint8_t *end = c->left ? memchr(c->p, 0, c->left) : NULL;

	if (!end) {
		c->bad = true;
		c->left = 0;
		return "";
	}
	c->left -= (size_t)(end + 1 - c->p);
	c->p = end + 1;
	return s;
}

int bac_rec_next(const struct bac_block *b, size_t *pos, struct bac_rec *r)
{
	size_t head = b->version == 1 ? 20 : 12;
	struct bac_cur c;

	if (*pos > b->data_len || b->data_len - *pos < head)
		return 0;
	c = (struct bac_cur){ b->data + *pos, b->data_len - *pos, false };
	r->sess_id = b->version == 1 ? bac_u32(&c) : b->sess_id;
	r->sess_time = b->version == 1 ? bac_u32(&c) : b->sess_time;
	r->fi = (int32_t)bac_u32(&c);
	r->stream = (int32_t)bac_u32(&c);
	r->len = bac_u32(&c);
	if (r->len > BAC_MAX_RECORD || r->fi == 0)
		return -EBADMSG;
	r->data = c.p;
	r->have = r->len < c.left ? r->len : c.left;
	*pos = b->data_len - c.left + r->have;
	return 1;
}
