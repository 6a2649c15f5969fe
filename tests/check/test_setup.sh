#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# deploy/setup says what is missing and why, installs that and nothing else, and is silent when nothing is.
# dpkg-query, apt-get and id are stand-ins here: this machine is left as it is.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
failed=0
wrong()
{
    echo "$1; it said:"
    cat "$work/said"
    failed=1
}

cat >"$work/bin/dpkg-query" <<'END'
#!/bin/sh
shift 3
for name; do
    case $name in
        liblmdb-dev) [ ! -e "$STATE/lmdb" ] || printf '[installed %s]' "$name" ;;
        clang-tidy) printf '[not-installed %s]' "$name" ;;
        *) printf '[installed %s]' "$name" ;;
    esac
done
END
cat >"$work/bin/apt-get" <<'END'
#!/bin/sh
echo "$*" >>"$STATE/apt"
case $* in
    *install*) if [ -e "$STATE/lists" ]; then touch "$STATE/lmdb"; else exit 100; fi ;;
    update*) touch "$STATE/lists" ;;
esac
END
printf '#!/bin/sh\necho "${WHO:-0}"\n' >"$work/bin/id"
chmod +x "$work"/bin/*
for tool in sh cat rm mktemp env touch; do
    ln -s "$(command -v $tool)" "$work/bin/$tool"
done
STATE=$work PATH_REAL=$PATH
export STATE
setup() { PATH=$work/bin sh deploy/setup "$@" >"$work/said" 2>&1; }

# Neither root nor sudo: it says what to run, and fails.
code=0
WHO=1000
export WHO
setup build || code=$?
[ $code -eq 1 ] && grep -q 'apt-get install .* liblmdb-dev$' "$work/said" || wrong "without root it did not say what to run"
WHO=0

# The package lists are absent at first: they are fetched, and the one package is installed.
setup build || wrong "it failed"
grep -q '^ *liblmdb-dev  *the journal and the state$' "$work/said" || wrong "it did not say what is missing and why"
[ "$(grep -c '^ ' "$work/said")" -eq 1 ] || wrong "it named more than what is missing"
grep -q 'install .* liblmdb-dev$' "$work/apt" || wrong "it installed something else"

# Complete: no word, no package manager.
rm "$work/apt"
setup build demo test || wrong "it failed with nothing to do"
[ ! -s "$work/said" ] || wrong "it spoke with nothing to do"
[ ! -e "$work/apt" ] || wrong "it called apt-get with nothing to do"

# Known to dpkg but removed is missing too.
setup analysis || true
grep -q clang-tidy "$work/said" || wrong "it took a removed package for an installed one"
PATH=$PATH_REAL
exit $failed
