/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bootstrap files: every keyword, what a set of them means, and sentences about mistakes. */
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "bac_gen.h"
#include "bac_index.h"

/* Two jobs on one volume, as their labels say: 7 (Full, session 1) and 8 (Differential, session 2), of web-01-fd. */
static void make_volume(char *path)
{
	struct gen g = GEN_INIT;
	int fd = mkstemp(path);

	gen_vol_label(&g, "Vol-1", 5000000);
	for (uint32_t i = 0; i < 2; i++) {
		g.id = 1 + i;
		g.number = 0;
		gen_sess_label(&g, BAC_FI_SOS, 7 + i, i ? 'D' : 'F', 6000000 + i, 0);
		gen_attr(&g, 1, BAC_REGE, "/a", "", 0100644, 0, 0);
		gen_sess_label(&g, BAC_FI_EOS, 7 + i, i ? 'D' : 'F', 7000000 + i, 1);
		gen_flush(&g);
	}
	assert_true(fd >= 0);
	assert_int_equal(write(fd, g.vol.s, g.vol.len), g.vol.len);
	close(fd);
	gen_free(&g);
}

static void ranges(struct str *s, char c, const struct bac_range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		str_addf(s, "%s%u-%u", i ? "," : c == 'f' ? " f" : " s", r[i].lo, r[i].hi);
}

static void picture(const struct bac_plan *p, struct str *s)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct bac_session *x = &p->sess[i];

		str_addf(s, "%s%u@%u", i ? "; " : "", x->id, x->time);
		for (size_t k = 0; k < x->n_segs; k++)
			str_addf(s, " %s:%llx-%llx", x->segs[k].name, (unsigned long long)x->segs[k].start,
				 x->segs[k].end == UINT64_MAX ? 0ULL : (unsigned long long)x->segs[k].end);
		ranges(s, 'f', x->ranges, x->n_ranges);
		ranges(s, 's', x->streams, x->n_streams);
		if (x->count)
			str_addf(s, " count %llu", (unsigned long long)x->count);
		if (x->regex)
			str_addf(s, " /%s/", x->regex);
	}
	for (size_t i = 0; i < p->notes.n; i++)
		str_addf(s, "%s%s", s->len ? " | " : "", p->notes.v[i]);
}

#define S1 "Volume=Vol-1\nVolSessionId=1\nVolSessionTime=1000\n"

static const struct {
	const char *text, *want;
} good[] = {
	/* as the Director of Bacula 9.6 writes it */
	{ "# 28-Nov-2026 23:09:26 - based - Full\nStorage=\"St\"\nVolume=\"Vol-1\"\nMediaType=\"File\"\nDevice=\"D\"\nSlot=3\nVolSessionId=1\n"
	  "VolSessionTime=1000\nVolAddr=200-300\nFileIndex=1-9\nCount=9\n", "1@1000 Vol-1:c8-12d f1-9" },
	{ S1 "FileIndex=1-3,7,9-10\nFileIndex=4\n", "1@1000 Vol-1:0-0 f1-4,7-7,9-10" },
	{ S1 "VolAddr=10-19,40-49\nFileIndex=5", "1@1000 Vol-1:a-14 Vol-1:28-32 f5-5" },
	{ S1 "VolFile=2\nVolBlock=5-9\n", "1@1000 Vol-1:200000005-20000000a" },
	{ S1 "VolFile=2-3\n", "1@1000 Vol-1:200000000-400000000" },
	{ "Volume=Vol-1\nVolSessionId=1-2\nVolSessionTime=1000\n", "1@1000 Vol-1:0-0; 2@1000 Vol-1:0-0" },
	{ "Volume=Vol-1\nVolSessionId=2,1\nVolSessionTime=1000\n", "2@1000 Vol-1:0-0; 1@1000 Vol-1:0-0" },
	/* one session, two volumes, as two sets */
	{ S1 "VolAddr=5-9\nFileIndex=1-4\nVolume=V2\nVolSessionId=1\nVolSessionTime=1000\nFileIndex=4-6\n",
	  "1@1000 Vol-1:5-a V2:0-0 f1-6 | volume 'V2' is missing: what is only there will be lost" },
	/* names, lists, quotes, comments, blanks, case */
	{ "volume = \"Vol-1|V2\"  # two\nvol session id=1\nVOLSESSIONTIME = 1000 # t\n",
	  "1@1000 Vol-1:0-0 V2:0-0 | volume 'V2' is missing: what is only there will be lost" },
	{ "Volume=Vol-1\nClient = nobody, \"web-01-fd\"\nJobLevel=F\n", "1@1000 Vol-1:0-0" },
	{ "Volume=Vol-1\nJobId=8\n", "2@1000 Vol-1:0-0" },
	{ "Volume=Vol-1\nJobId=7-8\nJobType=B\nJobLevel=D\n", "2@1000 Vol-1:0-0" },
	{ "Volume=Vol-1\nJob=none.2026-01-01\n", "b:1: no job on the volumes matches this part" },
	/* parts */
	{ S1 "FileRegex=/etc/.*#1\\.conf$\n", "1@1000 Vol-1:0-0 //etc/.*#1\\.conf$/" },
	{ S1 "FileRegex=\"a\\.b,\\\"c\" # note\n", "1@1000 Vol-1:0-0 /a\\.b,\"c/" },
	{ S1 "Stream=1-2,4\n", "1@1000 Vol-1:0-0 s1-2,4-4" },
	{ S1 "Stream=1\nVolume=V2\nVolSessionId=1\nVolSessionTime=1000\n",
	  "1@1000 Vol-1:0-0 V2:0-0 | volume 'V2' is missing: what is only there will be lost" },
	{ S1 "Count=5\n", "1@1000 Vol-1:0-0 f1-5 count 5" },
	{ S1 "Count=5\nVolAddr=0-9\n", "1@1000 Vol-1:0-a count 5" },
	{ S1 "Include=/etc\nExclude=\n",
	  "1@1000 Vol-1:0-0 | b:4: include: does nothing, as in Bacula: use FileRegex, FileIndex or the option for paths"
	  " | b:5: exclude: does nothing, as in Bacula: use FileRegex, FileIndex or the option for paths" },
};

static void plan(const char *path, const char *text, struct str *s)
{
	struct bac_index ix = { 0 };
	struct bac_plan p = { 0 };
	struct err e = ERR_INIT;

	assert_int_equal(bac_index_add(&ix, path, &e), 0);
	if (bac_bsr_plan(&ix, text, strlen(text), "b", &p, &e) < 0)
		str_addf(s, "!%s", e.msg);
	else
		picture(&p, s);
	bac_plan_free(&p);
	bac_index_free(&ix);
}

static void test_what_each_keyword_means(void **state)
{
	char path[] = "/tmp/bac-bsr.XXXXXX";

	(void)state;
	make_volume(path);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CLEANUP(str_free) struct str s = STR_INIT;

		plan(path, good[i].text, &s);
		assert_string_equal(str_cstr(&s), good[i].want);
	}
	unlink(path);
}

static const struct {
	const char *text, *want;
} wrong[] = {
	{ "", "!b: names no Volume" },
	{ "# nothing\n\n", "!b: names no Volume" },
	{ "FileIndex=1\n", "!b:1: fileindex: comes before the first Volume" },
	{ "Volume=\n", "!b:1: volume: no value" },
	{ "Volume=\"Vol-1\n", "!b:1: \"Vol-1: the quotes do not end" },
	{ S1 "FileIndex=3-1\n", "!b:4: 3-1: not a number, a range 'A-B' or a list of them" },
	{ S1 "FileIndex=1,,2\n", "!b:4: fileindex: no value" },
	{ S1 "FileIndex=99999999999\n", "!b:1: FileIndex 99999999999 is too large" },
	{ S1 "Count=many\n", "!b:4: many: not a number" },
	{ S1 "VolSesionId=1\n", "!b:4: volsesionid: unknown keyword, did you mean 'volsessionid'" },
	{ S1 "FileIndex 1\n", "!b:4: FileIndex 1: not 'Keyword = value'" },
};

static void test_mistakes_are_sentences(void **state)
{
	char path[] = "/tmp/bac-bsr.XXXXXX";

	(void)state;
	make_volume(path);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		CLEANUP(str_free) struct str s = STR_INIT;

		plan(path, wrong[i].text, &s);
		assert_string_equal(str_cstr(&s), wrong[i].want);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_each_keyword_means),
		cmocka_unit_test(test_mistakes_are_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
