/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "efi_loadopt.h"

#include "le.h"

#define NODE_END 0x7f
#define NODE_END_ENTIRE 0xff
#define NODE_MEDIA 4
#define MEDIA_HD 1
#define MEDIA_FILE 4
#define HD_LEN 42
#define LABEL_MAX 1024          /* bytes of UTF-8, as efibootmgr has it */

static void add_le(struct str *s, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		str_addc(s, (char)(v >> (8 * i)));
}

void efi_loadopt_free(struct efi_loadopt *o)
{
	free(o->label);
	free(o->file);
	free(o->path);
	free(o->data);
	*o = (struct efi_loadopt){ 0 };
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, -EBADMSG, "load option: %s", what);
}

static void parse_hd(const uint8_t *p, struct efi_hd *hd)
{
	hd->number = le32(p + 4);
	hd->start = le64(p + 8);
	hd->size = le64(p + 16);
	memcpy(hd->sig, p + 24, 16);
	hd->format = p[40];
	hd->sig_type = p[41];
}

static void describe_hd(struct str *s, const struct efi_hd *hd)
{
	char guid[37];

	if (hd->sig_type == 2) {
		efi_guid_text(hd->sig, guid);
		str_addf(s, "HD(%u,GPT,%s,0x%llx,0x%llx)", hd->number, guid, (unsigned long long)hd->start,
			 (unsigned long long)hd->size);
	} else {
		str_addf(s, "HD(%u,MBR,0x%08x,0x%llx,0x%llx)", hd->number, le32(hd->sig), (unsigned long long)hd->start,
			 (unsigned long long)hd->size);
	}
}

/* A File() node holds CHAR16 with a NUL; several in a row are one path. */
static void add_file(struct efi_loadopt *o, const uint8_t *p, size_t n)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	size_t units = 0;

	while (2 * units + 1 < n && (p[2 * units] || p[2 * units + 1]))
		units++;
	if (o->file)
		str_add(&s, o->file);
	if (s.len && s.s[s.len - 1] != '\\' && units && !(p[0] == '\\' && !p[1]))
		str_addc(&s, '\\');
	efi_utf8_add(&s, p, units);
	free(o->file);
	o->file = str_take(&s);
}

static void parse_node(struct efi_loadopt *o, struct str *words, const uint8_t *p, size_t len)
{
	if (words->len)
		str_addc(words, '/');
	if (p[0] == NODE_MEDIA && p[1] == MEDIA_HD && len == HD_LEN) {
		parse_hd(p, &o->hd);
		o->has_hd = true;
		describe_hd(words, &o->hd);
	} else if (p[0] == NODE_MEDIA && p[1] == MEDIA_FILE) {
		add_file(o, p + 4, len - 4);
		str_addf(words, "File(%s)", o->file);
	} else {
		str_addf(words, "Path(%u,%u,%zu bytes)", p[0], p[1], len - 4);
	}
}

/* Walks one device path instance; the kernel wants an End Entire node inside, so do we. */
static int parse_path(struct efi_loadopt *o, const uint8_t *p, size_t n, struct err *e)
{
	CLEANUP(str_free) struct str words = STR_INIT;
	bool first = true;

	for (size_t at = 0;;) {
		size_t len;

		if (n - at < 4)
			return bad(e, "the device path has no end");
		len = le16(p + at + 2);
		if (len < 4 || len > n - at)
			return bad(e, "a device path node is longer than the path");
		if (p[at] == NODE_END && p[at + 1] == NODE_END_ENTIRE)
			break;
		if (p[at] == NODE_END)
			first = false;          /* another instance: only the first one counts */
		else if (first)
			parse_node(o, &words, p + at, len);
		at += len;
	}
	o->path = str_take(&words);
	return 0;
}

static int parse(const uint8_t *p, size_t n, struct efi_loadopt *o, struct err *e)
{
	CLEANUP(str_free) struct str label = STR_INIT;
	size_t units = 0, path_len, at;

	if (n < 8)
		return bad(e, "too short");
	o->attrs = le32(p);
	path_len = le16(p + 4);
	for (;; units++) {
		if (6 + 2 * units + 2 > n)
			return bad(e, "the label has no end");
		if (!p[6 + 2 * units] && !p[6 + 2 * units + 1])
			break;
	}
	efi_utf8_add(&label, p + 6, units);
	o->label = str_take(&label);
	at = 6 + 2 * units + 2;
	if (path_len > n - at)
		return bad(e, "the device path is longer than the variable");
	o->data_len = n - at - path_len;
	if (o->data_len) {
		o->data = xmalloc(o->data_len);
		memcpy(o->data, p + at + path_len, o->data_len);
	}
	return parse_path(o, p + at, path_len, e);
}

int efi_loadopt_parse(const void *raw, size_t n, struct efi_loadopt *ret, struct err *e)
{
	struct efi_loadopt o = { 0 };
	int r = parse(raw, n, &o, e);

	if (r < 0) {
		efi_loadopt_free(&o);
		return r;
	}
	*ret = o;
	return 0;
}

static void build_hd(struct str *s, const struct efi_hd *hd)
{
	add_le(s, NODE_MEDIA, 1);
	add_le(s, MEDIA_HD, 1);
	add_le(s, HD_LEN, 2);
	add_le(s, hd->number, 4);
	add_le(s, hd->start, 8);
	add_le(s, hd->size, 8);
	str_addn(s, hd->sig, 16);
	add_le(s, hd->format, 1);
	add_le(s, hd->sig_type, 1);
}

static int build_path(struct str *path, const struct efi_loadopt *o, struct err *e)
{
	CLEANUP(str_free) struct str file = STR_INIT;

	if (!o->has_hd || !o->file || !o->label || strlen(o->label) > LABEL_MAX)
		return err_set(e, -EINVAL, "load option: a label of at most %d bytes, a partition and a file are needed", LABEL_MAX);
	if (efi_utf16_add(&file, o->file) < 0 || file.len > 32000)
		return err_set(e, -EINVAL, "load option: file '%s': not UTF-8, or too long", o->file);
	build_hd(path, &o->hd);
	add_le(path, NODE_MEDIA, 1);
	add_le(path, MEDIA_FILE, 1);
	add_le(path, 4 + file.len + 2, 2);
	str_addn(path, file.s, file.len);
	add_le(path, 0, 2);
	add_le(path, NODE_END, 1);
	add_le(path, NODE_END_ENTIRE, 1);
	add_le(path, 4, 2);
	return 0;
}

int efi_loadopt_build(const struct efi_loadopt *o, uint8_t **ret, size_t *ret_len, struct err *e)
{
	CLEANUP(str_free) struct str path = STR_INIT, out = STR_INIT;
	int r = build_path(&path, o, e);

	if (r < 0)
		return r;
	add_le(&out, o->attrs, 4);
	add_le(&out, path.len, 2);
	if (efi_utf16_add(&out, o->label) < 0)
		return err_set(e, -EINVAL, "load option: label '%s' is not UTF-8", o->label);
	add_le(&out, 0, 2);
	str_addn(&out, path.s, path.len);
	if (o->data_len)
		str_addn(&out, o->data, o->data_len);
	*ret_len = out.len;
	*ret = (uint8_t *)str_take(&out);
	return 0;
}

bool efi_hd_same(const struct efi_hd *a, const struct efi_hd *b)
{
	return a->start == b->start && a->size == b->size && a->sig_type == b->sig_type && !memcmp(a->sig, b->sig, 16);
}

bool efi_loadopt_same(const struct efi_loadopt *a, const struct efi_loadopt *b)
{
	return a->has_hd && b->has_hd && efi_hd_same(&a->hd, &b->hd) && a->file && b->file && strcasecmp(a->file, b->file) == 0;
}
