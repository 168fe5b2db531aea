/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder for a web or TFTP server: kernel, initramfs, and what iPXE and GRUB need to load them. */
#include <dirent.h>
#include <fcntl.h>

#include "fs.h"
#include "media.h"
#include "media_copy.h"
#include "out_file.h"

#define MARK ".rescue-netboot"

static bool empty_folder(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	for (struct dirent *x = d ? readdir(d) : NULL; x; x = readdir(d))
		n += !str_eq(x->d_name, ".") && !str_eq(x->d_name, "..");
	if (d)
		closedir(d);
	return d && n == 0;
}

static int check_folder(const char *dir, struct err *e)
{
	AUTO_FREE char *mark = fs_join(dir, MARK);

	if (!dir[0])
		return err_set(e, -EINVAL, "--netboot needs the name of a folder");
	if (!fs_exists(dir) || fs_exists(mark))
		return 0;
	if (!fs_is_dir(dir))
		return err_set(e, -ENOTDIR, "'%s' exists and is not a folder", dir);
	if (!empty_folder(dir))
		return err_set(e, -ENOTEMPTY, "folder '%s' holds other files: name an empty or new one", dir);
	return 0;
}

/* What goes into the folder: a copy of a file, or a text. */
struct item {
	const char *name, *from, *text;
	struct out_file out;
};

static int fill(const char *dir, struct item *it, struct err *e)
{
	AUTO_FREE char *path = fs_join(dir, it->name);
	uint64_t size;
	int r = out_file_open(&it->out, path, e);

	if (r < 0 || it->text)
		return r < 0 ? r : fs_write_all(it->out.fd, it->text, strlen(it->text), e);
	r = media_file_size(it->from, &size, e);
	if (r == 0)
		r = media_copy_at(it->out.fd, 0, it->from, e);
	if (r == 0 && ftruncate(it->out.fd, (off_t)size) < 0)
		r = err_errno(e, "write '%s'", path);
	return r;
}

/* Everything is written before the first name appears: a folder is never half new, and a full disk leaves it as it was. */
static int put(const char *dir, struct item *items, size_t n, struct err *e)
{
	bool fresh = !fs_exists(dir);
	int r = fs_mkdir_p(dir, 0755, e);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = fill(dir, &items[i], e);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = out_file_commit(&items[i].out, 0644, e);
	for (size_t i = 0; i < n; i++)
		out_file_drop(&items[i].out);
	if (r < 0 && fresh)
		rmdir(dir);
	return r;
}

int media_netboot(const struct media *m, const char *dir, struct err *e)
{
	AUTO_FREE char *cmdline = media_cmdline(m, m->unattended), *ipxe = NULL, *grub = NULL;
	int r = check_folder(dir, e);

	ipxe = xasprintf("#!ipxe\n# put this folder on a web server; start it with: chain http://SERVER/FOLDER/boot.ipxe\n"
			 "kernel vmlinuz initrd=initramfs.img ip=dhcp %s\ninitrd initramfs.img\nboot\n", cmdline);
	grub = xasprintf("# for GRUB started over the network: its root is this folder\nset timeout=5\nset default=0\nmenuentry 'rescue' {\n"
			 "\tlinux vmlinuz ip=dhcp %s\n\tinitrd initramfs.img\n}\n", cmdline);
	struct item items[] = { { MARK, NULL, "made by rescue image --netboot\n", OUT_FILE_INIT }, { "vmlinuz", m->kernel, NULL, OUT_FILE_INIT },
				{ "initramfs.img", m->initramfs, NULL, OUT_FILE_INIT }, { "boot.ipxe", NULL, ipxe, OUT_FILE_INIT }, { "grub.cfg", NULL, grub, OUT_FILE_INIT } };

	if (r == 0)
		r = put(dir, items, ARRAY_SIZE(items), e);
	if (r == 0)
		strv_addf(m->said, "%s: kernel, initramfs, boot.ipxe and grub.cfg for a web or TFTP server", dir);
	return r;
}
