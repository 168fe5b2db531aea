/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds every file of the folders and files named on the command line to a fuzz target. Fails when there was none. */
#include <dirent.h>

#include "fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	AUTO_FREE char *data = NULL;
	struct err e = ERR_INIT;
	size_t n;

	if (fs_read(path, 64 * MIB, &data, &n, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	LLVMFuzzerTestOneInput((const uint8_t *)data, n);
	return 1;
}

static int replay_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *ent;
	int n = 0;

	while (d && (ent = readdir(d))) {
		AUTO_FREE char *file = fs_join(path, ent->d_name);

		if (!fs_is_dir(file) && replay(file) == 1)
			n++;
	}
	if (d)
		closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++)
		n += fs_is_dir(argv[i]) ? replay_dir(argv[i]) : replay(argv[i]) == 1;
	printf("%d inputs\n", n);
	return n > 0 ? 0 : 1;
}
