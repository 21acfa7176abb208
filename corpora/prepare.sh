#!/bin/sh
# prepare.sh FILE - writes the King James Bible as plain text to FILE, from the
# program of Debian's package bible-kjv: one verse a line, without references.
set -eu
[ -s "$1" ] && exit 0
mkdir -p "$(dirname "$1")"
bible -f gen1:1-rev22:21 </dev/null 2>/dev/null |
  sed -n 's/^[0-9]*[A-Za-z]*[0-9]*:[0-9]* //p' > "$1.tmp"
[ -s "$1.tmp" ] || { echo "prepare.sh: 'bible' printed no verses" >&2; exit 1; }
mv "$1.tmp" "$1"
