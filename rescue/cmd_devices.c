/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rescue devices: what is in this machine, who uses it, what is wrong with it, and how a plan would name it. */
#include "blk.h"
#include "cmd.h"
#include "damage.h"

static bool json;

static const struct cmd_opt opts[] = {
	{ "json", CMD_FLAG, &json, NULL, "Print one JSON object a device, a line each." },
	CMD_END
};

/* Copies with one UUID (T62); the devices of one btrfs, and members of one RAID, share theirs rightly. */
static bool is_copy_of(const struct blk *a, const struct blk *b)
{
	if (a == b || !a->uuid || !b->uuid || !a->usage || !b->usage || !str_eq(a->usage, "filesystem") || !str_eq(b->usage, "filesystem"))
		return false;
	if (!str_eq(a->uuid, b->uuid) || str_eq(a->disk, b->name) || str_eq(b->disk, a->name) || a->holders.n || b->holders.n)
		return false;
	return !a->uuid_sub || !b->uuid_sub || str_eq(a->uuid_sub, b->uuid_sub);
}

static void find_damage(const struct blk *list, size_t n, const struct blk *b, struct strv *ret)
{
	damage_of(b, ret);
	for (size_t i = 0; i < n; i++)
		if (is_copy_of(b, &list[i]))
			strv_addf(ret, "has the same UUID as %s: one is a copy; take one away or give it a new UUID before either is mounted", list[i].path);
}

/* A value as YAML: plain where that is safe. */
static void add_yaml(struct str *s, const char *key, const char *value)
{
	bool plain = *value && strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-") == strlen(value) && *value != '-';

	str_addf(s, "%s%s: %s", str_eq(str_cstr(s), "{") ? "" : ", ", key, plain ? "" : "'");
	for (; *value; value++)
		str_addf(s, "%s%c", *value == '\'' ? "'" : "", *value);
	str_add(s, plain ? "" : "'");
}

/* A name alone could be that of another disk's volume: the first disk below says which. */
static char *mapper_words(const struct blk *b)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	const struct { const char *key, *value; } disk[] = {
		{ "loop", b->n_under ? b->under[0].loop_file : NULL }, { "serial", b->n_under ? b->under[0].serial : NULL },
		{ "wwn", b->n_under ? b->under[0].wwn : NULL },
	};

	str_addc(&s, '{');
	for (size_t i = 0; i < ARRAY_SIZE(disk) && s.len == 1; i++)
		if (disk[i].value)
			add_yaml(&s, disk[i].key, disk[i].value);
	add_yaml(&s, "mapper", b->mapper);
	str_addc(&s, '}');
	return str_take(&s);
}

/* The words that name it in a plan; NULL when nothing about it would be found again. */
static char *plan_words(const struct blk *b)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_addc(&s, '{');
	if (b->mapper)
		return mapper_words(b);
	if (b->array)
		add_yaml(&s, "array", b->array);
	else if (b->loop_file)
		add_yaml(&s, "loop", b->loop_file);
	else if (b->serial)
		add_yaml(&s, "serial", b->serial);
	else if (b->wwn)
		add_yaml(&s, "wwn", b->wwn);
	if (s.len > 1 && b->partition)
		str_addf(&s, ", partition: %llu", (unsigned long long)b->partition);
	if (s.len > 1 && !b->partition)
		str_addf(&s, ", size: %llu", (unsigned long long)b->size);
	if (s.len == 1 && b->part_uuid)
		add_yaml(&s, "partuuid", b->part_uuid);
	if (s.len == 1 && b->uuid)
		add_yaml(&s, "uuid", b->uuid);
	if (s.len == 1)
		return NULL;
	str_addc(&s, '}');
	return str_take(&s);
}

static void add_line(struct str *s, const char *label, const char *text)
{
	str_addf(s, "    %-10s ", label);
	str_add_printable(s, text);
	str_addc(s, '\n');
}

static void add_content(struct str *s, const struct blk *b)
{
	CLEANUP(str_free) struct str line = STR_INIT;
	const struct { const char *word, *value; } parts[] = {
		{ "", b->fs_type }, { "label ", b->label }, { "uuid ", b->uuid }, { "partition table ", b->pttype },
		{ "partition name ", b->part_label }, { "partuuid ", b->part_uuid },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].value)
			str_addf(&line, "%s%s%s", line.len ? ", " : "", parts[i].word, parts[i].value);
	add_line(s, "holds", line.len ? line.s : b->unreadable ? "unknown" : "nothing that is known");
}

static void add_use(struct str *s, const struct blk *b)
{
	for (size_t i = 0; i < b->mounts.n; i++)
		add_line(s, "mounted", b->mounts.v[i]);
	for (size_t i = 0; i < b->holders.n; i++)
		add_line(s, "held by", b->holders.v[i]);
	if (b->swap)
		add_line(s, "in use", "as swap");
}

static void show(struct str *s, const struct blk *b, const struct strv *damage)
{
	AUTO_FREE char *identity = blk_identity(b), *words = plan_words(b);
	char size[16];

	str_addf(s, "%s  %s  ", b->path, str_human_size(size, sizeof(size), b->size));
	str_add_printable(s, identity);
	if (b->model && !b->partition && !b->loop_file)
		str_addf(s, "  (%s)", b->model);
	str_addf(s, "%s%s\n", b->read_only ? "  read-only" : "", b->removable && !b->partition ? "  removable" : "");
	add_content(s, b);
	add_use(s, b);
	for (size_t i = 0; i < damage->n; i++)
		add_line(s, "DAMAGE", damage->v[i]);
	if (words)
		add_line(s, "in a plan", words);
}

/* ---- JSON ---- */

static void json_text(struct str *s, const char *key, const char *value)
{
	if (!value)
		return;
	str_addf(s, ",\"%s\":\"", key);
	str_add_json(s, value);
	str_addc(s, '"');
}

static void json_list(struct str *s, const char *key, const struct strv *l)
{
	str_addf(s, ",\"%s\":[", key);
	for (size_t i = 0; i < l->n; i++) {
		str_add(s, i ? ",\"" : "\"");
		str_add_json(s, l->v[i]);
		str_addc(s, '"');
	}
	str_addc(s, ']');
}

static void show_json(struct str *s, const struct blk *b, const struct strv *damage)
{
	AUTO_FREE char *identity = blk_identity(b), *words = plan_words(b);
	const struct { const char *key, *value; } texts[] = {
		{ "name", b->name }, { "disk", b->disk }, { "identity", identity }, { "plan", words }, { "serial", b->serial }, { "wwn", b->wwn },
		{ "model", b->model }, { "loop", b->loop_file }, { "mapper", b->mapper }, { "array", b->array }, { "partuuid", b->part_uuid }, { "partlabel", b->part_label },
		{ "parttype", b->part_type }, { "pttype", b->pttype }, { "type", b->fs_type }, { "uuid", b->uuid }, { "label", b->label },
	};
	const struct { const char *key; bool value; } flags[] = {
		{ "read_only", b->read_only }, { "removable", b->removable }, { "rotational", b->rotational }, { "swap", b->swap },
	};

	str_add(s, "{\"event\":\"device\"");
	json_text(s, "path", b->path);
	str_addf(s, ",\"size\":%llu,\"sector\":%u,\"partition\":%llu,\"start\":%llu", (unsigned long long)b->size, b->sector,
		 (unsigned long long)b->partition, (unsigned long long)b->start);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_text(s, texts[i].key, texts[i].value);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		str_addf(s, ",\"%s\":%s", flags[i].key, flags[i].value ? "true" : "false");
	json_list(s, "mounts", &b->mounts);
	json_list(s, "holders", &b->holders);
	json_list(s, "damage", damage);
	str_add(s, "}\n");
}

/* ---- */

static bool wanted(const struct blk *b, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		AUTO_FREE char *real = realpath(argv[i], NULL);

		if (str_eq(argv[i], b->path) || str_eq(argv[i], b->name) || (real && str_eq(real, b->path)))
			return true;
	}
	return argc == 0;
}

static size_t show_all(struct str *s, const struct blk *list, size_t n, int argc, char **argv)
{
	size_t shown = 0;

	for (size_t i = 0; i < n; i++) {
		CLEANUP(strv_free) struct strv damage = STRV_INIT;

		if (!wanted(&list[i], argc, argv))
			continue;
		find_damage(list, n, &list[i], &damage);
		if (json)
			show_json(s, &list[i], &damage);
		else
			show(s, &list[i], &damage);
		shown++;
	}
	return shown;
}

static int run(int argc, char **argv)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	struct err e = ERR_INIT;
	struct blk *list;
	size_t n, shown;

	if (blk_list(&list, &n, &e) < 0) {
		cmd_error("devices: %s", e.msg);
		return EXIT_FAILED;
	}
	shown = show_all(&s, list, n, argc, argv);
	blk_list_free(list, n);
	fputs(str_cstr(&s), stdout);
	if (shown)
		return EXIT_DONE;
	cmd_error(argc ? "devices: '%s': there is no such block device" : "devices: this machine has no block device that can be seen", argc ? argv[0] : "");
	return EXIT_FAILED;
}

const struct cmd cmd_devices = {
	.name = "devices", .summary = "Show what is in this machine: identity, content, use, damage.", .usage = "[DEVICE...]",
	.manual = "Reads a few blocks of each device and writes nothing. For each device it says how a plan would name it. Damage is what can be\n"
		  "seen without mounting: superblocks, partition tables and headers of which only the copy is left, filesystems that are larger\n"
		  "than their device, more than one valid signature, two filesystems with one UUID.",
	.opts = opts, .run = run,
};
