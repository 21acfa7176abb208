/*
** int8.h - tiles of products of int8 factors, for sampling. Included for each
** level with RNLI_FACTOR int8; and once more where there are instructions for
** four of them (VNNI): RNLI_TILE is dot_int8 then. Without RNLI_PACK, for the
** tile alone.
**
** A row of A and a column of B are integers from -127 to 127 times a scale of
** their own: x_k = s q_k, s = max |x| / 127, q rounded to nearest. The sum over
** k is exact in int32 (k below 2^17), so all levels agree on it. A column's
** scale follows its words; so does 128 times the sum of its q, which VNNI
** needs taken off because it wants A without sign.
*/

#ifdef RNLI_PACK

typedef int32_t Word;
enum { WORD = 4 };

/* {== Packing ============================================================ */

/* max |x|; NaN if there is one, or an infinity. */
static real largest (const real *x, size_t k) {
  vec most = {0}, poison = {0};
  real top = 0;
  for (size_t i = 0; i < k; i += LANES) {
    vec v = get(x + i, k - i < LANES ? (int)(k - i) : LANES);
    vec a = (vec)((ints)v & INT32_MAX);
    most = pick(a > most, a, most);
    poison += v - v;
  }
  for (int j = 0; j < LANES; j++) {
    top = most[j] > top ? most[j] : top;
    top += poison[j];
  }
  return top == top ? top : (real)NAN;   /* the same bits for all */
}


typedef int8_t bytes __attribute__((vector_size(LANES)));

/* q of n <= LANES numbers, then zeros; the sum rounds to the nearest integer
   and leaves it in the low bits. */
RNLI_INLINE void quantize (const real *x, size_t n, real inverse, int8_t *q) {
  vec v = get(x, n < LANES ? (int)n : LANES);
  v = rnli_mad(v, rnli_num(inverse), rnli_num(RNLI_MAGIC));
  bytes low = __builtin_convertvector((ints)v, bytes);
  memcpy(q, &low, sizeof low);
}


static void to_operand (const real *from, size_t from_ld, size_t n, size_t k,
                        void *to, size_t ld) {
  size_t len = (k + WORD - 1) / WORD;
  for (size_t r = 0; r < n; r++) {
    const real *x = from + r * from_ld;
    int32_t *row = (int32_t *)to + r * ld;
    real most = largest(x, k), scale = most / 127;
    real inverse = most > 0 ? 127 / most : 0;
    int8_t *q = (int8_t *)row, some[LANES];
    for (size_t i = 0; i < k; i += LANES) {
      quantize(x + i, k - i, inverse, some);
      memcpy(q + i, some, k - i < LANES ? len * WORD - i : LANES);
    }
    memcpy(row + len, &scale, sizeof scale);
  }
}


#ifdef RNLI_COLUMNS

/* Word i of a column goes to its place among the others. */
RNLI_PACKING real column_to_panel (const real *x, size_t k, size_t ncols,
                                   int32_t *to, int32_t *sum) {
  real most = largest(x, k), inverse = most > 0 ? 127 / most : 0;
  *sum = 0;
  for (size_t i = 0; i < k; i += LANES) {
    int8_t q[LANES];
    size_t n = k - i < LANES ? k - i : LANES;
    quantize(x + i, n, inverse, q);
    for (size_t l = 0; l < n; l++) *sum += q[l];
    for (size_t l = 0; l < n; l += WORD)
      memcpy(to + (i + l) / WORD * ncols, q + l, WORD);
  }
  return most / 127;
}


RNLI_PACKING void cols_to_panel (const real *const *cols, size_t n, size_t k,
                                 size_t ncols, void *to) {
  size_t len = (k + WORD - 1) / WORD;
  int32_t *words = to, *sums = words + len * ncols;
  for (size_t j = 0; j < n; j++) {
    int32_t sum;
    real scale = column_to_panel(cols[j], cols[j] ? k : 0, ncols, words + j,
                                 &sum);
    for (size_t i = 0; !cols[j] && i < len; i++) words[i * ncols + j] = 0;
    sums[j] = 128 * sum;
    memcpy(sums + ncols + j, &scale, sizeof scale);
  }
}

#endif

/* }====================================================================== */

#endif

/* {== Sums =============================================================== */

RNLI_INLINE ints load_ints (const int32_t *p) {
  ints v;
  memcpy(&v, p, sizeof v);
  return v;
}


/* Where a sum begins: minus 128 times the column's with VNNI, see above. */
RNLI_INLINE ints begin_sum (const int32_t *sums) {
#if defined(RNLI_DOT)
  return -load_ints(sums);
#else
  (void)sums;
  return (ints){0};
#endif
}

#if defined(RNLI_DOT)

/* q + 128 as bytes without sign. */
RNLI_INLINE ints add_words (int32_t a, ints b, ints sum) {
  __m512i four = _mm512_set1_epi32(a ^ (int32_t)0x80808080u);
  return (ints)_mm512_dpbusd_epi32((__m512i)sum, four, (__m512i)b);
}

#elif RNLI_BYTES == 64

/* No pair of products, 2*127*127, leaves int16. */
RNLI_INLINE ints add_words (int32_t a, ints b, ints sum) {
  __m512i four = _mm512_set1_epi32(a);
  __mmask64 minus = _mm512_movepi8_mask(four);
  __m512i by_sign = _mm512_mask_sub_epi8((__m512i)b, minus,
                                         _mm512_setzero_si512(), (__m512i)b);
  __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(four), by_sign);
  return sum + (ints)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

#elif RNLI_BYTES == 32

RNLI_INLINE ints add_words (int32_t a, ints b, ints sum) {
  __m256i four = _mm256_set1_epi32(a);
  __m256i by_sign = _mm256_sign_epi8((__m256i)b, four);
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(four), by_sign);
  return sum + (ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

#else

/* Bytes in pairs: no sum of two products, 2*127*127, leaves int16. */
typedef int16_t shorts __attribute__((vector_size(RNLI_BYTES)));

RNLI_INLINE ints add_words (int32_t a, ints b, ints sum) {
  shorts q = (shorts)(a - (ints){0}), w = (shorts)b;
  ints pairs = (ints)((q << 8 >> 8) * (w << 8 >> 8) + (q >> 8) * (w >> 8));
  return sum + (pairs << 16 >> 16) + (pairs >> 16);
}

#endif

/* }====================================================================== */

/* {== The tile =========================================================== */

RNLI_INLINE void one_tile (const rnli_Tile *t, int rows, int vecs,
                           ints made[][RNLI_VECS]) {
  const int32_t *a = t->a, *b = t->b;
  size_t cols = (size_t)t->form.cols, step = (size_t)t->form.step;
  const int32_t *tail = b + t->k * cols;
  ints sum[RNLI_ROWS][RNLI_VECS];
  RNLI_UNROLL
  for (int r = 0; r < rows; r++)
    RNLI_UNROLL
    for (int j = 0; j < vecs; j++)
      sum[r][j] = begin_sum(tail + (size_t)j * step);
  for (size_t k = 0; k < t->k; k++, a += t->a_k, b += cols) {
    ints bk[RNLI_VECS];
    RNLI_UNROLL
    for (int j = 0; j < vecs; j++) {
      bk[j] = load_ints(b + (size_t)j * step);
      if (rows > 1) RNLI_HOLD(bk[j]);
    }
    RNLI_UNROLL
    for (int r = 0; r < rows; r++)
      RNLI_UNROLL
      for (int j = 0; j < vecs; j++)
        sum[r][j] = add_words(a[r * t->a_row], bk[j], sum[r][j]);
  }
  RNLI_UNROLL
  for (int r = 0; r < rows; r++)
    RNLI_UNROLL
    for (int j = 0; j < vecs; j++) made[r][j] = sum[r][j];
}


/* From sums of integers to those of a tile. */
RNLI_INLINE void scale_sums (const rnli_Tile *t,
                             const ints made[][RNLI_VECS]) {
  size_t cols = (size_t)t->form.cols, step = (size_t)t->form.step;
  const int32_t *a = (const int32_t *)t->a + (ptrdiff_t)t->k * t->a_k;
  const real *scales = (const real *)t->b + (t->k + 1) * cols;
  for (int r = 0; r < t->rows; r++) {
    real scale;
    const real *from = t->from[r] ? t->from[r] : rnli_zeros;
    memcpy(&scale, a + r * t->a_row, sizeof scale);
    for (int j = 0; j < t->form.vecs; j++) {
      vec x = __builtin_convertvector(made[r][j], vec);
      x = rnli_mad(x, scale * load(scales + (size_t)j * step),
                   load(from + j * LANES));
      store(t->to[r] + j * LANES, x);
    }
  }
}

#define TILE_SUMS ints made[RNLI_ROWS][RNLI_VECS];
#define ONE_TILE(rows, vecs) one_tile(t, rows, vecs, made)
#define END_TILE scale_sums(t, made);
#include "kernels/tile.h"
#undef END_TILE
#undef ONE_TILE
#undef TILE_SUMS

/* }====================================================================== */

static const rnli_Kernels RNLI_D(rnli_table) = {
  .lanes = LANES, .rows = RNLI_ROWS, .word = WORD,
  .word_bytes = sizeof(int32_t), .row_extra = 1, .col_extra = 2,
  .cells = &level_cells,
  .tile = run_tile, .operand = to_operand, .pack_cols = cols_to_panel,
};
