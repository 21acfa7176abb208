/*
** product.h - tiles of matrix products and the packing of their factors.
** Included for each level with RNLI_FACTOR real and bf16; and once more where
** there are instructions for pairs of bf16: RNLI_TILE is dot_bf16 then. Without
** RNLI_PACK, for the tile alone.
*/

#ifdef RNLI_PACK

#if defined(RNLI_BF16)
typedef uint16_t elem;
typedef uint32_t Word;
typedef uint16_t elems __attribute__((vector_size(RNLI_BYTES / 2)));
enum { WORD = 2 };
#else
typedef real elem;
typedef real Word;
typedef vec elems;
enum { WORD = 1 };
#endif

/* {== Elements ============================================================ */

#if defined(RNLI_BF16)

/* Rounded to nearest, ties to even; NaN stays NaN. */
RNLI_INLINE elems to_elems (vec x) {
  uints u = (uints)x;
  ints nan = x != x;
  uints rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  uints quiet = (u >> 16) | 0x40;
  rounded = (rounded & ~(uints)nan) | (quiet & (uints)nan);
  return __builtin_convertvector(rounded, elems);
}

#else

RNLI_INLINE elems to_elems (vec x) {
  return x;
}

#endif


/* The first n of LANES reals; what is beyond them becomes 0. */
RNLI_INLINE void convert (const real *from, size_t n, elem *to) {
  elems y = to_elems(get(from, n < LANES ? (int)n : LANES));
  memcpy(to, &y, sizeof y);
}

/* }====================================================================== */

/* {== Packing ============================================================ */

/* Whole words of n elements, in elements. */
RNLI_INLINE size_t whole (size_t n) {
  return (n + WORD - 1) / WORD * WORD;
}


static void to_operand (const real *from, size_t from_ld, size_t n, size_t k,
                        void *to, size_t ld) {
  for (size_t r = 0; r < n; r++) {
    const real *x = from + r * from_ld;
    elem *y = (elem *)((Word *)to + r * ld), rest[LANES];
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) convert(x + i, LANES, y + i);
    if (i == k) continue;
    convert(x + i, k - i, rest);
    memcpy(y + i, rest, whole(k - i) * sizeof *y);
  }
}


/* Element (k, j) of a panel of 'cols' columns. */
RNLI_INLINE elem *panel_at (void *to, size_t cols, size_t k, size_t j) {
  return (elem *)to + (k / WORD * cols + j) * WORD + k % WORD;
}


#ifndef RNLI_INFER
static void rows_to_panel (const real *const *rows, size_t k, size_t at,
                           size_t n, size_t cols, void *to) {
  for (size_t i = 0; i < whole(k); i++) {
    const real *x = i < k ? rows[i] : NULL;
    elem *y = panel_at(to, cols, i, 0);
    for (size_t j = 0; j < cols; j += LANES) {
      elem q[LANES] = {0};
      if (x && j < n) convert(x + at + j, n - j, q);
      for (size_t l = 0; l < LANES; l++) y[(j + l) * WORD] = q[l];
    }
  }
}
#endif


#ifdef RNLI_COLUMNS
RNLI_PACKING void cols_to_panel (const real *const *cols, size_t n, size_t k,
                                 size_t ncols, void *to) {
  for (size_t i = 0; i < k; i += LANES)
    for (size_t j = 0; j < n; j++) {
      size_t m = k - i < LANES ? k - i : LANES;
      elem q[LANES] = {0};
      if (cols[j]) convert(cols[j] + i, m, q);
      for (size_t l = 0; l < whole(m); l += WORD)
        memcpy(panel_at(to, ncols, i + l, j), q + l, sizeof(Word));
    }
}
#endif

/* }====================================================================== */

#endif

/* {== The tile =========================================================== */

#if defined(RNLI_DOT)

typedef __m512bh panel_vec;

RNLI_INLINE panel_vec load_panel (const Word *b) {
  return (__m512bh)_mm512_loadu_si512(b);
}


RNLI_INLINE panel_vec spread (Word a) {
  return (__m512bh)_mm512_set1_epi32((int)a);
}


RNLI_INLINE vec multiply_add (panel_vec a, panel_vec b, vec sum) {
  return (vec)_mm512_dpbf16_ps((__m512)sum, a, b);
}

#elif defined(RNLI_BF16)

typedef uints panel_vec;

RNLI_INLINE panel_vec load_panel (const Word *b) {
  panel_vec v;
  memcpy(&v, b, sizeof v);
  return v;
}


RNLI_INLINE panel_vec spread (Word a) {
  return a - (uints){0};
}


/* A bf16 is the upper half of a float. */
RNLI_INLINE vec multiply_add (panel_vec a, panel_vec b, vec sum) {
  sum = rnli_mad((vec)(a << 16), (vec)(b << 16), sum);
  return rnli_mad((vec)(a & 0xffff0000u), (vec)(b & 0xffff0000u), sum);
}

#else

typedef vec panel_vec;

RNLI_INLINE panel_vec load_panel (const Word *b) {
  return load(b);
}


RNLI_INLINE panel_vec spread (Word a) {
  return rnli_num(a);
}


RNLI_INLINE vec multiply_add (panel_vec a, panel_vec b, vec sum) {
  return rnli_mad(a, b, sum);
}

#endif

RNLI_INLINE void one_tile (const rnli_Tile *t, int rows, int vecs) {
  vec sum[RNLI_ROWS][RNLI_VECS];
  const Word *b = t->b;
  size_t cols = (size_t)t->form.cols, step = (size_t)t->form.step;
  RNLI_UNROLL
  for (int r = 0; r < rows; r++) {
    const real *from = t->from[r] ? t->from[r] : rnli_zeros;
    RNLI_UNROLL
    for (int j = 0; j < vecs; j++) sum[r][j] = load(from + j * LANES);
  }
  for (size_t i = 0; i < RNLI_CHUNKS(t); i++) {
    const Word *a = (const Word *)t->a + (ptrdiff_t)i * t->a_chunk;
    for (size_t k = 0; k < t->k; k++, a += t->a_k, b += cols) {
      panel_vec bk[RNLI_VECS];
      RNLI_UNROLL
      for (int j = 0; j < vecs; j++) {
        bk[j] = load_panel(b + (size_t)j * step);
        if (rows > 1) RNLI_HOLD(bk[j]);
      }
      RNLI_UNROLL
      for (int r = 0; r < rows; r++) {
        panel_vec ar = spread(a[r * t->a_row]);
        RNLI_UNROLL
        for (int j = 0; j < vecs; j++)
          sum[r][j] = multiply_add(ar, bk[j], sum[r][j]);
      }
    }
  }
  RNLI_UNROLL
  for (int r = 0; r < rows; r++) {
    real *to = t->to[r];
    RNLI_UNROLL
    for (int j = 0; j < vecs; j++) store(to + j * LANES, sum[r][j]);
  }
}

#define TILE_SUMS
#define ONE_TILE(rows, vecs) one_tile(t, rows, vecs)
#define END_TILE
#include "kernels/tile.h"
#undef END_TILE
#undef ONE_TILE
#undef TILE_SUMS

/* }====================================================================== */

static const rnli_Kernels RNLI_D(rnli_table) = {
  .lanes = LANES, .rows = RNLI_ROWS, .word = WORD, .word_bytes = sizeof(Word),
  .cells = &level_cells,
  .tile = run_tile, .operand = to_operand, .pack_cols = cols_to_panel,
#ifndef RNLI_INFER
  .pack_rows = rows_to_panel,
#endif
};
