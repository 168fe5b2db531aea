/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext2, 3 and 4: what is done to overlays, never to the device. */
#include "ladder_int.h"

#include <fcntl.h>

#include "child.h"

/* Where another superblock lies, by the size of the blocks: 4, 1 and 2 KiB. */
static const char *const supers[] = { "32768", "8193", "16384" };

const off_t ladder_ext_at[LADDER_EXT_SUPERS] = { 1024, 8193 * 1024, 16384 * 2048, 32768LL * 4096, 98304LL * 4096 };

static int e2fsck(const char *const argv[], struct err *e)
{
	struct child c = { .argv = argv, .timeout_s = 86400 };
	int r = child_run(&c, e);

	return r == 0 || (c.exit_code >= 0 && c.exit_code < 4) ? 0 : r;
}

int ladder_ext_repair(const char *overlay, struct err *e)
{
	int r = e2fsck((const char *[]){ "e2fsck", "-fy", overlay, NULL }, e);

	for (size_t i = 0; r < 0 && i < ARRAY_SIZE(supers); i++)
		r = e2fsck((const char *[]){ "e2fsck", "-fy", "-b", supers[i], overlay, NULL }, e);
	return r;
}

static bool ext_at(const char *device, off_t super, size_t field, void *ret, size_t n)
{
	AUTO_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && pread(fd, ret, n, super + (off_t)field) == (ssize_t)n;
}

/* With a superblock that is whole, what hinders is something else, and e2fsck would repair that too. */
int ladder_ext_journal(const char *overlay, struct err *e)
{
	uint8_t magic[2];
	int r = -ENODATA;

	if (ext_at(overlay, 1024, 56, magic, 2) && magic[0] == 0x53 && magic[1] == 0xef)
		return err_set(e, -ENODATA, "the first superblock is there");
	for (size_t i = 0; r < 0 && i < ARRAY_SIZE(supers); i++)
		r = e2fsck((const char *[]){ "e2fsck", "-y", "-b", supers[i], "-E", "journal_only", overlay, NULL }, e);
	return r;
}

bool ladder_ext_dirty(const char *device)
{
	uint8_t incompat;       /* s_feature_incompat, its lowest byte: RECOVER is 0x4 */

	return ext_at(device, 1024, 96, &incompat, 1) && (incompat & 0x4);
}
