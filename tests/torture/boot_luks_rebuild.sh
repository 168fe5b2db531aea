#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/vm/boot_luks_loss.sh with another identifier for the LUKS volume, so that the initramfs of the archive waits for a volume that is gone, and is
# rebuilt inside the emulated machine: minutes.
LOSS_REBUILD=1 exec bash "$(dirname "$0")/../vm/boot_luks_loss.sh"
