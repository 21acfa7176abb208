/*
** tile.h - run_tile, which calls tile(t, rows, vecs) with the two as constants:
** included where 'tile' is defined.
*/
#define TILE_OF(r, v) case 8 * (v) + (r): tile(t, r, v); return;
#define TILES_OF(r) TILE_OF(r, 1) TILE_OF(r, 2) TILE_OF(r, 3) TILE_OF(r, 4)

static void RNLI_K(run_tile) (const rnli_Tile *t) {
  switch (8 * t->vecs + t->rows) {
    TILES_OF(1) TILES_OF(2) TILES_OF(3)
#if defined(__AVX512F__)
    TILES_OF(4) TILES_OF(5) TILES_OF(6) TILES_OF(7)
#endif
    default: return;
  }
}
