/*
** int8.c - tiles of products of int8 factors, for sampling. Built once per
** level.
**
** A row of A and a column of B are integers from -127 to 127 times a scale of
** their own: x_k = s q_k, s = max |x| / 127, q rounded to nearest. The sum over
** k is exact in int32 (k below 2^17), so all levels agree on it. A column's
** scale follows its words; so does 128 times the sum of its q, which VNNI
** needs taken off because it wants A without sign.
*/
#include "kernels/cells.h"
#include "kernels/lanes.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

enum { WORD = 4 };

typedef int32_t ints __attribute__((vector_size(VECTOR)));

/* {== Sums =============================================================== */

RNLI_INLINE ints load_ints (const int32_t *p) {
  ints v;
  memcpy(&v, p, sizeof v);
  return v;
}

/* Where a sum begins: minus 128 times the column's with VNNI, see above. */
RNLI_INLINE ints begin_sum (const int32_t *sums) {
#if defined(__AVX512VNNI__)
  return -load_ints(sums);
#else
  (void)sums;
  return (ints){0};
#endif
}

#if defined(__AVX512VNNI__)

/* q + 128 as bytes without sign. */
RNLI_INLINE ints add_words (int32_t a, ints b, ints sum) {
  __m512i bytes = _mm512_set1_epi32(a ^ (int32_t)0x80808080u);
  return (ints)_mm512_dpbusd_epi32((__m512i)sum, bytes, (__m512i)b);
}

#elif defined(__AVX512F__)

/* No pair of products, 2*127*127, leaves int16. */
RNLI_INLINE ints add_words (int32_t a, ints b, ints sum) {
  __m512i bytes = _mm512_set1_epi32(a);
  __mmask64 minus = _mm512_movepi8_mask(bytes);
  __m512i by_sign = _mm512_mask_sub_epi8((__m512i)b, minus,
                                         _mm512_setzero_si512(), (__m512i)b);
  __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(bytes), by_sign);
  return sum + (ints)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

#elif defined(__AVX2__)

RNLI_INLINE ints add_words (int32_t a, ints b, ints sum) {
  __m256i bytes = _mm256_set1_epi32(a);
  __m256i by_sign = _mm256_sign_epi8((__m256i)b, bytes);
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(bytes), by_sign);
  return sum + (ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

#else

/* Byte i of a word, with its sign. */
#define BYTE(w, i) (((w) << (24 - 8 * (i))) >> 24)

RNLI_INLINE ints add_words (int32_t a, ints b, ints sum) {
  int8_t q[WORD];
  memcpy(q, &a, sizeof q);
  return sum + q[0] * BYTE(b, 0) + q[1] * BYTE(b, 1) + q[2] * BYTE(b, 2) +
         q[3] * (b >> 24);
}

#endif

/* }====================================================================== */

/* {== The tile =========================================================== */

RNLI_INLINE void tile (const rnli_Tile *t, int rows, int vecs) {
  const int32_t *a = t->a, *b = t->b;
  size_t cols = (size_t)vecs * LANES;
  const int32_t *tail = b + t->k * cols;
  ints sum[ROWS][RNLI_VECS];
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++) sum[r][j] = begin_sum(tail + j * LANES);
  for (size_t k = 0; k < t->k; k++, a += t->a_k, b += cols) {
    ints bk[RNLI_VECS];
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++) bk[j] = load_ints(b + j * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
      for (int j = 0; j < vecs; j++)
        sum[r][j] = add_words(a[r * t->a_row], bk[j], sum[r][j]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
    real scale;
    memcpy(&scale, a + r * t->a_row, sizeof scale);
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++) {
      const real *scales = (const real *)(const void *)(tail + cols);
      vec x = __builtin_convertvector(sum[r][j], vec);
      vec y = t->from[r] ? load(t->from[r] + j * LANES) : (vec){0};
      store(t->to[r] + j * LANES, y + x * (scale * load(scales + j * LANES)));
    }
  }
}

#include "kernels/tile.h"

/* }====================================================================== */

/* {== Packing ============================================================ */

typedef int8_t bytes __attribute__((vector_size(LANES)));

/* max |x| of lanes; NaN in any makes it NaN. */
static real largest (const real *x, size_t k) {
  vec most = {0}, poison = {0};
  real top = 0, sum = 0;
  size_t i = 0;
  for (; i + LANES <= k; i += LANES) {
    vec v = load(x + i);
    vec a = (vec)((ints)v & INT32_MAX);
    ints more = a > most;
    most = (vec)(((ints)a & more) | ((ints)most & ~more));
    poison += v - v;
  }
  for (int j = 0; j < LANES; j++) {
    top = most[j] > top ? most[j] : top;
    sum += poison[j];
  }
  for (; i < k; i++) {
    real a = x[i] < 0 ? -x[i] : x[i];
    top = a > top ? a : top;
    sum += x[i] - x[i];
  }
  return top + sum;
}


/* Adding it rounds to the nearest integer and leaves that in the low bits. */
static const real MAGIC = (real)12582912.0;   /* 1.5 * 2^23 */

/* q of k numbers, padded with zeros to whole words; returns the scale. */
static real quantize (const real *x, size_t k, int8_t *q) {
  real most = largest(x, k);
  real inverse = most > 0 ? 127 / most : 0;
  size_t i = 0;
  for (; i + LANES <= k; i += LANES) {
    ints v = (ints)(load(x + i) * inverse + MAGIC);
    bytes low = __builtin_convertvector(v, bytes);
    memcpy(q + i, &low, sizeof low);
  }
  for (; i < k; i++) {
    real v = x[i] * inverse + MAGIC;
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    q[i] = (int8_t)bits;
  }
  for (; i % WORD; i++) q[i] = 0;
  return most / 127;
}


static void RNLI_K(operand) (const real *from, size_t from_ld, size_t n,
                             size_t k, void *to, size_t ld) {
  size_t len = (k + WORD - 1) / WORD;
  for (size_t r = 0; r < n; r++) {
    int32_t *row = (int32_t *)to + r * ld;
    real scale = quantize(from + r * from_ld, k, (int8_t *)row);
    memcpy(row + len, &scale, sizeof scale);
  }
}


/* Word i of a column goes to its place among the others. */
static real pack_col (const real *x, size_t k, size_t ncols, int32_t *to,
                      int32_t *sum) {
  enum { AT_ONCE = 64 };   /* a multiple of WORD */
  int8_t q[AT_ONCE];
  real most = largest(x, k), inverse = most > 0 ? 127 / most : 0;
  *sum = 0;
  for (size_t k0 = 0; k0 < k; k0 += AT_ONCE) {
    size_t n = k - k0 < AT_ONCE ? k - k0 : AT_ONCE;
    for (size_t i = 0; i < AT_ONCE; i++) {
      real v = i < n ? x[k0 + i] * inverse + MAGIC : MAGIC;
      int32_t bits;
      memcpy(&bits, &v, sizeof bits);
      q[i] = (int8_t)bits;
      *sum += q[i];
    }
    for (size_t i = 0; i < n; i += WORD)
      memcpy(to + (k0 + i) / WORD * ncols, q + i, WORD);
  }
  return most / 127;
}


static void RNLI_K(pack_cols) (const real *const *cols, size_t k, size_t ncols,
                               void *to) {
  size_t len = (k + WORD - 1) / WORD;
  int32_t *words = to, *sums = words + len * ncols;
  for (size_t j = 0; j < ncols; j++) {
    int32_t sum;
    real scale = pack_col(cols[j], cols[j] ? k : 0, ncols, words + j, &sum);
    for (size_t i = 0; !cols[j] && i < len; i++) words[i * ncols + j] = 0;
    sums[j] = 128 * sum;
    memcpy(sums + ncols + j, &scale, sizeof scale);
  }
}

/* }====================================================================== */

const rnli_Kernels RNLI_K(rnli_table) = {
  .lanes = LANES, .rows = ROWS, .word = WORD, .word_bytes = sizeof(int32_t),
  .row_extra = 1, .col_extra = 2,
  .tile = RNLI_K(run_tile),
  .operand = RNLI_K(operand), .pack_cols = RNLI_K(pack_cols),
  RNLI_CELL_ROWS
};
