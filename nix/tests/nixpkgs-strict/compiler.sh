#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# compiler.sh on|off|omitted: a program is compiled as nixpkgs' wrappers compile it: hardened or not, with frame pointers
# unless NIX_CFLAGS_COMPILE leaves them out. Needs $CC and binutils.
set -euo pipefail
cat >program.c <<'END'
#include <string.h>
int leaf(int x) {
  volatile int numbers[8] = { 0 };
  numbers[x & 7] = x;
  return numbers[0];
}
int main(int count, char **words) {
  char text[64];
  strcpy(text, words[count - 1]);
  return leaf(text[0]);
}
END
"$CC" -O2 -o program program.c
"$CC" -O2 -S -o program.s program.c

fail() {
  echo "compiler.sh $mode: $*" >&2
  exit 1
}
has() { # WHAT COMMAND...: the command's output holds it
  local what=$1
  shift
  "$@" | grep -- "$what" >/dev/null
}
mode=$1
want() { # WHAT COMMAND...: it is there when this mode is hardened, and only then
  if has "$@"; then
    [ "$mode" = on ] || fail "got $1, want none with hardeningDisable = [ \"all\" ]"
  else
    [ "$mode" != on ] || fail "got no $1, want it as nixpkgs' compiler makes it"
  fi
}
want __stack_chk_fail readelf --wide --dyn-syms program
want __strcpy_chk readelf --wide --dyn-syms program
want BIND_NOW readelf --dynamic program
if [ "$mode" = on ]; then
  echo 'int printf(const char *, ...); int main(int n, char **w) { return printf(w[n - 1]); }' >format.c
  ! "$CC" -c format.c 2>/dev/null || fail "format.c compiles, want -Werror=format-security"
fi
# The frame pointer of a leaf function, which GCC by itself leaves out.
if sed -n '/^leaf:/,/ret/p' program.s | grep -E 'rbp|x29' >/dev/null; then
  [ "$mode" != omitted ] || fail "got a frame pointer in a leaf function, want none with -fomit-frame-pointer"
else
  [ "$mode" = omitted ] || fail "got no frame pointer in a leaf function, want one as nixpkgs' compilers keep it"
fi
