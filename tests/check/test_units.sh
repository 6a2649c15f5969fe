#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# The systemd units say what systemd understands, and leave their programs next to nothing: by systemd's own judgement.
set -eu
cd "$(dirname "$0")/../.."
if ! command -v systemd-analyze >/dev/null; then
    echo "no systemd-analyze on this machine"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exposure_max=20 # tenths; 0 is shut off entirely, 100 is an ordinary program

# The programs are not installed here: something that exists takes their place.
for unit in deploy/systemd/*.service; do
    sed 's,^\(Exec[A-Za-z]*\)=/usr/bin/[a-z-]*,\1=/bin/true,' "$unit" >"$work/$(basename "$unit")"
done
verify() { systemd-analyze verify --man=no "$@" 2>&1; }
exposed() { ! systemd-analyze security --offline=true --no-pager --threshold=$exposure_max "$1" >"$work/judgement" 2>&1; }

failed=0
for unit in "$work"/*.service; do
    loaded=$(echo "$unit" | sed 's/@\.service/@om.service/')
    said=$(verify "$loaded") || failed=1
    if [ -n "$said" ]; then
        echo "$said"
        failed=1
    fi
    if exposed "$unit"; then
        grep -v '✓' "$work/judgement" || true
        failed=1
    fi
done

# Controls: an unknown directive is seen; a unit without its sandbox is exposed.
sed 's/^NoNewPrivileges=/NoNewPriviledges=/' "$work/knooppunt-hub.service" >"$work/misspelt.service"
case $(verify "$work/misspelt.service") in
    *NoNewPriviledges*) ;;
    *)
        echo "a misspelt directive was not seen"
        failed=1
        ;;
esac
grep -v -e '^Protect' -e '^Private' -e '^Restrict' -e '^SystemCall' -e '^Capab' "$work/knooppunt-hub.service" >"$work/open.service"
if ! exposed "$work/open.service"; then
    echo "a unit without a sandbox was not seen"
    failed=1
fi
exit $failed
