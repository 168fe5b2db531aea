/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "esp.h"

#include <dirent.h>
#include <fcntl.h>

#include "fs.h"

#define LOADER_MAX (256 * MIB)

/* Name in `dir` that equals `name` without regard to case; the exact one first. The caller frees. */
static char *match(const char *dir, const char *name)
{
	AUTO_FREE char *exact = fs_join(dir, name);
	char *found = NULL;
	DIR *d;

	if (fs_exists(exact))
		return TAKE_PTR(exact);
	d = opendir(dir);
	if (!d)
		return NULL;
	for (struct dirent *de; !found && (de = readdir(d));)
		if (strcasecmp(de->d_name, name) == 0)
			found = fs_join(dir, de->d_name);
	closedir(d);
	return found;
}

static bool is_dots(const char *s)
{
	return str_eq(s, ".") || str_eq(s, "..");
}

char *esp_find(const char *dir, const char *file)
{
	CLEANUP(strv_free) struct strv part = STRV_INIT;
	char *at = xstrdup(dir);

	strv_split(&part, file, "\\/");
	for (size_t i = 0; at && i < part.n; i++) {
		char *next = is_dots(part.v[i]) ? NULL : match(at, part.v[i]);

		free(at);
		at = next;
	}
	return at;
}

int esp_make(const char *dir, const char *file, char **ret, struct err *e)
{
	CLEANUP(strv_free) struct strv part = STRV_INIT;
	AUTO_FREE char *at = xstrdup(dir);
	int r;

	strv_split(&part, file, "\\/");
	for (size_t i = 0; i < part.n; i++) {
		AUTO_FREE char *next = is_dots(part.v[i]) ? NULL : match(at, part.v[i]);

		if (is_dots(part.v[i]))
			return err_set(e, -EINVAL, "'%s' is not a path on an ESP", file);
		if (!next)
			next = fs_join(at, part.v[i]);
		if (i + 1 < part.n) {
			r = fs_mkdir_p(next, 0755, e);
			if (r < 0)
				return r;
		}
		free(at);
		at = TAKE_PTR(next);
	}
	*ret = TAKE_PTR(at);
	return 0;
}

static bool same_content(const char *path, const char *data, size_t n)
{
	AUTO_FREE char *have = NULL;
	size_t len;

	return fs_read(path, LOADER_MAX, &have, &len, NULL) == 0 && len == n && memcmp(have, data, n) == 0;
}

int esp_copy(const char *from, const char *to, bool *ret_changed, struct err *e)
{
	AUTO_FREE char *data = NULL;
	size_t n;
	int r = fs_read(from, LOADER_MAX, &data, &n, e);

	if (r < 0 || same_content(to, data, n))
		return r;
	r = fs_write_atomic(to, data, n, 0644, e);
	if (r == -ENOSPC) {
		AUTO_FREE char *tmp = xasprintf("%s.new", to);

		(void)unlink(tmp);
		return err_set(e, r, "the ESP is full: no room for '%s' (%zu bytes); remove what no longer belongs to an installed system", to, n);
	}
	if (r < 0)
		return r;
	if (!same_content(to, data, n))
		return err_set(e, -EIO, "'%s' reads back differently from what was written", to);
	*ret_changed = true;
	return 0;
}

char *esp_removable_name(const char *arch)
{
	char *name = xasprintf("\\EFI\\BOOT\\BOOT%s.EFI", arch);

	for (char *p = name + strlen("\\EFI\\BOOT\\BOOT"); *p != '.'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 32);
	return name;
}

bool esp_has_removable(const char *dir, const char *arch)
{
	AUTO_FREE char *file = esp_removable_name(arch);
	AUTO_FREE char *path = esp_find(dir, file);

	return path != NULL;
}

/* Folder part of "\EFI\debian\shimx64.efi". The caller frees. */
static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '\\');

	return slash ? xstrndup(file, (size_t)(slash - file)) : xstrdup("");
}

static bool is_shim(const char *file)
{
	const char *base = strrchr(file, '\\');

	return strncasecmp(base ? base + 1 : file, "shim", 4) == 0;
}

/* Copies FOLDER\NAME beside the removable loader when it is there. */
static int companion(const char *dir, const char *folder, const char *name, bool *changed, struct err *e)
{
	AUTO_FREE char *src = xasprintf("%s\\%s", folder, name), *dst = xasprintf("\\EFI\\BOOT\\%s", name);
	AUTO_FREE char *from = esp_find(dir, src), *to = NULL;
	int r;

	if (!from)
		return 0;
	r = esp_make(dir, dst, &to, e);
	return r < 0 ? r : esp_copy(from, to, changed, e);
}

/* Another loader stands there: kept under another name before it is replaced. */
static int keep_other(const char *to, const char *from, bool *changed, struct err *e)
{
	AUTO_FREE char *aside = xasprintf("%s.before-rescue", to);
	AUTO_FREE char *data = NULL;
	size_t n;

	if (!fs_exists(to) || fs_exists(aside))
		return 0;
	if (fs_read(from, LOADER_MAX, &data, &n, e) < 0)
		return e ? e->code : -EIO;
	return same_content(to, data, n) ? 0 : esp_copy(to, aside, changed, e);
}

/* fbx64.efi beside shim makes entries and resets the machine; where variables cannot be written it does so for ever (T37). */
static int drop_fallback(const char *dir, const char *arch, bool *changed, struct err *e)
{
	AUTO_FREE char *file = xasprintf("\\EFI\\BOOT\\fb%s.efi", arch);
	AUTO_FREE char *path = esp_find(dir, file), *aside = path ? xasprintf("%s.before-rescue", path) : NULL;

	if (!path)
		return 0;
	if (rename(path, aside) < 0)
		return err_errno(e, "rename '%s'", path);
	*changed = true;
	return fs_sync_parent(path, e);
}

/* What shim's fallback program reads: the way back to an entry when NVRAM is lost again. */
static int write_csv(const char *dir, const char *arch, const char *file, const char *label, bool *changed, struct err *e)
{
	CLEANUP(str_free) struct str text = STR_INIT, out = STR_INIT;
	AUTO_FREE char *folder = folder_of(file), *boot = esp_removable_name(arch), *csv = NULL;
	AUTO_FREE char *upper = xasprintf("%s%.*s.CSV", folder, (int)(strlen(boot) - 4 - strlen("\\EFI\\BOOT")), boot + strlen("\\EFI\\BOOT"));
	AUTO_FREE char *have = esp_find(dir, upper);
	int r;

	if (have || strcasecmp(folder, "\\EFI\\BOOT") == 0)
		return 0;
	str_addf(&text, "%s,%s,,This is the boot entry for %s\n", strrchr(file, '\\') + 1, label, label);
	str_addn(&out, "\xff\xfe", 2);
	if (efi_utf16_add(&out, text.s) < 0)
		return err_set(e, -EINVAL, "label '%s' is not UTF-8", label);
	r = esp_make(dir, upper, &csv, e);
	if (r == 0)
		r = fs_write_atomic(csv, out.s, out.len, 0644, e);
	*changed |= r == 0;
	return r == -ENOSPC ? err_set(e, r, "the ESP is full: no room for '%s'", csv) : r;
}

static int copy_loader(const char *dir, const char *arch, const char *file, const char *to, const char *from, bool *changed, struct err *e)
{
	AUTO_FREE char *folder = folder_of(file), *grub = xasprintf("grub%s.efi", arch), *mm = xasprintf("mm%s.efi", arch);
	int r = 0;

	if (is_shim(file)) {    /* what shim starts comes first: BOOTX64.EFI without it is worse than none */
		r = companion(dir, folder, grub, changed, e);
		if (r == 0)
			r = companion(dir, folder, mm, changed, e);
	}
	return r < 0 ? r : esp_copy(from, to, changed, e);
}

int esp_removable(const char *dir, const char *arch, const char *file, const char *label, bool force, bool *ret_changed, struct err *e)
{
	AUTO_FREE char *name = esp_removable_name(arch), *to = NULL, *from = esp_find(dir, file);
	int r;

	if (!from)
		return err_set(e, -ENOENT, "ESP '%s': no file %s", dir, file);
	if (!force && esp_has_removable(dir, arch))
		return write_csv(dir, arch, file, label, ret_changed, e);
	r = esp_make(dir, name, &to, e);
	if (r == 0 && force)
		r = keep_other(to, from, ret_changed, e);
	if (r == 0 && force)
		r = drop_fallback(dir, arch, ret_changed, e);
	if (r == 0)
		r = copy_loader(dir, arch, file, to, from, ret_changed, e);
	return r < 0 ? r : write_csv(dir, arch, file, label, ret_changed, e);
}
