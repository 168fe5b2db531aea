#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/vm/image_pstore.sh, and then the image crashes too and starts again by a warm reset.
RESETS=1 exec bash "$(dirname "$0")/../vm/image_pstore.sh"
