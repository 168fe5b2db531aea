/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What partitions are called, and who decides their identities. */
#include <ctype.h>

#include "guid.h"
#include "parttable.h"

/* GUIDs: UEFI specification and the Discoverable Partitions Specification; bytes: the usual table of MBR types. */
static const struct {
	const char *word, *letter, *gpt, *mbr;
} types[] = {
	{ "esp", "U", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "ef" },
	{ "linux", "L", "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "83" },
	{ "swap", "S", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "82" },
	{ "home", "H", "933AC7E1-2EB4-4F13-B844-0E14E2AEF915", "83" },
	{ "root", NULL, "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "83" },
	{ "srv", NULL, "3B8F8425-20E0-4F3B-907F-1A25A76F98E8", "83" },
	{ "var", NULL, "4D21B016-B534-45C2-A9FB-5C16E091FD2D", "83" },
	{ "boot", NULL, "BC13C2FF-59E6-4262-A352-B275FD6F7172", "ea" },
	{ "lvm", "V", "E6D6D379-F507-44C2-A23C-238F2A3DF928", "8e" },
	{ "raid", "R", "A19D880F-05FC-4D3B-A006-743F0F84911E", "fd" },
	{ "luks", NULL, "CA7D7CCB-63ED-4C53-861C-1742536059CC", "e8" },
	{ "bios", NULL, "21686148-6449-6E6F-744E-656564454649", NULL },
	{ "prep", NULL, "9E1A2D38-C612-4316-AA26-8B49521E5A8B", "41" },
	{ "windows", NULL, "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "07" },
	{ "msr", NULL, "E3C9E316-0B5C-4DB8-817D-F92DF00215AE", NULL },
	{ "extended", "E", NULL, "05" },
};

void part_free(struct part_layout *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		free(l->parts[i].type);
		free(l->parts[i].name);
		free(l->parts[i].uuid);
	}
	free(l->parts);
	free(l->id);
	*l = (struct part_layout) { 0 };
}

struct part *part_add(struct part_layout *l)
{
	l->parts = xrealloc(l->parts, (l->n + 1) * sizeof(*l->parts));
	l->parts[l->n] = (struct part) { 0 };
	return &l->parts[l->n++];
}

static char *fold(const char *s, int (*how)(int))
{
	char *c = xstrdup(s), *p;

	for (p = c; *p; p++)
		*p = (char)how((unsigned char)*p);
	return c;
}

static char *mbr_type(const char *word)
{
	const char *p = str_starts(word, "0x") ? word + 2 : word;
	unsigned int v;

	if (strlen(p) < 1 || strlen(p) > 2 || strspn(p, "0123456789abcdefABCDEF") != strlen(p))
		return NULL;
	v = (unsigned int)strtoul(p, NULL, 16);
	return v ? xasprintf("%02x", v) : NULL;
}

char *part_type(enum part_scheme s, const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		const char *t = s == PART_GPT ? types[i].gpt : types[i].mbr;

		if (str_eq(word, types[i].word) || (types[i].letter && str_eq(word, types[i].letter)))
			return t ? xstrdup(t) : NULL;
	}
	if (s == PART_MBR)
		return mbr_type(word);
	return guid_valid(word) ? fold(word, toupper) : NULL;
}

static const struct {
	const char *word;
	unsigned int bit;
} flags[] = {
	{ "required", 0 }, { "no-block-io", 1 }, { "legacy-boot", 2 }, { "read-only", 60 }, { "hidden", 62 }, { "no-auto", 63 },
	/* as sfdisk writes them */
	{ "RequiredPartition", 0 }, { "NoBlockIOProtocol", 1 }, { "LegacyBIOSBootable", 2 },
};

int part_flag(enum part_scheme s, const char *word, uint64_t *ret)
{
	const char *number = str_starts(word, "GUID:") ? word + 5 : word;
	uint64_t bit;
	size_t i;

	if (s == PART_MBR) {
		if (!str_eq(word, "active"))
			return -EINVAL;
		*ret |= PART_ACTIVE;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (str_eq(word, flags[i].word)) {
			*ret |= 1ULL << flags[i].bit;
			return 0;
		}
	if (!isdigit((unsigned char)*number) || str_to_u64(number, &bit) < 0 || bit > 63)
		return -EINVAL;
	*ret |= 1ULL << bit;
	return 0;
}

static int decide_id(struct part_layout *l, struct err *e)
{
	char guid[37];
	uint32_t id;
	int r;

	if (l->id)
		return 0;
	if (l->scheme == PART_GPT) {
		r = guid_random(guid, e);
		l->id = r < 0 ? NULL : xstrdup(guid);
		return r;
	}
	r = guid_random_u32(&id, e);
	l->id = r < 0 ? NULL : xasprintf("0x%08x", id);
	return r;
}

int part_decide(struct part_layout *l, struct err *e)
{
	char guid[37];
	size_t i;
	int r = decide_id(l, e);

	for (i = 0; r == 0 && i < l->n; i++) {
		struct part *p = &l->parts[i];

		if (l->scheme == PART_MBR) {
			free(p->uuid);          /* the kernel makes it from the disk's id and the number */
			p->uuid = xasprintf("%s-%02llx", l->id + 2, (unsigned long long)p->number);
		} else if (!p->uuid) {
			r = guid_random(guid, e);
			p->uuid = r < 0 ? NULL : xstrdup(guid);
		}
	}
	return r;
}
