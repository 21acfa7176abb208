/*
** product.c - tiles of matrix products and the packing of their factors. Built
** once per level and factor (f32, f64, bf16), with the table that names them.
*/
#include "kernels/cells.h"
#include "kernels/lanes.h"

#if defined(RNLI_BF16)
typedef uint16_t elem;
typedef uint32_t word;
enum { WORD = 2 };
#else
typedef real elem;
typedef real word;
enum { WORD = 1 };
#endif

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

/* {== Elements ============================================================ */

#if defined(RNLI_BF16)

/* Rounded to nearest, ties to even; NaN stays NaN. */
RNLI_INLINE elem to_elem (real x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  return (elem)(x != x ? (u >> 16) | 0x40 : rounded);
}

#else

RNLI_INLINE elem to_elem (real x) {
  return x;
}

#endif

/* }====================================================================== */

/* {== The tile =========================================================== */

#if defined(__AVX512BF16__)

typedef __m512bh panel_vec;

RNLI_INLINE panel_vec load_panel (const word *b) {
  return (__m512bh)_mm512_loadu_si512(b);
}

RNLI_INLINE vec multiply_add (word a, panel_vec b, vec sum) {
  __m512bh both = (__m512bh)_mm512_set1_epi32((int)a);
  return (vec)_mm512_dpbf16_ps((__m512)sum, both, b);
}

#elif defined(RNLI_BF16)

typedef uint32_t panel_vec __attribute__((vector_size(VECTOR)));

RNLI_INLINE panel_vec load_panel (const word *b) {
  panel_vec v;
  memcpy(&v, b, sizeof v);
  return v;
}

/* A bf16 is the upper half of a float. */
RNLI_INLINE vec multiply_add (word a, panel_vec b, vec sum) {
  uint32_t bits[2] = {a << 16, a & 0xffff0000u};
  real x[2];
  memcpy(x, bits, sizeof x);
  sum += x[0] * (vec)(b << 16);
  sum += x[1] * (vec)(b & 0xffff0000u);
  return sum;
}

#else

typedef vec panel_vec;

RNLI_INLINE panel_vec load_panel (const word *b) {
  return load(b);
}

RNLI_INLINE vec multiply_add (word a, panel_vec b, vec sum) {
  return sum + a * b;
}

#endif

/* Each lane of a panel's row of words belongs to one column. */
enum { STEP = VECTOR / (int)sizeof(word) };


RNLI_INLINE void tile (const rnli_Tile *t, int rows, int vecs) {
  vec sum[ROWS][RNLI_VECS];
  const word *b = t->b;
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++)
      sum[r][j] = t->from[r] ? load(t->from[r] + j * LANES) : (vec){0};
  for (size_t i = 0; i < t->chunks; i++) {
    const word *a = (const word *)t->a + (ptrdiff_t)i * t->a_chunk;
    for (size_t k = 0; k < t->k; k++, a += t->a_k, b += vecs * STEP) {
      panel_vec bk[RNLI_VECS];
#pragma GCC unroll 4
      for (int j = 0; j < vecs; j++) bk[j] = load_panel(b + j * STEP);
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) {
        word ar = a[r * t->a_row];
#pragma GCC unroll 4
        for (int j = 0; j < vecs; j++)
          sum[r][j] = multiply_add(ar, bk[j], sum[r][j]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++) store(t->to[r] + j * LANES, sum[r][j]);
}

#include "kernels/tile.h"

/* }====================================================================== */

/* {== Packing ============================================================ */

static void RNLI_K(operand) (const real *from, size_t from_ld, size_t n,
                             size_t k, void *to, size_t ld) {
  for (size_t r = 0; r < n; r++) {
    const real *x = from + r * from_ld;
    elem *y = (elem *)((word *)to + r * ld);
    for (size_t i = 0; i < k; i++) y[i] = to_elem(x[i]);
    if (k % WORD) y[k] = to_elem(0);
  }
}


/* Element (k, j) of a panel of 'cols' columns. */
RNLI_INLINE elem *panel_at (void *to, size_t cols, size_t k, size_t j) {
  return (elem *)to + (k / WORD * cols + j) * WORD + k % WORD;
}


static void RNLI_K(pack_rows) (const real *const *rows, size_t k, size_t at,
                               size_t n, size_t cols, void *to) {
  size_t end = (k + WORD - 1) / WORD * WORD;
  for (size_t i = 0; i < end; i++) {
    const real *x = i < k && rows[i] ? rows[i] + at : NULL;
    elem *y = panel_at(to, cols, i, 0);
    size_t j = 0;
    for (; x && j < n; j++) y[j * WORD] = to_elem(x[j]);
    for (; j < cols; j++) y[j * WORD] = to_elem(0);
  }
}


static void RNLI_K(pack_cols) (const real *const *cols, size_t k, size_t ncols,
                               void *to) {
  enum { BLOCK = 16 };   /* of k: what is read stays near */
  size_t end = (k + WORD - 1) / WORD * WORD;
  for (size_t k0 = 0; k0 < end; k0 += BLOCK)
    for (size_t j = 0; j < ncols; j++)
      for (size_t i = k0; i < end && i < k0 + BLOCK; i++)
        *panel_at(to, ncols, i, j) =
          to_elem(cols[j] && i < k ? cols[j][i] : 0);
}

/* }====================================================================== */

const rnli_Kernels RNLI_K(rnli_table) = {
  .lanes = LANES, .rows = ROWS, .word = WORD, .word_bytes = sizeof(word),
  .tile = RNLI_K(run_tile),
  .operand = RNLI_K(operand),
  .pack_rows = RNLI_K(pack_rows), .pack_cols = RNLI_K(pack_cols),
  RNLI_CELL_ROWS
};
