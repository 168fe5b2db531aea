#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/vm/pstore_cut.sh with many more cuts.
CUTS=${CUTS:-60} exec bash "$(dirname "$0")/../vm/pstore_cut.sh"
