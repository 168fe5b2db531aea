/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac.h"

#include <sys/stat.h>

static const char *const types[] = {
	[BAC_LNKSAVED] = "hard link", [BAC_REGE] = "empty file", [BAC_REG] = "file", [BAC_LNK] = "symlink", [BAC_DIREND] = "directory",
	[BAC_SPEC] = "special", [BAC_NOACCESS] = "no access", [BAC_NOFOLLOW] = "link not followed", [BAC_NOSTAT] = "no stat",
	[BAC_NOCHG] = "unchanged", [BAC_DIRNOCHG] = "unchanged directory", [BAC_ISARCH] = "the archive itself",
	[BAC_NORECURSE] = "directory, not descended", [BAC_NOFSCHG] = "directory, other filesystem", [BAC_NOOPEN] = "not opened",
	[BAC_RAW] = "raw device", [BAC_FIFO] = "fifo that was read", [BAC_DIRBEGIN] = "directory begin",
	[BAC_INVALIDFS] = "directory, filesystem excluded", [BAC_INVALIDDT] = "directory, drive type excluded", [BAC_REPARSE] = "reparse point",
	[BAC_PLUGIN] = "plugin data", [BAC_DELETED] = "deleted", [BAC_BASE] = "in the base job", [BAC_RESTORE_FIRST] = "restore object",
	[BAC_JUNCTION] = "junction", [BAC_PLUGIN_CONFIG] = "plugin configuration", [BAC_PLUGIN_CONFIG_FILLED] = "plugin configuration",
};

const char *bac_type_name(int type)
{
	return type > 0 && (size_t)type < ARRAY_SIZE(types) ? types[type] : "unknown";
}

bool bac_attr_is_dir(const struct bac_attr *a)
{
	switch (a->type) {
	case BAC_DIREND:
	case BAC_NORECURSE:
	case BAC_NOFSCHG:
	case BAC_INVALIDFS:
	case BAC_INVALIDDT:
		return true;
	default:
		return false;
	}
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int64_t bac_base64(const char **p)
{
	bool neg = **p == '-';
	uint64_t v = 0;
	int d;

	for (*p += neg; (d = digit(**p)) >= 0; (*p)++)
		v = v << 6 | (uint64_t)d;
	return (int64_t)(neg ? 0 - v : v);
}

/* "P4A p4Zx EHt ...": as many as are there; an old daemon wrote fewer. */
static bool numbers(const char *p, struct bac_attr *a)
{
	int64_t v[16] = { 0 };
	size_t n = 0;

	while (*p && n < ARRAY_SIZE(v)) {
		const char *start = p;

		v[n] = bac_base64(&p);
		if (p == start)
			return false;
		n++;
		while (*p == ' ')
			p++;
	}
	a->dev = (uint64_t)v[0];
	a->ino = (uint64_t)v[1];
	a->mode = (uint64_t)v[2];
	a->nlink = (uint64_t)v[3];
	a->uid = (uint64_t)v[4];
	a->gid = (uint64_t)v[5];
	a->rdev = (uint64_t)v[6];
	a->size = (uint64_t)v[7];
	a->blocks = (uint64_t)v[9];
	a->atime = v[10];
	a->mtime = v[11];
	a->ctime = v[12];
	a->link_fi = (uint64_t)v[13];
	a->flags = (uint64_t)v[14];
	a->data_stream = (int)v[15];
	return n >= 13;
}

int bac_attr_parse(char *text, size_t len, struct bac_attr *ret)
{
	struct bac_cur c;
	struct bac_attr a = { 0 };
	const char *attr;
	char *end;

	text[len] = '\0';
	a.fi = (uint32_t)strtoul(text, &end, 10);
	if (end == text || *end != ' ')
		return -EBADMSG;
	a.type = (int)strtoul(end + 1, &end, 10);
	if (*end != ' ')
		return -EBADMSG;
	end++;
	c = (struct bac_cur){ (uint8_t *)end, len + 1 - (size_t)(end - text), false };
	a.name = bac_str(&c);
	attr = bac_str(&c);
	a.link = bac_str(&c);
	if (c.bad || !*a.name || !numbers(attr, &a))
		return -EBADMSG;
	*ret = a;
	return 0;
}
