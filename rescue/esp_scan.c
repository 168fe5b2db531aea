/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "esp.h"

#include <dirent.h>

#include "fs.h"

struct scan {
	const char *dir, *arch;
	struct esp_loader *v;
	size_t n;
	const char *folder;     /* "\EFI\debian" while its CSV is read */
};

void esp_loaders_free(struct esp_loader *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].file);
		free(v[i].label);
		free(v[i].data);
	}
	free(v);
}

/* Adds a loader that is really there, once. */
static struct esp_loader *add(struct scan *s, enum esp_source source, const char *file, const char *label)
{
	AUTO_FREE char *real = esp_find(s->dir, file);

	if (!real || fs_is_dir(real))
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		if (strcasecmp(s->v[i].file, file) == 0)
			return NULL;
	s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
	s->v[s->n] = (struct esp_loader){ .source = source, .file = xstrdup(file), .label = xstrdup(label) };
	return &s->v[s->n++];
}

static void csv_line(char *line, void (*fn)(const char *, const char *, const char *, void *), void *arg)
{
	char *file = line, *label, *args, *end;

	label = strchr(file, ',');
	if (!label)
		return;
	*label++ = 0;
	args = strchr(label, ',');
	if (args)
		*args++ = 0;
	end = args ? strchr(args, ',') : NULL;
	if (end)
		*end = 0;
	file = str_trim(file);
	label = str_trim(label);
	if (*file && *label)
		fn(file, label, args ? args : "", arg);
}

int esp_csv_each(const void *raw, size_t n, void (*fn)(const char *, const char *, const char *, void *), void *arg)
{
	CLEANUP(str_free) struct str text = STR_INIT;
	const uint8_t *p = raw;
	char *save = NULL;

	if (n >= 2 && p[0] == 0xff && p[1] == 0xfe) {
		efi_utf8_add(&text, p + 2, (n - 2) / 2);
	} else if (n >= 2 && p[0] && !p[1]) {
		efi_utf8_add(&text, p, n / 2);  /* UCS-2 without the mark */
	} else {
		str_addn(&text, p, n);
	}
	if (memchr(str_cstr(&text), 0, text.len))
		return -EBADMSG;
	for (char *l = strtok_r(text.s ? text.s : (char[]){ 0 }, "\r\n", &save); l; l = strtok_r(NULL, "\r\n", &save))
		csv_line(l, fn, arg);
	return 0;
}

static void from_csv(const char *file, const char *label, const char *args, void *arg)
{
	AUTO_FREE char *path = xasprintf("%s\\%s", ((struct scan *)arg)->folder, file);
	CLEANUP(str_free) struct str data = STR_INIT;
	struct esp_loader *l = add(arg, ESP_CSV, path, label);

	if (!l || !*args || efi_utf16_add(&data, args) < 0)
		return;
	str_addn(&data, "\0", 2);
	l->data_len = data.len;
	l->data = (uint8_t *)str_take(&data);
}

static bool read_csv(struct scan *s, const char *name)
{
	AUTO_FREE char *file = xasprintf("%s\\%s", s->folder, name), *path = esp_find(s->dir, file), *raw = NULL;
	size_t n, before = s->n;

	if (!path || fs_read(path, 64 * KIB, &raw, &n, NULL) < 0)
		return false;
	return esp_csv_each(raw, n, from_csv, s) == 0 && s->n > before;
}

static bool known(struct scan *s, enum esp_source source, const char *name, const char *label)
{
	AUTO_FREE char *file = xasprintf("%s\\%s", s->folder, name);

	return add(s, source, file, label) != NULL;
}

/* One folder below \EFI: its own list first, else the loader that starts the others. */
static void scan_folder(struct scan *s, const char *name)
{
	AUTO_FREE char *folder = xasprintf("\\EFI\\%s", name), *csv = xasprintf("BOOT%s.CSV", s->arch);
	AUTO_FREE char *shim = xasprintf("shim%s.efi", s->arch), *grub = xasprintf("grub%s.efi", s->arch);
	AUTO_FREE char *sd = xasprintf("systemd-boot%s.efi", s->arch), *refind = xasprintf("refind_%s.efi", s->arch);

	s->folder = folder;
	if (strcasecmp(name, "BOOT") == 0 || strcasecmp(name, "Linux") == 0)
		return;
	if (strcasecmp(name, "Microsoft") == 0) {
		known(s, ESP_WINDOWS, "Boot\\bootmgfw.efi", "Windows Boot Manager");
		return;
	}
	if (read_csv(s, csv) || read_csv(s, "BOOT.CSV"))
		return;
	(void)(known(s, ESP_KNOWN, shim, name) || known(s, ESP_KNOWN, grub, name) || known(s, ESP_KNOWN, sd, "Linux Boot Manager") ||
	       known(s, ESP_KNOWN, refind, "rEFInd Boot Manager") || known(s, ESP_KNOWN, "grub.efi", name) ||
	       known(s, ESP_KNOWN, "elilo.efi", name));
}

static void scan_uki(struct scan *s, const char *name)
{
	AUTO_FREE char *file = xasprintf("\\EFI\\Linux\\%s", name), *label = xstrdup(name);
	size_t n = strlen(name);

	if (n < 5 || strcasecmp(name + n - 4, ".efi") != 0)
		return;
	label[n - 4] = 0;
	add(s, ESP_UKI, file, label);
}

static void each_name(struct scan *s, const char *file, void (*fn)(struct scan *, const char *))
{
	AUTO_FREE char *path = esp_find(s->dir, file);
	struct dirent **list = NULL;
	int n = path ? scandir(path, &list, NULL, alphasort) : -1;

	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			fn(s, list[i]->d_name);
		free(list[i]);
	}
	free(list);
}

static int by_source(const void *a, const void *b)
{
	const struct esp_loader *x = a, *y = b;

	return x->source != y->source ? (int)x->source - (int)y->source : strcmp(x->file, y->file);
}

int esp_scan(const char *dir, const char *arch, struct esp_loader **ret, size_t *ret_n, struct err *e)
{
	AUTO_FREE char *removable = esp_removable_name(arch);
	struct scan s = { .dir = dir, .arch = arch };

	if (!fs_is_dir(dir))
		return err_set(e, -ENOTDIR, "ESP '%s': no such folder", dir);
	each_name(&s, "\\EFI", scan_folder);
	each_name(&s, "\\EFI\\Linux", scan_uki);
	add(&s, ESP_REMOVABLE, removable, "UEFI OS");
	if (s.n)
		qsort(s.v, s.n, sizeof(*s.v), by_source);
	*ret = s.v;
	*ret_n = s.n;
	return 0;
}
