#!/bin/bash
# SPDX-License-Identifier: MIT
# What is generated is what the programs print: make docs brings it up to date.
. "$(dirname "$0")/lib.sh"

ok 'man pages, reference and defaults are current' \
	docs/generate --check "$TREADLE_BUILD"
done_testing
