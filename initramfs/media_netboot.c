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

static int put_copy(const char *dir, const char *name, const char *from, struct err *e)
{
	CLEANUP(out_file_drop) struct out_file o = OUT_FILE_INIT;
	AUTO_FREE char *path = fs_join(dir, name);
	uint64_t size;
	int r = out_file_open(&o, path, e);

	if (r == 0)
		r = media_file_size(from, &size, e);
	if (r == 0)
		r = media_copy_at(o.fd, 0, from, e);
	if (r == 0 && ftruncate(o.fd, (off_t)size) < 0)
		r = err_errno(e, "write '%s'", path);
	return r < 0 ? r : out_file_commit(&o, 0644, e);
}

static int put_text(const char *dir, const char *name, const char *text, struct err *e)
{
	AUTO_FREE char *path = fs_join(dir, name);

	return fs_write_atomic(path, text, strlen(text), 0644, e);
}

int media_netboot(const struct media *m, const char *dir, struct err *e)
{
	AUTO_FREE char *cmdline = media_cmdline(m, m->unattended), *ipxe = NULL, *grub = NULL;
	int r = check_folder(dir, e);

	ipxe = xasprintf("#!ipxe\n# put this folder on a web server; start it with: chain http://SERVER/FOLDER/boot.ipxe\n"
			 "kernel vmlinuz initrd=initramfs.img ip=dhcp %s\ninitrd initramfs.img\nboot\n", cmdline);
	grub = xasprintf("# for GRUB started over the network: the folder lies beside this file\nmenuentry 'rescue' {\n"
			 "\tlinux vmlinuz ip=dhcp %s\n\tinitrd initramfs.img\n}\n", cmdline);
	if (r == 0)
		r = fs_mkdir_p(dir, 0755, e);
	if (r == 0)
		r = put_text(dir, MARK, "made by rescue image --netboot\n", e);
	if (r == 0)
		r = put_copy(dir, "vmlinuz", m->kernel, e);
	if (r == 0)
		r = put_copy(dir, "initramfs.img", m->initramfs, e);
	if (r == 0)
		r = put_text(dir, "boot.ipxe", ipxe, e);
	if (r == 0)
		r = put_text(dir, "grub.cfg", grub, e);
	if (r == 0)
		strv_addf(m->said, "%s: kernel, initramfs, boot.ipxe and grub.cfg for a web or TFTP server", dir);
	return r;
}
