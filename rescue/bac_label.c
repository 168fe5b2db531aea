/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac.h"

static const struct {
	const char *id;
	bool bareos;
	uint32_t oldest, newest;        /* versions whose label has the fields that we know (T81) */
	const char *refuse;             /* why we cannot read it, or NULL */
} ids[] = {
	{ "Bacula 1.0 immortal\n", false, 9, 11, NULL },
	{ "Bacula 0.9 mortal\n", false, 9, 11, NULL },
	{ "Bareos 2.0 immortal\n", true, 9, 20, NULL },
	{ "Bareos 1.0 immortal\n", true, 9, 20, NULL },
	{ "Bacula 1.0 Metadata\n", false, 0, UINT32_MAX, "an aligned volume: its data is in another file" },
	{ "Bacula 1.0 Aligned Data\n", false, 0, UINT32_MAX, "the data half of an aligned volume: give the metadata volume's own copy" },
	{ "Bacula 1.0 S3 Cloud\n", false, 9, UINT32_MAX, NULL },
	{ "Bacula 1.0 Dedup\n", false, 0, UINT32_MAX, "a deduplicated volume: its data is in the Storage Daemon's own store" },
};

static int known_id(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (str_eq(id, ids[i].id))
			return (int)i;
	return -1;
}

/* Old labels have a floating-point Julian day and fraction instead of microseconds; they are only used to sort. */
static void vol_times(struct bac_cur *c, struct bac_vol_label *l)
{
	uint64_t a = bac_u64(c), b = bac_u64(c);

	if (l->version >= 11) {
		l->label_time = a;
		l->write_time = b;
	}
	(void)bac_u64(c);
	(void)bac_u64(c);
}

int bac_label_vol(const struct bac_rec *r, struct bac_vol_label *ret, struct err *e)
{
	struct bac_cur c = { r->data, r->have, false };
	int i = known_id(bac_str(&c));
	struct bac_vol_label l = { .version = bac_u32(&c) };

	if (i < 0 || c.bad)
		return err_set(e, -EBADMSG, "no volume label");
	if (ids[i].refuse)
		return err_set(e, -EOPNOTSUPP, "%s", ids[i].refuse);
	if (l.version < ids[i].oldest || l.version > ids[i].newest)
		return err_set(e, -EOPNOTSUPP, "its label has version %u, and of %s's the versions %u to %u are known here: read it with the tools of the "
			       "%s that wrote it", l.version, ids[i].bareos ? "Bareos" : "Bacula", ids[i].oldest, ids[i].newest,
			       ids[i].bareos ? "Bareos" : "Bacula");
	l.bareos = ids[i].bareos;
	vol_times(&c, &l);
	l.name = xstrdup(bac_str(&c));
	l.prev = xstrdup(bac_str(&c));
	l.pool = xstrdup(bac_str(&c));
	(void)bac_str(&c);
	l.media = xstrdup(bac_str(&c));
	l.host = xstrdup(bac_str(&c));
	(void)bac_str(&c);
	l.program = xstrdup(bac_str(&c));
	if (!*l.name) {
		bac_label_vol_free(&l);
		return err_set(e, -EBADMSG, "volume label without a name");
	}
	*ret = l;
	return 0;
}

void bac_label_vol_free(struct bac_vol_label *l)
{
	free(l->name);
	free(l->prev);
	free(l->pool);
	free(l->media);
	free(l->host);
	free(l->program);
	*l = (struct bac_vol_label){ 0 };
}

static void sess_end(struct bac_cur *c, struct bac_sess_label *l)
{
	l->files = bac_u32(c);
	l->bytes = bac_u64(c);
	for (int i = 0; i < 4; i++)             /* first and last block and file: not needed */
		(void)bac_u32(c);
	l->errors = bac_u32(c);
	l->status = l->version >= 11 ? (char)bac_u32(c) : 'T';
}

int bac_label_sess(const struct bac_rec *r, struct bac_sess_label *ret)
{
	struct bac_cur c = { r->data, r->have, false };
	int i = known_id(bac_str(&c));
	struct bac_sess_label l = { .version = bac_u32(&c), .job_id = bac_u32(&c) };
	uint64_t t = bac_u64(&c);

	if (i < 0 || c.bad)
		return -EBADMSG;
	l.time = l.version >= 11 ? t : 0;
	(void)bac_u64(&c);
	l.pool = xstrdup(bac_str(&c));
	(void)bac_str(&c);
	l.job = xstrdup(bac_str(&c));
	l.client = xstrdup(bac_str(&c));
	l.unique = xstrdup(l.version >= 10 ? bac_str(&c) : "");
	l.fileset = xstrdup(l.version >= 10 ? bac_str(&c) : "");
	l.type = (char)bac_u32(&c);
	l.level = (char)bac_u32(&c);
	if (l.version >= 11)
		(void)bac_str(&c);
	if (r->fi == BAC_FI_EOS)
		sess_end(&c, &l);
	if (c.bad) {
		bac_label_sess_free(&l);
		return -EBADMSG;
	}
	*ret = l;
	return 0;
}

void bac_label_sess_free(struct bac_sess_label *l)
{
	free(l->pool);
	free(l->job);
	free(l->client);
	free(l->unique);
	free(l->fileset);
	*l = (struct bac_sess_label){ 0 };
}

int bac_label_read(const char *path, struct bac_vol_label *ret, struct err *e)
{
	struct bac_vol v = BAC_VOL_INIT;
	struct bac_block b;
	struct bac_rec rec;
	size_t pos = 0;
	int r = bac_vol_open(&v, path, 4 * KIB, e);

	if (r == 0) {
		r = v.size ? bac_vol_next(&v, &b, e) : 0;
		if (r == 1 && b.off == 0 && bac_rec_next(&b, &pos, &rec) > 0 && (rec.fi == BAC_FI_VOL || rec.fi == BAC_FI_PRE))
			r = bac_label_vol(&rec, ret, e);
		else if (r >= 0)
			r = err_set(e, -ENODATA, "'%s': does not begin with a volume label", path);
		if (r < 0 && r != -ENODATA)
			(void)err_wrap(e, r, "volume '%s'", path);
	}
	bac_vol_close(&v);
	return r;
}
