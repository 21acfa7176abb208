/*
** tile.h - run_tile, which calls ONE_TILE(rows, vecs) with two constants, and
** then END_TILE: included where both are defined. A tile for which there is no
** such call is done in halves.
*/
#ifndef TILE_OF
#define TILE_OF(r, v) case 8 * (v) + (r): ONE_TILE(r, v); break;
/* Cells with two vectors or one are few: training alone has all for them. */
#ifdef RNLI_INFER
#define TILES_OF(r) TILE_OF(r, 3) TILE_OF(r, 4)
#else
#define TILES_OF(r) TILE_OF(r, 1) TILE_OF(r, 2) TILE_OF(r, 3) TILE_OF(r, 4)
#endif
#endif

static void in_halves (const rnli_Tile *t);


static void run_tile (const rnli_Tile *t) {
  TILE_SUMS
  switch (8 * t->form.vecs + t->rows) {
#ifdef RNLI_INFER
    TILE_OF(1, 1) TILE_OF(1, 2)
#endif
    TILES_OF(1)
#if RNLI_ROWS >= 2
    TILES_OF(2)
#endif
#if RNLI_ROWS == 3 || RNLI_ROWS >= 7
    TILES_OF(3)
#endif
#if RNLI_ROWS >= 4
    TILES_OF(4)
#endif
#if RNLI_ROWS >= 7
    TILES_OF(5) TILES_OF(6) TILES_OF(7)
#endif
    default: in_halves(t); return;
  }
  END_TILE
}


static void in_halves (const rnli_Tile *t) {
  rnli_Tile half = *t;
  half.rows = t->rows / 2;
  run_tile(&half);
  half.a = (const Word *)t->a + half.rows * t->a_row;
  for (int r = half.rows; r < t->rows; r++) {
    half.from[r - half.rows] = t->from[r];
    half.to[r - half.rows] = t->to[r];
  }
  half.rows = t->rows - half.rows;
  run_tile(&half);
}
