#!/bin/sh
# demo.sh - what `make demo` runs: a character model on real text for about a
# minute. DATA: a text file of your own instead of the King James Bible.
set -eu
out=${OUT:-runs/demo}
data=${DATA:-}
if [ -z "$data" ]; then
  data=build/kjv.txt
  sh corpora/prepare.sh "$data"
fi
exec "$B/rnnlua" scripts/train_charlm.lua --data "$data" --out "$out" \
  --time 60 --steps 100000 --layers 1 --hidden 256 --embed 64 --batch 32 \
  --seq 64 --lr 4e-3 --schedule cosine --seed 1 --overwrite \
  --plot "$out/loss.png" --sample-length 500
