/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arc_int.h"

#include <endian.h>
#include <locale.h>
#include <pthread.h>

#define ACL_VERSION 2

struct ace {
	uint16_t tag, perm;
	uint32_t id;
};

static const struct { uint16_t tag; int ae; } tags[] = {
	{ 0x01, ARCHIVE_ENTRY_ACL_USER_OBJ }, { 0x02, ARCHIVE_ENTRY_ACL_USER }, { 0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ },
	{ 0x08, ARCHIVE_ENTRY_ACL_GROUP }, { 0x10, ARCHIVE_ENTRY_ACL_MASK }, { 0x20, ARCHIVE_ENTRY_ACL_OTHER },
};

static void set_locale(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		(void)setlocale(LC_CTYPE, "en_US.UTF-8");
}

void arc_locale(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, set_locale);
}

bool arc_is_acl(const char *name)
{
	return str_eq(name, XATTR_ACL_ACCESS) || str_eq(name, XATTR_ACL_DEFAULT);
}

static int ae_tag(uint16_t tag)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if (tags[i].tag == tag)
			return tags[i].ae;
	return 0;
}

static void to_entry(const struct xattr *a, int type, struct archive_entry *ae)
{
	const char *p = a->value;
	struct ace ace;

	for (size_t at = 4; at + sizeof(ace) <= a->len; at += sizeof(ace)) {
		memcpy(&ace, p + at, sizeof(ace));
		if (ae_tag(le16toh(ace.tag)))
			archive_entry_acl_add_entry(ae, type, le16toh(ace.perm) & 7, ae_tag(le16toh(ace.tag)),
						    ace.id == UINT32_MAX ? -1 : (int)le32toh(ace.id), NULL);
	}
}

void arc_acl_to_entry(const struct xattrs *x, struct archive_entry *ae)
{
	const struct xattr *access = xattrs_find(x, XATTR_ACL_ACCESS), *def = xattrs_find(x, XATTR_ACL_DEFAULT);

	if (access)
		to_entry(access, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ae);
	if (def)
		to_entry(def, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, ae);
}

/* The kernel wants the entries in the order of their tags. */
static int by_tag(const void *a, const void *b)
{
	const struct ace *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static size_t collect(struct archive_entry *ae, int type, struct ace *v, size_t max)
{
	int ty, perm, tag, id;
	const char *name;
	size_t n = 0;

	archive_entry_acl_reset(ae, type);
	while (n < max && archive_entry_acl_next(ae, type, &ty, &perm, &tag, &id, &name) == ARCHIVE_OK)
		for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
			bool named = tags[i].tag == 0x02 || tags[i].tag == 0x08;

			if (tags[i].ae != tag || (named && id == -1))
				continue;
			v[n++] = (struct ace){ tags[i].tag, (uint16_t)(perm & 7), named ? (uint32_t)id : UINT32_MAX };
			break;
		}
	return n;
}

static void from_entry(struct archive_entry *ae, int type, const char *name, struct xattrs *x)
{
	struct ace v[1024];
	uint8_t out[4 + sizeof(v)];
	uint32_t version = htole32(ACL_VERSION);
	size_t n = collect(ae, type, v, ARRAY_SIZE(v));

	if (n < 3)
		return;
	qsort(v, n, sizeof(*v), by_tag);
	memcpy(out, &version, 4);
	for (size_t i = 0; i < n; i++) {
		struct ace le = { htole16(v[i].tag), htole16(v[i].perm), htole32(v[i].id) };

		memcpy(out + 4 + i * sizeof(le), &le, sizeof(le));
	}
	xattrs_add(x, name, out, 4 + n * sizeof(struct ace));
}

void arc_acl_from_entry(struct archive_entry *ae, struct xattrs *x)
{
	int types = archive_entry_acl_types(ae);

	if (types & ARCHIVE_ENTRY_ACL_TYPE_ACCESS)
		from_entry(ae, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, XATTR_ACL_ACCESS, x);
	if (types & ARCHIVE_ENTRY_ACL_TYPE_DEFAULT)
		from_entry(ae, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, XATTR_ACL_DEFAULT, x);
}
