/*
** tile.h - run_tile, which calls one_tile(t, rows, vecs) with the two as
** constants: included where one_tile is defined.
*/
#ifndef TILE_OF
#define TILE_OF(r, v) case 8 * (v) + (r): one_tile(t, r, v); return;
/* Cells with two vectors or one are few: training alone has all for them. */
#ifdef RNLI_INFER
#define TILES_OF(r) TILE_OF(r, 3) TILE_OF(r, 4)
#else
#define TILES_OF(r) TILE_OF(r, 1) TILE_OF(r, 2) TILE_OF(r, 3) TILE_OF(r, 4)
#endif
#endif

static void run_tile (const rnli_Tile *t) {
  switch (8 * t->vecs + t->rows) {
#ifdef RNLI_INFER
    TILE_OF(1, 1) TILE_OF(1, 2)
#endif
    TILES_OF(1) TILES_OF(2)
#if RNLI_ROWS >= 3
    TILES_OF(3)
#endif
#if RNLI_ROWS >= 4
    TILES_OF(4)
#endif
#if RNLI_ROWS >= 7
    TILES_OF(5) TILES_OF(6) TILES_OF(7)
#endif
    default: break;
  }
  rnli_Tile row = *t;
  row.rows = 1;
  for (int r = 0; r < t->rows; r++) {
    row.a = (const Word *)t->a + r * t->a_row;
    row.from[0] = t->from[r];
    row.to[0] = t->to[r];
    run_tile(&row);
  }
}
