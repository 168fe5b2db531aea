# SPDX-License-Identifier: GPL-2.0-or-later
# GNU Make. `make help` lists the targets. Variables: CC, CFLAGS, WERROR=1, O (build folder), V=1, DESTDIR, PREFIX.

O ?= build
# One name for one file: the rules in the .d files are for build/..., and would not hold for the same objects asked for by their full path.
override O := $(patsubst $(CURDIR)/%,%,$(abspath $(O)))
CC = gcc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
VERSION := 0.1
PKG_CONFIG ?= pkg-config

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-format-nonliteral
ifeq ($(WERROR),1)
WARN += -Werror
endif
PKGS := blkid mount fdisk libbtrfsutil yaml-0.1 efivar efiboot libkmod libcrypto libxxhash zlib libdeflate libzstd liblz4
ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),all)),)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS))
endif
# libarchive is linked statically: its shared library would carry libxml2 and ICU (35 MB) into the image.
ARCHIVE_LIBS := -l:libarchive.a -lnettle -lacl -llzma -lbz2 -lzstd -llz4 -lz
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DRESCUE_VERSION='"$(VERSION)"' -pthread -fno-strict-aliasing \
	-ffunction-sections -fdata-sections $(WARN) -Irescue -Isteps -Iinitramfs -I$(O)/gen $(PKG_CFLAGS) $(CFLAGS) $(SAN)
ALL_LDFLAGS = -pthread -Wl,--gc-sections -Wl,--as-needed $(LDFLAGS) $(SAN)
LIBS = $(PKG_LIBS) $(ARCHIVE_LIBS)
TEST_LIBS = -llzo2                      # packs what ours has to unpack

LIB_SRC := $(filter-out rescue/main.c initramfs/init.c initramfs/init_%.c,$(sort $(wildcard rescue/*.c steps/*.c initramfs/*.c)))
INIT_SRC := $(sort $(wildcard initramfs/init.c initramfs/init_*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(O)/obj/%.o)
INIT_OBJ := $(INIT_SRC:%.c=$(O)/obj/%.o)
UNIT := $(patsubst tests/unit/%.c,$(O)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
REPLAY := $(patsubst tests/fuzz/%.c,$(O)/replay/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
HELPERS := $(patsubst tests/helpers/%.c,$(O)/helpers/%,$(sort $(wildcard tests/helpers/*.c)))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

all: $(O)/rescue $(if $(INIT_SRC),$(O)/init)

help:
	@sed -n 's/^## //p' Makefile

## make                build/rescue and build/init
## sudo make demo      installs what it needs, loses a filesystem on disk images and brings it back
## sudo make check     installs what it needs and runs every test
## make check-unit     unit tests only (no root)
## make check-asan     unit tests and corpora under ASan and UBSan
## make check-root     tests on loop devices (root)
## make check-vm       tests in QEMU
## make torture        the long ones: random kills, power cuts (hours)
## make bench          side by side with what a user would run instead
## make fuzz           libFuzzer, 60 s a target
## make docs           regenerates docs/steps.md, docs/rescue.8 and docs/rescue-plan.5 from the tables
## make install        DESTDIR, PREFIX

$(O)/rescue: $(O)/obj/rescue/main.o $(O)/librescue.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# PID 1 is static: it has to be able to speak when nothing else arrived.
$(O)/init: $(INIT_OBJ) $(O)/librescue.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(if $(SAN),,-static) -o $@ $^

$(O)/librescue.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(O)/obj/initramfs/image_list.o: initramfs/image.list

$(O)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/unit/%: tests/unit/%.c $(O)/librescue.a
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(O)/librescue.a -lcmocka $(LIBS) $(TEST_LIBS)

# The same fuzz targets with a plain main(): corpora replay without clang.
$(O)/replay/%: tests/fuzz/%.c tests/fuzz/replay_main.c $(O)/librescue.a
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -Itests/unit -MMD -MP $(ALL_LDFLAGS) -o $@ $< tests/fuzz/replay_main.c $(O)/librescue.a $(LIBS) $(TEST_LIBS)

$(O)/fuzz/%: tests/fuzz/%.c $(O)/librescue.a
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -Itests/unit -MMD -MP $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< $(O)/librescue.a $(LIBS) $(TEST_LIBS)

$(O)/helpers/%: tests/helpers/%.c $(O)/librescue.a
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(O)/librescue.a $(LIBS)

unit: $(UNIT)
replay: $(REPLAY)
helpers: $(HELPERS)
fuzzers: $(FUZZ)

SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
asan-build:
	$(Q)$(MAKE) --no-print-directory O=$(O)/asan CFLAGS='-O1 -g' SAN='$(SAN_FLAGS)' all unit replay helpers
fuzz-build:
	$(Q)$(MAKE) --no-print-directory O=$(O)/clang-fuzz CC=clang WERROR=1 CFLAGS='-O1 -g' SAN='$(SAN_FLAGS) -fsanitize=fuzzer-no-link' fuzzers
# Nobody runs its output: it is for what this compiler sees.
clang-build:
	$(Q)$(MAKE) --no-print-directory O=$(O)/clang CC=clang WERROR=1 CFLAGS=-O0 all unit replay helpers

demo:
	tests/deps.sh demo
	$(MAKE) all
	tests/demo.sh

check:
	tests/deps.sh check
	tests/run.sh all
check-unit: unit
	tests/run.sh unit
check-asan:
	tests/run.sh asan
check-root:
	tests/run.sh disk cli crash
check-vm:
	tests/run.sh vm
torture: all helpers
	tests/run.sh torture
bench: all helpers
	tests/bench/run.sh
fuzz:
	FUZZ_SECONDS=60 FUZZ_SEED=0 tests/run.sh fuzz

# Pages with lines like @STEPS@ are docs/NAME.in; everything else in docs/ is written by hand.
DOCS_IN := $(wildcard docs/*.in)
docs: all
	$(O)/rescue docs steps > docs/steps.md
	for f in $(DOCS_IN); do $(O)/rescue docs fill $$f > $${f%.in} || exit 1; done

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib/rescue $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 755 $(O)/rescue $(DESTDIR)$(PREFIX)/sbin/rescue
	$(if $(INIT_SRC),install -m 755 $(O)/init $(DESTDIR)$(PREFIX)/lib/rescue/init)
	$(if $(wildcard docs/*.8),install -m 644 $(wildcard docs/*.8) $(DESTDIR)$(PREFIX)/share/man/man8)
	$(if $(wildcard docs/*.5),install -m 644 $(wildcard docs/*.5) $(DESTDIR)$(PREFIX)/share/man/man5)

print-libs:
	@echo $(LIBS)

clean:
	rm -rf $(O)

.PHONY: print-libs all help unit replay helpers fuzzers asan-build fuzz-build clang-build demo check check-unit check-asan check-root check-vm \
	torture bench fuzz docs install clean
.SECONDARY:
-include $(shell find $(O) -path $(O)/cache -prune -o -type f -name '*.d' -print 2>/dev/null)
