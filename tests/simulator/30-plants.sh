#!/bin/bash
# SPDX-License-Identifier: MIT
# goal: each bug that is planted in the library is caught by its invariant
. "$(dirname "$0")/../e2e/lib.sh"

said=$(tests/plants/run "$TREADLE_BUILD/simulator" 2>&1)
status=$?
note "$said"
is 'each plant is caught, by an invariant that it names' "$status" 0
like 'there are enough of them' "$said" '([3-9][0-9]|[1-9][0-9][0-9]) plants'
done_testing
