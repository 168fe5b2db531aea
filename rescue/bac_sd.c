/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_sd.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>

#include "fs.h"

#define CONFIG "/etc/bacula/bacula-sd.conf"
#define CONFIG_MAX (4 * MIB)

/* ---- its configuration ---- */

struct resource {
	struct str kind, name, devices, archive, changer;
};

/* One statement: the key in small letters without spaces, the value without quotes and spaces at its ends. Returns what ends it. */
static const char *statement(const char *p, struct str *key, struct str *value)
{
	struct str *to = key;
	bool quoted = false;

	for (; *p && (quoted || !strchr(";{}\n", *p)); p++) {
		bool space = !quoted && isspace((unsigned char)*p);

		if (*p == '#' && !quoted)
			p += strcspn(p, "\n") - 1;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == '=' && to == key)
			to = value;
		else if (quoted && *p == '\\' && p[1])
			str_addc(to, *++p);
		else if (!space || (to == value && value->len))
			str_addc(to, to == key ? (char)tolower((unsigned char)*p) : *p);
	}
	while (value->len && isspace((unsigned char)value->s[value->len - 1]))
		value->s[--value->len] = '\0';
	return p;
}

static void reset(struct resource *r)
{
	str_reset(&r->kind);
	str_reset(&r->name);
	str_reset(&r->devices);
	str_reset(&r->archive);
	str_reset(&r->changer);
}

static void take(struct resource *r, struct str *key, struct str *value)
{
	static const char *const keys[] = { "name", "device", "archivedevice", "changerdevice" };
	struct str *const to[] = { &r->name, &r->devices, &r->archive, &r->changer };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (value->len && str_eq(str_cstr(key), keys[i])) {
			if (to[i]->len)
				str_add(to[i], ", ");
			str_addn(to[i], value->s, value->len);
		}
}

/* Calls f for each resource at the top. */
static void each_resource(const char *text, void (*f)(void *arg, struct resource *r), void *arg)
{
	CLEANUP(str_free) struct str key = STR_INIT, value = STR_INIT;
	struct resource r = { STR_INIT, STR_INIT, STR_INIT, STR_INIT, STR_INIT };
	int depth = 0;

	for (const char *p = text; *p; p += *p != '\0') {
		str_reset(&key);
		str_reset(&value);
		p = statement(p, &key, &value);
		if (*p == '{' && depth++ == 0) {
			reset(&r);
			str_add(&r.kind, str_cstr(&key));
		} else if (depth == 1) {
			take(&r, &key, &value);
		}
		if (*p == '}' && --depth == 0)
			f(arg, &r);
	}
	str_free(&r.kind);
	str_free(&r.name);
	str_free(&r.devices);
	str_free(&r.archive);
	str_free(&r.changer);
}

/* a is b, or a folder above it. */
static bool holds(const char *a, const char *b)
{
	size_t n = strlen(a);

	while (n > 1 && a[n - 1] == '/')
		n--;
	return n && strncmp(a, b, n) == 0 && (!b[n] || b[n] == '/');
}

struct looked {
	const char *path;
	char *found;
};

static void look_device(void *arg, struct resource *r)
{
	struct looked *l = arg;
	AUTO_FREE char *real = realpath(str_cstr(&r->archive), NULL);
	const char *archive = real ? real : str_cstr(&r->archive);

	if (!l->found && str_eq(str_cstr(&r->kind), "device") && (holds(archive, l->path) || (*archive == '/' && holds(l->path, archive))))
		l->found = xstrdup(str_cstr(&r->name));
}

char *bac_sd_device_of(const char *config, const char *volumes)
{
	AUTO_FREE char *real = realpath(volumes, NULL);
	struct looked l = { real ? real : volumes, NULL };

	each_resource(config, look_device, &l);
	return l.found;
}

/* ---- changers ---- */

static void look_changer(void *arg, struct resource *r)
{
	struct looked *l = arg;
	const char *name = strrchr(l->path, '/'), *changer = str_cstr(&r->changer);

	name = name ? name + 1 : l->path;
	if (l->found || !str_eq(str_cstr(&r->kind), "autochanger"))
		return;
	if (str_eq(changer, l->path) ? !str_eq(changer, "/dev/null") : str_eq(str_cstr(&r->name), name) && !fs_exists(l->path))
		l->found = xstrdup(str_cstr(&r->devices));
}

struct drives {
	const char *names;              /* "Drive-0, Drive-1" */
	struct str out;
};

static void add_drive(void *arg, struct resource *r)
{
	struct drives *d = arg;
	const char *name = str_cstr(&r->name);
	AUTO_FREE char *padded = xasprintf(", %s,", d->names), *word = xasprintf(", %s,", name);

	if (str_eq(str_cstr(&r->kind), "device") && *name && strstr(padded, word))
		str_addf(&d->out, "%s%s (%s)", d->out.len ? ", " : "", str_cstr(&r->archive), name);
}

int bac_sd_no_changer_in(const char *config, const char *path, struct err *e)
{
	struct looked l = { path, NULL };
	struct drives d = { .out = STR_INIT };
	int r = 0;

	each_resource(config, look_changer, &l);
	if (l.found) {
		d.names = l.found;
		each_resource(config, add_drive, &d);
		r = err_set(e, -EMEDIUMTYPE, "'%s' is an autochanger, and data is read from a drive: name what one of its drives reads: %s", path,
			    d.out.len ? str_cstr(&d.out) : l.found);
	}
	str_free(&d.out);
	free(l.found);
	return r;
}

/* ---- daemons that run ---- */

/* The file after -c of a process, as this process sees it. */
static char *config_path(const char *proc)
{
	AUTO_FREE char *cmdline = fs_join(proc, "cmdline"), *args = NULL;
	const char *found = CONFIG;
	size_t n = 0;

	if (fs_read(cmdline, MIB, &args, &n, NULL) < 0)
		return NULL;
	for (const char *a = args; a < args + n; a += strlen(a) + 1)
		if (a[0] == '-' && a[1] == 'c')
			found = a[2] ? a + 2 : a + 3 < args + n ? a + 3 : found;
	return xasprintf("%s/%s/%s", proc, *found == '/' ? "root" : "cwd", found);
}

static char *config_of(const char *proc)
{
	AUTO_FREE char *path = config_path(proc);
	char *text = NULL;

	return path && fs_read(path, CONFIG_MAX, &text, NULL, NULL) == 0 ? text : NULL;
}

/* What of `volumes` a process has open, or NULL. */
static char *open_file(const char *proc, const char *volumes)
{
	AUTO_FREE char *dir = fs_join(proc, "fd"), *real = realpath(volumes, NULL);
	DIR *d = real ? opendir(dir) : NULL;
	char *found = NULL;
	struct dirent *de;

	while (d && !found && (de = readdir(d))) {
		AUTO_FREE char *link = fs_join(dir, de->d_name), *to = realpath(link, NULL);

		if (to && holds(real, to))
			found = TAKE_PTR(to);
	}
	if (d)
		closedir(d);
	return found;
}

static int look_at(const char *proc, const char *program, const char *volumes, struct err *e)
{
	AUTO_FREE char *file = open_file(proc, volumes), *config = config_of(proc), *device = NULL;

	if (file)
		return err_set(e, -EBUSY, "the Storage Daemon (%s, process %s) has '%s' open: stop it, then type the same command again", program,
			       proc + strlen("/proc/"), file);
	device = config ? bac_sd_device_of(config, volumes) : NULL;
	return !device ? 0 : err_set(e, -EBUSY, "the Storage Daemon (%s, process %s) uses '%s' as its device '%s' and may change it at any time: "
				     "stop it, then type the same command again", program, proc + strlen("/proc/"), volumes, device);
}

/* Calls f for each Storage Daemon until it does not return 0. */
static int each_daemon(int (*f)(const char *proc, const char *program, const char *path, struct err *e), const char *path, struct err *e)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	int r = 0;

	while (d && r == 0 && (de = readdir(d))) {
		AUTO_FREE char *proc = fs_join("/proc", de->d_name), *comm = fs_join(proc, "comm");
		AUTO_FREE char *program = isdigit((unsigned char)de->d_name[0]) ? fs_read_word(comm) : NULL;

		if (program && (str_eq(program, "bacula-sd") || str_eq(program, "bareos-sd")))
			r = f(proc, program, path, e);
	}
	if (d)
		closedir(d);
	return r;
}

int bac_sd_stopped(const char *volumes, struct err *e)
{
	return each_daemon(look_at, volumes, e);
}

static int look_for_changer(const char *proc, const char *program, const char *path, struct err *e)
{
	AUTO_FREE char *config = config_of(proc);

	(void)program;
	return config ? bac_sd_no_changer_in(config, path, e) : 0;
}

int bac_sd_no_changer(const char *path, struct err *e)
{
	AUTO_FREE char *config = NULL;
	int r = each_daemon(look_for_changer, path, e);

	if (r == 0 && fs_read(CONFIG, CONFIG_MAX, &config, NULL, NULL) == 0)
		r = bac_sd_no_changer_in(config, path, e);
	return r;
}
