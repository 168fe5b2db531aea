/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel modules: what the list names, what they need (hard and soft dependencies), and the firmware they name. The only file that
 * includes <libkmod.h>; nothing is loaded here. The kernel's own indexes go along whole, so that the image can say which module a device
 * would need even when that module is not aboard.
 */
#include <dirent.h>
#include <fnmatch.h>
#include <libkmod.h>
#include <search.h>

#include "fs.h"
#include "image.h"

struct mods {
	struct image *im;
	const struct image_kernel *k;
	struct kmod_ctx *ctx;
	void *seen;             /* tree of names */
	void *firmware;
	struct strv no_firmware, not_in_kernel;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* True the first time. */
static bool first(void **tree, const char *text)
{
	char *copy = xstrdup(text), **p = tsearch(copy, tree, by_text);

	if (!p)
		abort();
	if (*p == copy)
		return true;
	free(copy);
	return false;
}

static void add_firmware(struct mods *m, const char *name)
{
	static const char *const ends[] = { "", ".zst", ".xz" };

	if (!first(&m->firmware, name))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		AUTO_FREE char *from = xasprintf("%s/%s%s", m->k->firmware, name, ends[i]);
		AUTO_FREE char *to = xasprintf("/usr/lib/firmware/%s%s", name, ends[i]);

		if (fs_exists(from) && image_add_file(m->im, from, to, NULL) == 0)
			return;
	}
	strv_add(&m->no_firmware, name);
}

static void firmware_of(struct mods *m, struct kmod_module *mod)
{
	struct kmod_list *list = NULL, *i;
	unsigned int part = m->im->part;

	if (kmod_module_get_info(mod, &list) < 0)
		return;
	image_part(m->im, "firmware");
	kmod_list_foreach(i, list)
		if (str_eq(kmod_module_info_get_key(i), "firmware"))
			add_firmware(m, kmod_module_info_get_value(i));
	kmod_module_info_free_list(list);
	m->im->part = part;
}

static int add_module(struct mods *m, struct kmod_module *mod, struct err *e);

static int add_list(struct mods *m, struct kmod_list *list, struct err *e)
{
	struct kmod_list *i;
	int r = 0;

	kmod_list_foreach(i, list) {
		struct kmod_module *mod = kmod_module_get_module(i);

		if (r == 0)
			r = add_module(m, mod, e);
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
	return r;
}

static int add_softdeps(struct mods *m, struct kmod_module *mod, struct err *e)
{
	struct kmod_list *pre = NULL, *post = NULL;
	int r;

	if (kmod_module_get_softdeps(mod, &pre, &post) < 0)
		return 0;
	r = add_list(m, pre, e);
	if (r < 0) {
		kmod_module_unref_list(post);
		return r;
	}
	return add_list(m, post, e);
}

static int add_module(struct mods *m, struct kmod_module *mod, struct err *e)
{
	const char *path = kmod_module_get_path(mod), *name = kmod_module_get_name(mod);
	AUTO_FREE char *to = NULL;
	size_t n = strlen(m->k->modules);
	int r;

	if (!path || !first(&m->seen, name))    /* built in, or a soft dependency that this kernel does not have */
		return 0;
	if (strncmp(path, m->k->modules, n) != 0 || path[n] != '/')
		return err_set(e, -EINVAL, "module '%s' lies outside '%s': '%s'", name, m->k->modules, path);
	to = xasprintf("/usr/lib/modules/%s%s", m->k->version, path + n);
	r = image_add_file(m->im, path, to, e);
	if (r < 0)
		return err_wrap(e, r, "kernel module '%s'", name);
	r = add_list(m, kmod_module_get_dependencies(mod), e);
	if (r == 0)
		r = add_softdeps(m, mod, e);
	firmware_of(m, mod);
	return r;
}

static bool built_in(struct kmod_module *mod)
{
	return kmod_module_get_initstate(mod) == KMOD_MODULE_BUILTIN;
}

/* A module by name or alias. 1: built into the kernel or aboard now; 0: this kernel does not have it. */
static int add_name(struct mods *m, const char *name, struct err *e)
{
	struct kmod_list *list = NULL, *i;
	int r = 0, found = 0;

	if (kmod_module_new_from_lookup(m->ctx, name, &list) < 0 || !list)
		return 0;
	kmod_list_foreach(i, list) {
		struct kmod_module *mod = kmod_module_get_module(i);

		if (kmod_module_get_path(mod) || built_in(mod))
			found = 1;
		if (r == 0)
			r = add_module(m, mod, e);
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
	return r < 0 ? r : found;
}

static int add_named(struct mods *m, const struct strv *names, bool optional, struct err *e)
{
	for (size_t i = 0; i < names->n; i++) {
		int r = add_name(m, names->v[i], e);

		if (r < 0)
			return r;
		if (r == 0 && !optional)
			return err_set(e, -ENOENT, "kernel %s has no module '%s', and nothing of that name is built in", m->k->version,
				       names->v[i]);
		if (r == 0)
			strv_add(&m->not_in_kernel, names->v[i]);
	}
	return 0;
}

static bool matches(const struct strv *patterns, const char *path)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (fnmatch(patterns->v[i], path, 0) == 0)
			return true;
	return false;
}

static int add_path(struct mods *m, const char *relative, struct err *e)
{
	AUTO_FREE char *full = fs_join(m->k->modules, relative);
	struct kmod_module *mod;
	int r = kmod_module_new_from_path(m->ctx, full, &mod);

	if (r < 0)
		return err_code(e, r, "kernel module '%s'", full);
	r = add_module(m, mod, e);
	kmod_module_unref(mod);
	return r;
}

/* A pattern that ends in "*.ko" means that folder only; others reach into folders below. */
static bool wanted(const struct image_selection *sel, const char *path)
{
	for (size_t i = 0; i < sel->patterns.n; i++)
		if (fnmatch(sel->patterns.v[i], path, str_ends(sel->patterns.v[i], "*.ko") ? FNM_PATHNAME : 0) == 0)
			return !matches(&sel->not, path);
	return false;
}

/* ---- this machine: modules that are loaded now, and those that its devices ask for ---- */

static void device_modules(struct mods *m, const char *dir, void **names, int depth)
{
	DIR *d = depth < 24 ? opendir(dir) : NULL;
	AUTO_FREE char *alias = xasprintf("%s/modalias", dir), *text = fs_read_word(alias);
	struct kmod_list *list = NULL, *i;

	if (text && *text && kmod_module_new_from_lookup(m->ctx, text, &list) >= 0)
		kmod_list_foreach(i, list) {
			struct kmod_module *mod = kmod_module_get_module(i);

			first(names, kmod_module_get_name(mod));
			kmod_module_unref(mod);
		}
	kmod_module_unref_list(list);
	for (struct dirent *x = d ? readdir(d) : NULL; x; x = readdir(d))
		if (x->d_type == DT_DIR && x->d_name[0] != '.') {
			AUTO_FREE char *sub = fs_join(dir, x->d_name);

			device_modules(m, sub, names, depth + 1);
		}
	if (d)
		closedir(d);
}

static void loaded_modules(void **names)
{
	AUTO_FREE char *text = NULL;
	char *save, *line;
	size_t n;

	if (fs_read("/proc/modules", 4 * MIB, &text, &n, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, " ")] = 0;
		first(names, line);
	}
}

/* "kernel/drivers/net/virtio_net.ko.xz" -> "virtio_net" */
static void module_name(const char *path, char *buf, size_t n)
{
	const char *base = strrchr(path, '/');

	snprintf(buf, n, "%s", base ? base + 1 : path);
	buf[strcspn(buf, ".")] = 0;
	for (char *p = buf; *p; p++)
		if (*p == '-')
			*p = '_';
}

static int add_patterns(struct mods *m, const struct image_selection *sel, struct err *e)
{
	AUTO_FREE char *path = fs_join(m->k->modules, "modules.dep"), *text = NULL;
	void *here = NULL;
	char *save, *line, name[128];
	size_t n;
	int r = fs_read(path, 64 * MIB, &text, &n, e);

	if (r < 0)
		return err_wrap(e, r, "run 'depmod %s' first", m->k->version);
	if (m->k->this_machine) {
		loaded_modules(&here);
		device_modules(m, "/sys/devices", &here, 0);
	}
	for (line = strtok_r(text, "\n", &save); r == 0 && line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, ":")] = 0;
		module_name(line, name, sizeof(name));
		if (wanted(sel, line) && (!m->k->this_machine || tfind(name, &here, by_text)))
			r = add_path(m, line, e);
	}
	tdestroy(here, free);
	return r;
}

static int add_indexes(struct mods *m, struct err *e)
{
	static const char *const names[] = { "modules.dep", "modules.dep.bin", "modules.alias.bin", "modules.softdep", "modules.builtin",
					     "modules.builtin.bin", "modules.builtin.alias.bin", "modules.builtin.modinfo", "modules.devname",
					     "modules.symbols.bin", "modules.order" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FREE char *from = fs_join(m->k->modules, names[i]);
		AUTO_FREE char *to = xasprintf("/usr/lib/modules/%s/%s", m->k->version, names[i]);
		int r = fs_exists(from) ? image_add_file(m->im, from, to, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static void note_names(struct image *im, const char *what, const struct strv *names)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	for (size_t i = 0; i < names->n; i++)
		str_addf(&s, " %s", names->v[i]);
	if (names->n)
		image_note(im, "%s:%s", what, str_cstr(&s));
}

static int add_all(struct mods *m, const struct image_selection *sel, struct err *e)
{
	int r = add_named(m, &sel->modules, false, e);

	if (r == 0)
		r = add_named(m, &sel->maybe, true, e);
	if (r == 0)
		r = add_patterns(m, sel, e);
	if (r == 0)
		r = add_indexes(m, e);
	note_names(m->im, "modules that this kernel does not have", &m->not_in_kernel);
	note_names(m->im, "firmware that modules name and this system does not have", &m->no_firmware);
	return r;
}

int image_add_modules(struct image *im, const struct image_kernel *k, const struct image_selection *sel, struct err *e)
{
	struct mods m = { .im = im, .k = k };
	AUTO_FREE char *index = fs_join(k->modules, "modules.dep.bin");
	int r;

	if (!fs_is_dir(k->modules))
		return err_set(e, -ENOENT, "'%s': no modules of kernel %s: install them, or choose another kernel with --kernel", k->modules,
			       k->version);
	if (!fs_exists(index))
		return err_set(e, -ENOENT, "'%s' is missing: run 'depmod %s' first", index, k->version);
	m.ctx = kmod_new(k->modules, (const char *const[]){ NULL });
	if (!m.ctx)
		return err_set(e, -ENOMEM, "libkmod does not start");
	kmod_load_resources(m.ctx);
	image_part(im, "kernel modules");
	r = add_all(&m, sel, e);
	kmod_unref(m.ctx);
	tdestroy(m.seen, free);
	tdestroy(m.firmware, free);
	strv_free(&m.no_firmware);
	strv_free(&m.not_in_kernel);
	return r;
}
