#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# What was asked of compiler and linker is in the programs: position independent, relocations read-only from the start, no
# executable stack, stack protector, control flow marks; and no path of the machine that built them.
set -eu
cd "$(dirname "$0")/../.."
bin=${KNOOPPUNT_BIN:-build/bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Prints what is wrong with a program; nothing when it is in order.
faults()
{
    readelf -W -h -l -d "$1" >"$work/elf"
    nm -D "$1" >"$work/symbols"
    grep -q 'Type: *DYN' "$work/elf" || echo "not position independent"
    grep -q 'GNU_RELRO' "$work/elf" || echo "no read-only relocations"
    grep -q 'FLAGS.*\(BIND_NOW\|NOW\)' "$work/elf" || echo "relocations stay writable"
    grep -q 'GNU_STACK.* RW ' "$work/elf" || echo "executable stack"
    grep -q __stack_chk_fail "$work/symbols" || echo "no stack protector"
    # In our own code: the C library's start files in Debian 12 have none, so the program as a whole cannot claim it.
    objdump -d --disassemble=main "$1" | grep -q endbr64 || [ "$(uname -m)" != x86_64 ] || echo "no control flow marks"
    grep -q "_chk@" "$work/symbols" || echo "no fortified calls"
    ! grep -q -F -e "$PWD/" "$1" || echo "holds the path of the machine that built it"
}

found=0
for program in "$bin"/*; do
    [ -f "$program" ] || continue
    found=$((found + 1))
    said=$(faults "$program")
    if [ -n "$said" ]; then
        echo "$program:"
        echo "$said"
        failed=1
    fi
done
if [ $found -eq 0 ]; then
    echo "no program is built yet"
    exit 77
fi

# The control: a program with none of it.
printf '#include <stdio.h>\nint main(void) { return puts("%s/"); }\n' "$PWD" >"$work/open.c"
gcc -no-pie -fno-stack-protector -fcf-protection=none -z norelro -z execstack -o "$work/open" "$work/open.c" 2>/dev/null
if [ "$(faults "$work/open" | wc -l)" -lt 7 ]; then
    echo "the control passed:"
    faults "$work/open"
    failed=1
fi
exit $failed
