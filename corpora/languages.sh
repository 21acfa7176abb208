#!/bin/sh
# languages.sh FILE - writes lines "LANGUAGE<tab>TEXT" to FILE, at most 4000 for
# each of 12 languages: the cookies of Debian's packages fortunes-*, which are
# downloaded but not installed.
set -eu
[ -s "$1" ] && exit 0
mkdir -p "$(dirname "$1")"
file=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for pair in en:fortunes en:fortunes-min bg:fortunes-bg cs:fortunes-cs \
    de:fortunes-de eo:fortunes-eo es:fortunes-es ga:fortunes-ga \
    it:fortunes-it pl:fortunes-pl pt:fortunes-br ru:fortunes-ru \
    zh:fortunes-zh; do
  package=${pair#*:} language=${pair%%:*}
  apt-get -o APT::Sandbox::User=root download "$package" >/dev/null
  dpkg -x "$package"_*.deb "$language"
done
for language in *; do
  [ -d "$language" ] || continue
  find "$language" -type f -path '*games/fortunes/*' ! -name '*.dat' |
    LC_ALL=C sort | while read -r name; do cat "$name"; echo %; done |
    LC_ALL=C awk -v language="$language" '
      /^%/ {
        gsub(/\033\[[0-9;]*m/, "", text)
        gsub(/[ \t\r]+/, " ", text)
        sub(/^ /, "", text)
        if (text ~ /[^ ]/ && !(text in seen) && count < 4000) {
          seen[text] = 1
          count++
          print language "\t" text
        }
        text = ""
        next
      }
      { text = text " " $0 }'
done > "$file.tmp"
mv "$file.tmp" "$file"
