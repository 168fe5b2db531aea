/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mkfs.h"

/* mkfs.btrfs wants 109 MiB for metadata twice on one device, xfsprogs 300 MiB since version 5.19. */
#define BTRFS_MIN (109 * MIB)
#define XFS_MIN (300 * MIB)
#define FAT32_CLUSTERS 65525

static void add_features(struct strv *a, const char *option, const char *first, const struct strv *features)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	size_t i;

	str_add(&s, first);
	for (i = 0; features && i < features->n; i++)
		str_addf(&s, "%s%s", s.len ? "," : "", features->v[i]);
	if (s.len == 0)
		return;
	strv_add(a, option);
	strv_add(a, str_cstr(&s));
}

static void add_pair(struct strv *a, const char *option, const char *value)
{
	if (!value || !*value)
		return;
	strv_add(a, option);
	strv_add(a, value);
}

static void add_devices(struct strv *a, const struct mkfs_spec *s)
{
	size_t i;

	for (i = 0; i < s->devices.n; i++)
		strv_add(a, s->devices.v[i]);
}

static const char *profile(const char *word)
{
	return word && !str_eq(word, "default") ? word : NULL;
}

static int argv_btrfs(const struct mkfs_spec *s, struct strv *a, struct err *e)
{
	(void)e;
	strv_add(a, "-f");
	strv_add(a, "-q");
	if (!s->discard)
		strv_add(a, "-K");
	add_pair(a, "-U", s->uuid);
	add_pair(a, "-L", s->label);
	add_pair(a, "-d", profile(s->data));
	add_pair(a, "-m", profile(s->metadata));
	if (s->node_size)
		strv_addf(a, "--nodesize=%llu", (unsigned long long)s->node_size);
	add_features(a, "-O", "", s->features);
	add_devices(a, s);
	return 0;
}

static int argv_ext4(const struct mkfs_spec *s, struct strv *a, struct err *e)
{
	(void)e;
	strv_add(a, "-t");
	strv_add(a, "ext4");
	strv_add(a, "-F");
	strv_add(a, "-q");
	add_pair(a, "-E", s->discard ? "discard" : "nodiscard");
	add_pair(a, "-U", s->uuid);
	add_pair(a, "-L", s->label);
	add_features(a, "-O", "", s->features);
	add_devices(a, s);
	return 0;
}

static int argv_xfs(const struct mkfs_spec *s, struct strv *a, struct err *e)
{
	AUTO_FREE char *uuid = xasprintf("uuid=%s", s->uuid);

	(void)e;
	strv_add(a, "-f");
	strv_add(a, "-q");
	if (!s->discard)
		strv_add(a, "-K");
	add_features(a, "-m", uuid, s->features);
	add_pair(a, "-L", s->label);
	add_devices(a, s);
	return 0;
}

unsigned int mkfs_fat32_cluster(uint64_t size, unsigned int sector)
{
	static const struct {
		uint64_t below;
		unsigned int bytes;
	} usual[] = { { 8 * GIB, 4096 }, { 16 * GIB, 8192 }, { 32 * GIB, 16384 }, { UINT64_MAX, 32768 } };
	unsigned int cluster = 0;
	size_t i;

	for (i = 0; cluster == 0; i++)
		if (size < usual[i].below)
			cluster = usual[i].bytes;
	for (cluster = cluster > sector ? cluster : sector; cluster >= sector; cluster /= 2) {
		uint64_t tables = 2 * 4 * (size / cluster) + 64 * (uint64_t)sector;

		if (size > tables && (size - tables) / cluster >= FAT32_CLUSTERS + 16)
			return cluster / sector;
	}
	return 0;
}

static int argv_vfat(const struct mkfs_spec *s, struct strv *a, struct err *e)
{
	unsigned int cluster = mkfs_fat32_cluster(s->size, s->sector);

	if (!s->fat16 && cluster == 0)
		return err_set(e, -ENOSPC, "too small for FAT32: say 'fat: 16'");
	strv_add(a, "-I");
	add_pair(a, "-F", s->fat16 ? "16" : "32");
	if (!s->fat16) {
		strv_add(a, "-s");
		strv_addf(a, "%u", cluster);
	}
	strv_add(a, "-i");
	strv_addf(a, "%.4s%s", s->uuid, s->uuid + 5);
	add_pair(a, "-n", s->label);
	add_devices(a, s);
	return 0;
}

static int argv_swap(const struct mkfs_spec *s, struct strv *a, struct err *e)
{
	(void)e;
	add_pair(a, "-U", s->uuid);
	add_pair(a, "-L", s->label);
	add_devices(a, s);
	return 0;
}

static const struct mkfs_kind kinds[MKFS_TYPE_MAX] = {
	[MKFS_BTRFS] = { "btrfs", "mkfs.btrfs", "btrfs-progs", "btrfs", 255, 16 * MIB, argv_btrfs },
	[MKFS_EXT4] = { "ext4", "mke2fs", "e2fsprogs", "ext4", 16, 2 * MIB, argv_ext4 },
	[MKFS_XFS] = { "xfs", "mkfs.xfs", "xfsprogs", "xfs", 12, XFS_MIN, argv_xfs },
	[MKFS_VFAT] = { "vfat", "mkfs.vfat", "dosfstools", "vfat", 11, 4 * MIB, argv_vfat },
	[MKFS_SWAP] = { "swap", "mkswap", "util-linux", "swap", 15, 64 * KIB, argv_swap },
};

const struct mkfs_kind *mkfs_kind(enum mkfs_type t)
{
	return &kinds[t];
}

/* Devices that a btrfs profile needs at least (btrfs(5), "PROFILES"), in the order of MKFS_PROFILES. */
static const struct {
	const char *word;
	size_t devices;
} profiles[] = { { "default", 1 }, { "single", 1 }, { "dup", 1 }, { "raid0", 2 }, { "raid1", 2 }, { "raid1c3", 3 }, { "raid1c4", 4 },
		 { "raid10", 2 }, { "raid5", 2 }, { "raid6", 3 } };

const char *mkfs_profile(int i)
{
	return profiles[i].word;
}

static size_t profile_devices(const char *word)
{
	size_t i;

	for (i = 0; word && i < ARRAY_SIZE(profiles); i++)
		if (str_eq(word, profiles[i].word))
			return profiles[i].devices;
	return 1;
}

static int check_profile(const struct mkfs_spec *s, const char *what, const char *word, struct err *e)
{
	size_t need = profile_devices(word);

	if (s->n_devices >= need)
		return 0;
	return err_set(e, -EINVAL, "%s: %s needs %zu devices, there %s %zu", what, word, need, s->n_devices == 1 ? "is" : "are", s->n_devices);
}

static int check_btrfs(const struct mkfs_spec *s, struct err *e)
{
	int r = check_profile(s, "data", s->data, e);

	if (r == 0)
		r = check_profile(s, "metadata", s->metadata, e);
	if (r == 0 && s->node_size && (s->node_size < 4096 || s->node_size > 65536 || (s->node_size & (s->node_size - 1))))
		r = err_set(e, -EINVAL, "nodesize: %llu is not a power of two from 4096 to 65536", (unsigned long long)s->node_size);
	return r;
}

static int check_others(const struct mkfs_spec *s, struct err *e)
{
	const char *name = kinds[s->type].name;

	if (s->n_devices > 1)
		return err_set(e, -EINVAL, "devices: only btrfs spans several devices, not %s", name);
	if (profile(s->data) || profile(s->metadata))
		return err_set(e, -EINVAL, "%s: only btrfs has profiles, not %s", profile(s->data) ? "data" : "metadata", name);
	if (s->node_size)
		return err_set(e, -EINVAL, "nodesize: only btrfs has it, not %s", name);
	if ((s->type == MKFS_VFAT || s->type == MKFS_SWAP) && s->features && s->features->n)
		return err_set(e, -EINVAL, "features: %s has none to choose", name);
	return 0;
}

int mkfs_check(const struct mkfs_spec *s, struct err *e)
{
	const struct mkfs_kind *k = &kinds[s->type];

	if (s->label && strlen(s->label) > k->max_label)
		return err_set(e, -EINVAL, "label: '%s' has %zu bytes, %s takes at most %zu", s->label, strlen(s->label), k->name, k->max_label);
	if (s->fat16 && s->type != MKFS_VFAT)
		return err_set(e, -EINVAL, "fat: only vfat has it, not %s", k->name);
	return s->type == MKFS_BTRFS ? check_btrfs(s, e) : check_others(s, e);
}

static uint64_t least(const struct mkfs_spec *s)
{
	bool twice = !profile(s->metadata) || str_eq(s->metadata, "dup");

	if (s->type == MKFS_BTRFS && s->n_devices == 1 && twice && !strv_has(s->features, "mixed-bg"))
		return BTRFS_MIN;
	if (s->type == MKFS_VFAT && !s->fat16)
		return 33 * MIB * s->sector / 512;
	return kinds[s->type].min_size;
}

int mkfs_check_size(const struct mkfs_spec *s, struct err *e)
{
	uint64_t need = least(s);
	char have_text[16], need_text[16];

	if (s->size >= need)
		return 0;
	return err_set(e, -ENOSPC, "%s is too small for %s%s, which needs at least %s", str_human_size(have_text, sizeof(have_text), s->size),
		       s->type == MKFS_VFAT ? (s->fat16 ? "FAT16" : "FAT32") : kinds[s->type].name,
		       s->type == MKFS_VFAT && !s->fat16 ? " ('fat: 16' takes less)" : "",
		       str_human_size(need_text, sizeof(need_text), need));
}

int mkfs_argv(const struct mkfs_spec *s, struct strv *ret, struct err *e)
{
	strv_add(ret, kinds[s->type].tool);
	return kinds[s->type].argv(s, ret, e);
}
