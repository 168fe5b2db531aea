/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One EFI file that is kernel, initramfs and command line: systemd's stub with sections (UAPI.5). */
#include <fcntl.h>

#include "fs.h"
#include "media.h"
#include "media_copy.h"
#include "pe_add.h"

static const char *const stubs[] = { "/usr/lib/systemd/boot/efi/linuxx64.efi.stub", "/usr/lib/gummiboot/linuxx64.efi.stub", NULL };

static const char *find_stub(void)
{
	for (size_t i = 0; stubs[i]; i++)
		if (fs_exists(stubs[i]))
			return stubs[i];
	return NULL;
}

enum { OSREL, UNAME, CMDLINE, INITRD, LINUX, SECTIONS };

static int put_text(int fd, const struct pe_section *s, const char *text, struct err *e)
{
	return media_write_at(fd, s->offset, text, s->size, e);
}

static int put_content(const struct media *m, int fd, const struct pe_section *s, const char *osrel, const char *cmdline, struct err *e)
{
	int r = put_text(fd, &s[OSREL], osrel, e);

	if (r == 0)
		r = put_text(fd, &s[UNAME], m->release, e);
	if (r == 0)
		r = put_text(fd, &s[CMDLINE], cmdline, e);
	if (r == 0)
		r = media_copy_at(fd, s[INITRD].offset, m->initramfs, e);
	if (r == 0)
		r = media_copy_at(fd, s[LINUX].offset, m->kernel, e);
	if (r == 0 && ftruncate(fd, (off_t)s[SECTIONS - 1].end) < 0)
		r = err_errno(e, "write the unified kernel image");
	return r;
}

int media_uki(const struct media *m, int fd, struct err *e)
{
	static const char osrel[] = "ID=rescue\nNAME=\"rescue\"\nPRETTY_NAME=\"rescue " RESCUE_VERSION "\"\nVERSION_ID=" RESCUE_VERSION "\n";
	const char *stub_path = find_stub();
	AUTO_FREE char *stub = NULL, *cmdline = media_cmdline(m, m->unattended);
	CLEANUP(str_free) struct str head = STR_INIT;
	struct pe_section s[SECTIONS] = { [OSREL] = { ".osrel", sizeof(osrel) - 1, 0, 0 }, [UNAME] = { ".uname", strlen(m->release), 0, 0 },
					  [CMDLINE] = { ".cmdline", strlen(cmdline), 0, 0 }, [INITRD] = { ".initrd", 0, 0, 0 },
					  [LINUX] = { ".linux", 0, 0, 0 } };
	size_t n;
	int r;

	if (!stub_path)
		return err_set(e, -ENOENT, "systemd's EFI stub is not installed (Debian: systemd-boot-efi): a unified kernel image cannot be made");
	r = fs_read(stub_path, 16 * MIB, &stub, &n, e);
	if (r == 0)
		r = media_file_size(m->initramfs, &s[INITRD].size, e);
	if (r == 0)
		r = media_file_size(m->kernel, &s[LINUX].size, e);
	if (r == 0)
		r = pe_add_sections((const uint8_t *)stub, n, s, SECTIONS, &head, e);
	if (r == 0)
		r = media_write_at(fd, 0, head.s, head.len, e);
	return r < 0 ? r : put_content(m, fd, s, osrel, cmdline, e);
}
