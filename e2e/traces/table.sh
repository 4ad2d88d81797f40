#!/usr/bin/env bash
# Prints what every policy comes to on the recorded links, as tables, and fails when Longshore breaks a promise there.
# Usage: table.sh LONGSHORE-DEVICE [tuning|unseen] (default: both). Needs jq.
set -euo pipefail
device=${1:?the program longshore-device}
cd "$(dirname "$0")"
policies="always-local always-offload ewma harmonic neurosurgeon race-both oracle longshore"
broken=0

# Every other link, in the order of their names, was looked at while the decision was tuned. The others have a seed of
# their own too.
links() { # tuning|unseen 4g|3g
    find . -name "$2-*.csv" | sort | awk -v odd="$([[ $1 == tuning ]] && echo 1 || echo 0)" 'NR % 2 == odd { print "--trace=" $1 }'
}

simulate() { # tuning|unseen 4g|3g and the options
    local set=$1 kind=$2
    shift 2
    # shellcheck disable=SC2046
    "$device" simulate $(links "$set" "$kind") --seed "$([[ $set == tuning ]] && echo 1 || echo 2)" --per-trace "$@"
}

table() { # set kind, bandwidth percent, bytes, local, deadline
    local set=$1 kind=$2 results=""
    printf '\n%s %s links, %s %% of their bandwidth: %s bytes, %s ms here, deadline %s ms\n\n' "$@"
    echo '| policy | misses % | worst link % | mean ms | p99 ms | mJ per request | of racing | regret | at the edge % | sent per request | begun at both % |'
    echo '|---|---|---|---|---|---|---|---|---|---|---|'
    for policy in $policies; do
        results+=$(simulate "$set" "$kind" --bandwidth-percent "$3" --input-bytes "$4" --local-ms "$5" --deadline-ms "$6" \
            --policy "$policy" | jq -c --arg policy "$policy" '. + {policy: $policy}')$'\n'
    done
    jq -sr '(.[] | select(.policy == "race-both") | .joules) as $race
        | def to($digits): . * pow(10; $digits) | round / pow(10; $digits);
        .[] | .requests as $n | [.policy, .missPercent, ([.traces[].missPercent] | max), (.mean | to(1)), (.p99 | to(1)),
            (.joules / $n * 1000 | to(1)), (.joules / $race | to(2)), .regret, (.offloaded / $n * 100 | to(1)),
            (.sends / $n | to(3)), (.both / $n * 100 | to(2))] | "| " + (map(tostring) | join(" | ")) + " |"' <<<"$results"
    judge "$results" "$6" "$5" || broken=1
}

# Misses against always-local pooled and on each link; energy against racing, where there is slack.
judge() { # results, deadline, local
    local verdict
    verdict=$(jq -sr --argjson slack "$(($2 - $3))" '
        (map({(.policy): .}) | add) as $by | $by.longshore as $ours | $by["always-local"] as $local
        | [ (if $ours.missPercent > $local.missPercent + 0.1 then "misses \($ours.missPercent) %" else empty end),
            ([$ours.traces, $local.traces] | transpose[] | select(.[0].missPercent > .[1].missPercent + 1)
                | "misses \(.[0].missPercent) % on \(.[0].trace)"),
            (if $slack >= 100 and $ours.joules > 0.75 * $by["race-both"].joules
                then "energy \($ours.joules / $by["race-both"].joules) of racing" else empty end),
            (if $slack >= 100 and $ours.both > 0.05 * $ours.requests then "hedges \($ours.both / $ours.requests)" else empty end),
            (if $ours.sends > 1.1 * $ours.requests then "sends \($ours.sends / $ours.requests)" else empty end) ]
        | .[]' <<<"$1")
    [[ -z $verdict ]] || { echo "BROKEN: $verdict" >&2; return 1; }
}

for set in ${2:-tuning unseen}; do
    for case in "40000 150 150" "40000 150 300" "100000 150 300"; do
        # shellcheck disable=SC2086
        {
            table "$set" 4g 100 $case
            table "$set" 4g 25 $case
            table "$set" 3g 100 $case
        }
    done
done
exit $broken
