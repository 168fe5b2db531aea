/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initrd.h"

#include "member.h"

#define NAME_MAX_ 4096
#define UNPACKED_MAX (2 * GIB)
#define NAMES_MAX 400000
#define BUILTIN_MAX (4 * MIB)

void initrd_free(struct initrd *i)
{
	strv_free(&i->names);
	str_free(&i->builtin);
	str_free(&i->crypttab);
	*i = (struct initrd){ 0 };
}

/* ---- cpio, fed piece by piece ---- */

enum state { HEADER, NAME, DATA, END };

struct cpio {
	struct initrd *out;
	enum state state;
	uint8_t head[110];
	size_t have;            /* bytes of head, or of the name */
	char name[NAME_MAX_ + 1];
	size_t name_len;
	uint64_t skip, at;      /* bytes of data still to come; place in this archive */
	struct str *keep;       /* this file's data goes here, or NULL */
	bool whole;             /* TRAILER!!! was seen */
	const char *wrong;
	size_t names_cap;
};

static uint32_t hex8(const uint8_t *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 8; i++) {
		int c = p[i] | 0x20;

		v = v << 4 | (uint32_t)(c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0);
	}
	return v;
}

static void add_name(struct cpio *c)
{
	struct strv *l = &c->out->names;
	const char *name = c->name;

	while (str_starts(name, "./") || *name == '/')
		name += *name == '/' ? 1 : 2;
	if (l->n >= NAMES_MAX || !*name || str_eq(name, "."))
		return;
	if (l->n + 1 >= c->names_cap) {         /* strv_add grows by one: too slow for 100,000 names */
		c->names_cap = c->names_cap ? 2 * c->names_cap : 1024;
		l->v = xrealloc(l->v, c->names_cap * sizeof(*l->v));
	}
	l->v[l->n++] = xstrdup(name);
	l->v[l->n] = NULL;
}

static void header_done(struct cpio *c)
{
	size_t len = hex8(c->head + 94);

	if (memcmp(c->head, "070701", 6) != 0 && memcmp(c->head, "070702", 6) != 0) {
		c->wrong = "no cpio header where one belongs";
		return;
	}
	if (!len || len > NAME_MAX_) {
		c->wrong = "a name of impossible length";
		return;
	}
	c->name_len = len + ((4 - (110 + len) % 4) & 3);
	c->skip = hex8(c->head + 54);
	c->skip += (4 - c->skip % 4) & 3;
	c->have = 0;
	c->state = NAME;
}

static bool is_crypttab(const char *name)
{
	name += str_starts(name, "./") ? 2 : 0;
	return str_eq(name, "cryptroot/crypttab") || str_eq(name, "etc/crypttab");
}

static void name_done(struct cpio *c)
{
	c->name[c->have < NAME_MAX_ ? c->have : NAME_MAX_] = 0;
	c->have = 0;
	if (str_eq(c->name, "TRAILER!!!")) {
		c->whole = true;
		c->state = END;
		return;
	}
	c->keep = str_ends(c->name, "/modules.builtin") ? &c->out->builtin : is_crypttab(c->name) ? &c->out->crypttab : NULL;
	if (c->keep && c->keep->len >= BUILTIN_MAX)
		c->keep = NULL;
	add_name(c);
	c->state = c->skip ? DATA : HEADER;
}

/* Takes some bytes; returns how many were used (less than n at the end of the archive). */
static size_t cpio_feed(struct cpio *c, const uint8_t *p, size_t n)
{
	size_t used = 0;

	while (used < n && c->state != END && !c->wrong) {
		size_t left = n - used, take;

		if (c->state == HEADER) {
			take = sizeof(c->head) - c->have < left ? sizeof(c->head) - c->have : left;
			memcpy(c->head + c->have, p + used, take);
			c->have += take;
			if (c->have == sizeof(c->head))
				header_done(c);
		} else if (c->state == NAME) {
			take = c->name_len - c->have < left ? c->name_len - c->have : left;
			for (size_t i = 0; i < take && c->have + i < NAME_MAX_; i++)
				c->name[c->have + i] = (char)p[used + i];
			c->have += take;
			if (c->have == c->name_len)
				name_done(c);
		} else {
			take = c->skip < left ? (size_t)c->skip : left;
			if (c->keep)
				str_addn(c->keep, p + used, take);
			c->skip -= take;
			if (!c->skip)
				c->state = HEADER;
		}
		used += take;
		c->at += take;
	}
	c->out->bytes += used;
	return used;
}

/* ---- one member: plain or compressed ---- */

static int judge(const struct cpio *c, size_t at, struct err *e)
{
	if (c->wrong)
		return err_set(e, -EBADMSG, "damaged: %s, %llu bytes into the archive at byte %zu", c->wrong, (unsigned long long)c->at, at);
	if (!c->whole)
		return err_set(e, -ENODATA, "cut off: the archive at byte %zu has no end", at);
	return 0;
}

/* Archives behind each other inside one stream, zeros between them. */
struct stream {
	struct cpio c;
	struct initrd *out;
};

static void stream_feed(struct stream *s, const uint8_t *p, size_t n)
{
	while (n && !s->c.wrong) {
		size_t used;

		if (s->c.state == END) {
			if (*p == 0) {
				p++;
				n--;
				continue;
			}
			if (*p != '0')
				return;         /* what follows the last archive is not ours */
			s->c = (struct cpio){ .out = s->out, .names_cap = s->c.names_cap };
			s->out->archives++;
		}
		used = cpio_feed(&s->c, p, n);
		p += used;
		n -= used;
	}
}

static int from_member(void *arg, const uint8_t *p, size_t n, struct err *e)
{
	struct stream *s = arg;

	stream_feed(s, p, n);
	return s->out->bytes > UNPACKED_MAX ? err_set(e, -EFBIG, "unpacks to more than 2 GiB") : 0;
}

/* One archive, plain or compressed, at p[at]; *ret_used is its length. */
static int read_one(struct stream *s, const uint8_t *p, size_t n, size_t at, size_t *ret_used, struct err *e)
{
	int r = 0;

	if (p[at] == '0' && at % 4) /* the kernel takes it for something compressed */
		return err_set(e, -EBADMSG, "damaged: the cpio at byte %zu does not begin at a multiple of 4", at);
	if (p[at] == '0')
		*ret_used = cpio_feed(&s->c, p + at, n - at);
	else if (member_known(p + at, n - at))
		r = member_unpack(p + at, n - at, &(struct member_sink){ from_member, s }, ret_used, e);
	else if (s->out->archives > 1)
		r = err_set(e, -EBADMSG, "damaged: neither cpio nor compressed at byte %zu", at);
	else
		r = err_set(e, -EBADMSG, "this is no initramfs");
	return r < 0 ? r : judge(&s->c, at, e);
}

int initrd_read(const void *data, size_t n, struct initrd *ret, struct err *e)
{
	const uint8_t *p = data;
	struct stream s = { .out = ret };
	size_t at = 0, used;
	int r;

	*ret = (struct initrd){ .names = STRV_INIT, .builtin = STR_INIT, .crypttab = STR_INIT };
	while (at < n) {
		if (p[at] == 0) {
			at++;
			continue;
		}
		s.c = (struct cpio){ .out = ret, .names_cap = s.c.names_cap };
		ret->archives++;
		r = read_one(&s, p, n, at, &used, e);
		if (r < 0)
			return r;
		at += used;
	}
	return ret->archives ? 0 : err_set(e, -EBADMSG, "the initramfs is empty");
}

/* ---- questions ---- */

bool initrd_has(const struct initrd *i, const char *path)
{
	return strv_has(&i->names, path);
}

static bool same_module(const char *file, size_t n, const char *module)
{
	if (strlen(module) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (file[i] != module[i] && !((file[i] == '-' || file[i] == '_') && (module[i] == '-' || module[i] == '_')))
			return false;
	return true;
}

static bool is_module(const char *path, const char *module)
{
	const char *base = strrchr(path, '/'), *dot;

	base = base ? base + 1 : path;
	dot = strstr(base, ".ko");
	return dot && same_module(base, (size_t)(dot - base), module);
}

static const char *version_dir(const char *path)
{
	const char *p = str_starts(path, "usr/") ? path + 4 : path;

	return str_starts(p, "lib/modules/") ? p + 12 : NULL;
}

bool initrd_has_version(const struct initrd *i, const char *version)
{
	size_t n = strlen(version);

	for (size_t k = 0; k < i->names.n; k++) {
		const char *v = version_dir(i->names.v[k]);

		if (v && strncmp(v, version, n) == 0 && (v[n] == '/' || !v[n]))
			return true;
	}
	return false;
}

bool initrd_has_module(const struct initrd *i, const char *version, const char *module)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	size_t n = version ? strlen(version) : 0;

	for (size_t k = 0; k < i->names.n; k++) {
		const char *v = version_dir(i->names.v[k]);

		if (v && (!version || (strncmp(v, version, n) == 0 && v[n] == '/')) && is_module(i->names.v[k], module))
			return true;
	}
	if (i->builtin.len) {
		AUTO_FREE char *text = xstrndup(i->builtin.s, i->builtin.len);

		strv_split(&lines, text, "\n");
	}
	for (size_t k = 0; k < lines.n; k++)
		if (is_module(lines.v[k], module))
			return true;
	return false;
}

const char *initrd_maker(const struct initrd *i)
{
	if (initrd_has(i, "scripts/functions") && initrd_has(i, "conf/initramfs.conf"))
		return "initramfs-tools";
	for (size_t k = 0; k < i->names.n; k++) {
		const char *p = i->names.v[k];

		if (strstr(p, "dracut"))
			return "dracut";
		if (str_starts(p, "hooks/") || str_eq(p, "init_functions") || str_eq(p, "buildconfig"))
			return "mkinitcpio";
		if (str_eq(p, "etc/booster.init.yaml"))
			return "booster";
	}
	return "unknown";
}
