#!/bin/sh
# setup.sh WHAT... - sees that the packages for WHAT (build, test, demo, lint,
# deb) are there. On Debian-like systems the missing ones are installed, as root
# or by sudo; elsewhere they are named and the exit status is 1. What is only
# wanted, for tests that are skipped without it, is installed where that can be
# done without a question. With --check nothing is installed.
set -eu

check=
missing=
wanted=

# need PACKAGE COMMAND...: PACKAGE is missing unless the command succeeds
need() {
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}

want() {
  package=$1
  shift
  "$@" >/dev/null 2>&1 || wanted="$wanted $package"
}

have_lua() {
  lua5.4 -e "require '$1'"
}

have_module() {
  pkg-config --exists "$1"
}

build() {
  need gcc command -v cc
  need make command -v make
  need pkg-config command -v pkg-config
  need lua5.4 command -v lua5.4
  need liblua5.4-dev have_module lua5.4
  need libopenblas-dev have_module openblas
  need libutf8proc-dev have_module libutf8proc
  need libedit-dev have_module libedit
  need lua-argparse have_lua argparse
  need lua-filesystem have_lua lfs
}

tests() {
  build
  need lua-busted have_lua busted.runner
  want gnuplot-nox command -v gnuplot
  want chromium command -v chromium
}

demo() {
  build
  need gnuplot-nox command -v gnuplot
  [ -n "${DATA:-}" ] || need bible-kjv command -v bible
}

lint() {
  need lua-check command -v luacheck
}

deb() {
  build
  need dpkg-dev command -v dpkg-buildpackage
  need debhelper command -v dh
  need lintian command -v lintian
}

for what in "$@"; do
  case $what in
    --check) check=1 ;;
    build) build ;;
    test) tests ;;
    demo) demo ;;
    lint) lint ;;
    deb) deb ;;
    *) echo "setup.sh: unknown '$what' (build, test, demo, lint, deb)" >&2
       exit 2 ;;
  esac
done

[ -z "$check" ] || wanted=
[ -n "$missing$wanted" ] || exit 0
[ -z "$missing" ] ||
  missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

# install PACKAGE...: as root, or by $sudo
install() {
  echo "installing: $*" >&2
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq \
    --no-install-recommends "$@" >/dev/null
}

if [ -z "$check" ] && command -v apt-get >/dev/null 2>&1 &&
   { [ -z "$sudo" ] || command -v sudo >/dev/null 2>&1; }; then
  [ -n "$missing" ] || [ -z "$sudo" ] || sudo="sudo -n"
  $sudo apt-get update -qq >&2 || [ -z "$missing" ]
  [ -z "$missing" ] || install $missing
  [ -z "$wanted" ] || install $wanted ||
    echo "not installed:$wanted; tests that need them are skipped" >&2
  exec "$0" --check "$@"
fi
[ -n "$missing" ] || exit 0
echo "missing packages (Debian's names): $missing" >&2
echo "install them, or run 'make setup' where apt-get can" >&2
exit 1
