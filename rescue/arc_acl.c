/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arc_int.h"

#include <endian.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>

#include "fs.h"

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

/* Number of `name` in a file like etc/passwd ("name:x:NUMBER:..."). */
static bool number_in(int rootfd, const char *file, const char *name, uint32_t *ret)
{
	AUTO_CLOSE int fd = rootfd < 0 ? open("/", O_PATH | O_CLOEXEC) : fcntl(rootfd, F_DUPFD_CLOEXEC, 0);
	AUTO_CLOSE int in = fs_open_in_root(fd, file, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, NULL);
	AUTO_FREE char *proc = xasprintf("/proc/self/fd/%d", in), *text = NULL;
	size_t n = strlen(name);
	char *line, *rest;

	if (in < 0 || fs_read(proc, 16 * MIB, &text, NULL, NULL) < 0)
		return false;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *number = strncmp(line, name, n) == 0 && line[n] == ':' ? strchr(line + n + 1, ':') : NULL;
		uint64_t v;

		if (!number)
			continue;
		number[1 + strcspn(number + 1, ":")] = '\0';
		if (str_to_u64(number + 1, &v) < 0 || v >= UINT32_MAX)
			return false;
		*ret = (uint32_t)v;
		return true;
	}
	return false;
}

struct source {
	struct archive_entry *ae;
	int rootfd;
	const char *unknown;            /* the first name without a number */
};

/* Number of a named entry: as stored, or of its name. */
static bool named_id(struct source *s, uint16_t tag, int id, const char *name, uint32_t *ret)
{
	if (id != -1) {
		*ret = (uint32_t)id;
		return true;
	}
	if (name && *name && number_in(s->rootfd, tag == 0x02 ? "etc/passwd" : "etc/group", name, ret))
		return true;
	if (!s->unknown)
		s->unknown = name && *name ? name : "(without a name)";
	return false;
}

static uint16_t tag_of(int ae)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if (tags[i].ae == ae)
			return tags[i].tag;
	return 0;
}

static size_t collect(struct source *s, int type, struct ace *v, size_t max)
{
	int ty, perm, ae, id;
	const char *name;
	size_t n = 0;

	archive_entry_acl_reset(s->ae, type);
	while (n < max && archive_entry_acl_next(s->ae, type, &ty, &perm, &ae, &id, &name) == ARCHIVE_OK) {
		uint16_t tag = tag_of(ae);
		uint32_t number = UINT32_MAX;

		if (!tag || ((tag == 0x02 || tag == 0x08) && !named_id(s, tag, id, name, &number)))
			continue;
		v[n++] = (struct ace){ tag, (uint16_t)(perm & 7), number };
	}
	return n;
}

static void from_entry(struct source *s, int type, const char *name, struct xattrs *x)
{
	struct ace v[1024];
	uint8_t out[4 + sizeof(v)];
	uint32_t version = htole32(ACL_VERSION);
	size_t n;

	if (!(archive_entry_acl_types(s->ae) & type) || xattrs_find(x, name))
		return;
	n = collect(s, type, v, ARRAY_SIZE(v));
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

const char *arc_acl_from_entry(struct archive_entry *ae, int rootfd, struct xattrs *x)
{
	struct source s = { .ae = ae, .rootfd = rootfd };

	from_entry(&s, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, XATTR_ACL_ACCESS, x);
	from_entry(&s, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, XATTR_ACL_DEFAULT, x);
	return s.unknown;
}
