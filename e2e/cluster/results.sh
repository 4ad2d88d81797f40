#!/usr/bin/env bash
# results.sh FILE: sums the result lines of cargo test in FILE; fails if a test failed or none ran.
set -euo pipefail
awk '/^test result:/ {
       for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i - 1); if ($i ~ /^failed/) failed += $(i - 1) } }
     END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }' "$1"
