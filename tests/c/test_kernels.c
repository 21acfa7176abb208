/*
** test_kernels.c - the kernels of every level this machine has, float32
** factors of each kind and float64: tiles against sums in double, every height
** and width of tile; one sum for an element whatever the tile; sigmoid and tanh
** of the cells against libm over floats of all exponents; and the bits of the
** engine's kernels from those of the library for inference, which other options
** of the compiler made.
*/
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "kernels/kernels.h"

enum { K = 37, MAX_COLS = RNLI_VECS * RNLI_MAX_LANES, BUFFER = 1 << 16 };
enum { STRIDE = 1009 };   /* a prime: all mantissas and exponents are met */

/* Those of kernels.c with RNLI_INFER, see the makefile. */
const rnli_Kernels *plain_kernels (rnli_Level level, rnli_Factor factor);
void plain_exps (const real *x, size_t n, real top, real scale, real *to);

static const char *const factor_name[] = {"full", "bf16", "int8"};

static uint32_t seed = 1;

static real uniform (void) {
  seed = seed * 1664525u + 1013904223u;
  return (real)((double)seed / 2147483648.0 - 1);
}

static _Alignas(64) char a_words[BUFFER], b_words[BUFFER];
static real a[RNLI_MAX_ROWS][K], b[MAX_COLS][K];
static real from[RNLI_MAX_ROWS][MAX_COLS], got[RNLI_MAX_ROWS][MAX_COLS];

/* {== Tiles ============================================================== */

static void fill (void) {
  for (int r = 0; r < RNLI_MAX_ROWS; r++) {
    for (int k = 0; k < K; k++) a[r][k] = uniform();
    for (int j = 0; j < MAX_COLS; j++) from[r][j] = uniform();
  }
  for (int j = 0; j < MAX_COLS; j++)
    for (int k = 0; k < K; k++) b[j][k] = uniform();
}


/* A tile of rows [first, first + rows); the last column has no weights. */
static rnli_Tile make_tile (const rnli_Kernels *k, int first, int rows,
                            int vecs) {
  size_t ld = rnli_row_words(k, K) + 3, cols = (size_t)(vecs * k->lanes);
  const real *col[MAX_COLS];
  for (size_t j = 0; j < cols; j++) col[j] = j + 1 < cols ? b[j] : NULL;
  k->operand(a[0], K, RNLI_MAX_ROWS, K, a_words, ld);
  k->pack_cols(col, cols, K, cols, b_words);
  rnli_Tile t = {.rows = rows, .form = rnli_full_form(vecs, k->lanes),
                 .a_row = (ptrdiff_t)ld, .a_k = 1, .chunks = 1, .b = b_words};
  t.k = (K + (size_t)k->word - 1) / (size_t)k->word;
  t.a = a_words + (size_t)first * ld * (size_t)k->word_bytes;
  for (int r = 0; r < rows; r++) {
    t.from[r] = r % 2 ? from[first + r] : NULL;
    t.to[r] = got[first + r];
  }
  return t;
}


/*
** What rounding the factors may do to the sum: half a unit of bf16, 2^-9 of
** each; half a step of int8, 1/254 of the largest, which is at most 1.
*/
static double allowed (int factor, int r, int j) {
  double sum = 1e-5;
  for (int k = 0; k < K; k++) {
    double x = fabs((double)a[r][k]), y = fabs((double)b[j][k]);
    if (factor == RNLI_BFLOAT) sum += x * y * (0x1p-8 + 0x1p-18);
    if (factor == RNLI_INT8) sum += (x + y + 1 / 254.0) / 254.0;
  }
  return sum;
}


static double sum_of (int r, int j) {
  double sum = 0;
  for (int k = 0; k < K; k++) sum += (double)a[r][k] * (double)b[j][k];
  return sum;
}


static void check_tile (const rnli_Kernels *k, const char *name, int factor,
                        int rows, int vecs) {
  rnli_Tile t = make_tile(k, 0, rows, vecs);
  int cols = vecs * k->lanes;
  k->tile(&t);
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < cols; j++) {
      double want = j + 1 < cols ? sum_of(r, j) : 0;
      if (r % 2) want += (double)from[r][j];
      CHECK_MSG(fabs((double)got[r][j] - want) <= allowed(factor, r, j),
                "%s %s rows %d vecs %d (%d,%d): %g, not %g", name,
                factor_name[factor], rows, vecs, r, j, (double)got[r][j],
                want);
    }
}


/* Row 1 alone gives the bits it has in company. */
static void check_alone (const rnli_Kernels *k, const char *name) {
  real together[MAX_COLS];
  rnli_Tile t = make_tile(k, 0, k->rows, RNLI_VECS);
  size_t bytes = (size_t)(RNLI_VECS * k->lanes) * sizeof(real);
  t.from[1] = NULL;
  k->tile(&t);
  memcpy(together, got[1], bytes);
  t = make_tile(k, 1, 1, RNLI_VECS);
  k->tile(&t);
  CHECK_MSG(memcmp(together, got[1], bytes) == 0, "%s word %d", name, k->word);
}


/*
** A panel of fewer columns than its vectors have lanes, whose room is no larger
** than it must be: those columns have the bits that they have in a full one.
*/
static void check_form (const rnli_Kernels *k, const char *name, int vecs,
                        int step, int cols) {
  static char panel[sizeof b_words];
  static real full[RNLI_MAX_ROWS][MAX_COLS];
  const real *col[MAX_COLS];
  size_t words = rnli_col_words(k, K) * (size_t)cols;
  size_t each = (size_t)k->word_bytes;
  rnli_Tile t = make_tile(k, 0, k->rows, vecs);
  k->tile(&t);
  memcpy(full, got, sizeof full);
  t.form = (rnli_Form){vecs, step, cols};
  for (int j = 0; j < cols; j++)   /* in parts, one and then the others */
    col[j] = b[j / step * k->lanes + j % step];
  memset(panel, 0x7f, sizeof panel);   /* what lies behind is no matter */
  k->pack_cols(col, 1, K, (size_t)cols, panel);
  k->pack_cols(col + 1, (size_t)cols - 1, K, (size_t)cols, panel + each);
  CHECK(panel[words * each] == 0x7f);
  t.b = panel;
  k->tile(&t);
  for (int r = 0; r < k->rows; r++)
    for (int j = 0; j < cols; j++) {
      int at = j / step * k->lanes + j % step;
      CHECK_MSG(memcmp(&full[r][at], &got[r][at], sizeof(real)) == 0,
                "%s word %d: vecs %d step %d cols %d (%d,%d)", name, k->word,
                vecs, step, cols, r, j);
    }
}


static void check_forms (const rnli_Kernels *k, const char *name) {
  for (int vecs = 1; vecs <= RNLI_VECS; vecs++)
    for (int n = 1; n < k->lanes; n++) {
      check_form(k, name, vecs, n, vecs * n);
      check_form(k, name, vecs, k->lanes, (vecs - 1) * k->lanes + n);
    }
}


/* Rows as a panel: the same product from the other side. */
static void check_rows (const rnli_Kernels *k, const char *name, int factor) {
  const real *row[K];
  real by_rows[K][MAX_COLS];
  size_t cols = (size_t)(RNLI_VECS * k->lanes), at = 2, n = cols - 3;
  for (int i = 0; i < K; i++) {
    for (size_t j = 0; j < cols; j++) by_rows[i][j] = b[j][i];
    row[i] = i == 5 ? NULL : by_rows[i];
  }
  rnli_Tile t = make_tile(k, 0, 1, RNLI_VECS);
  k->pack_rows(row, K, at, n, cols, b_words);
  k->tile(&t);
  for (size_t j = 0; j < cols; j++) {
    double want = 0;
    for (int i = 0; j < n && i < K; i++)
      if (i != 5) want += (double)a[0][i] * (double)b[j + at][i];
    double most = j < n ? allowed(factor, 0, (int)(j + at)) : 0;
    CHECK_MSG(fabs((double)got[0][j] - want) <= most, "%s %s %zu", name,
              factor_name[factor], j);
  }
}

/* }====================================================================== */

/* {== Cells ============================================================== */

/* Distance in units in the last place of the exact value. */
static double ulps (float x, double exact) {
  float nearest = (float)exact;
  if (x == nearest) return 0;
  if (isinf(nearest) || isinf(x) || isnan(x)) return HUGE_VAL;
  int e;
  frexp(exact, &e);
  return fabs((double)x - exact) / ldexp(1.0, e - 24 < -149 ? -149 : e - 24);
}


/* Worst errors of sigmoid and tanh in the gates of an LSTM. */
static void check_cells (const rnli_Kernels *k, const char *name) {
  real gates[RNLI_VECS * RNLI_MAX_LANES], x[RNLI_MAX_LANES];
  real zero[RNLI_MAX_LANES] = {0}, h[RNLI_MAX_LANES], c[RNLI_MAX_LANES];
  double worst_sigmoid = 0, worst_tanh = 0;
  int lanes = k->lanes;
  rnli_Cell cell = {.rows = 1, .units = lanes, .H = lanes, .gates = gates,
                    .c_prev = zero, .h = h, .c = c};
  for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE * 16) {
    for (int j = 0; j < lanes; j++) {
      uint32_t u = (uint32_t)bits + (uint32_t)j * STRIDE;
      memcpy(&x[j], &u, sizeof u);
      if (isnan(x[j])) x[j] = 0;
      for (int g = 0; g < RNLI_VECS; g++) gates[g * lanes + j] = x[j];
    }
    k->cells->forward[RNLI_LSTM](&cell);
    for (int j = 0; j < lanes; j++) {
      double s = ulps(gates[j], 1 / (1 + exp(-(double)x[j])));
      double t = ulps(gates[2 * lanes + j], tanh((double)x[j]));
      if (s > worst_sigmoid && x[j] > -87) worst_sigmoid = s;
      if (t > worst_tanh) worst_tanh = t;
    }
  }
  CHECK_MSG(worst_sigmoid <= 3, "%s: sigmoid %g ulp", name, worst_sigmoid);
  CHECK_MSG(worst_tanh <= 3, "%s: tanh %g ulp", name, worst_tanh);
}


/* NaN in a gate or a state comes out; no unit is touched beyond 'units'. */
static void check_edges (const rnli_Kernels *k, const char *name) {
  real gates[RNLI_VECS * RNLI_MAX_LANES] = {0};
  real c[RNLI_MAX_LANES + 1] = {0}, h[RNLI_MAX_LANES + 1] = {0};
  int units = k->lanes > 1 ? k->lanes - 1 : 1;
  rnli_Cell cell = {.rows = 1, .units = units, .H = units, .gates = gates,
                    .c_prev = c, .h = h, .c = c, .h_prev = h};
  gates[0] = (real)NAN;
  c[units] = h[units] = 7;
  k->cells->forward[RNLI_LSTM](&cell);
  CHECK_MSG(isnan(h[0]) && isnan(c[0]), "%s", name);
  CHECK_MSG(c[units] == 7 && h[units] == 7, "%s", name);
}

/* }====================================================================== */


/* {== The same bits for inference ======================================== */

enum { CELL_ROWS = 3, CELL_REALS = CELL_ROWS * 4 * MAX_COLS };

/* What a cell reads and writes. */
typedef struct Memory {
  real gates[CELL_REALS], rec[CELL_REALS];
  real h_prev[CELL_REALS], c_prev[CELL_REALS], h[CELL_REALS], c[CELL_REALS];
  real peep[CELL_REALS], norm[CELL_REALS], stats[CELL_REALS];
  real fresh[CELL_REALS], inner[CELL_REALS];
} Memory;

enum {
  VARIED = 1, HARD = 2, PEEP = 4, NORM = 8, ZONE = 16, RELU = 32, OPTIONS = 64
};

static Memory input, by_engine, by_plain;


/* Packed words and the product of 'rows' rows of k elements. */
static void product_of (const rnli_Kernels *k, size_t n, int rows, int vecs) {
  size_t ld = rnli_row_words(k, n), cols = (size_t)(vecs * k->lanes);
  const real *col[MAX_COLS];
  for (size_t j = 0; j < cols; j++) col[j] = j % 5 == 3 ? NULL : b[j];
  memset(a_words, 0, sizeof a_words);
  memset(b_words, 0, sizeof b_words);
  k->operand(a[0], K, RNLI_MAX_ROWS, n, a_words, ld);
  k->pack_cols(col, cols, n, cols, b_words);
  for (int first = 0; first < rows; first += k->rows) {
    rnli_Tile t = {.rows = rows - first < k->rows ? rows - first : k->rows,
                   .form = rnli_full_form(vecs, k->lanes),
                   .a_row = (ptrdiff_t)ld, .a_k = 1, .chunks = 1,
                   .b = b_words};
    t.k = (n + (size_t)k->word - 1) / (size_t)k->word;
    t.a = a_words + (size_t)first * ld * (size_t)k->word_bytes;
    for (int r = 0; r < t.rows; r++) {
      t.from[r] = (first + r) % 2 ? from[first + r] : NULL;
      t.to[r] = got[first + r];
    }
    k->tile(&t);
  }
}


static void check_same_tiles (const rnli_Kernels *k, const rnli_Kernels *plain,
                              const char *name, int factor) {
  static const size_t size[] = {1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 36, K};
  static char a_engine[BUFFER], b_engine[BUFFER];
  static real engine[RNLI_MAX_ROWS][MAX_COLS];
  for (size_t i = 0; i < sizeof size / sizeof *size; i++)
    for (int rows = 1; rows <= RNLI_MAX_ROWS; rows++)
      for (int vecs = 1; vecs <= RNLI_VECS; vecs++) {
        product_of(k, size[i], rows, vecs);
        memcpy(a_engine, a_words, sizeof a_words);
        memcpy(b_engine, b_words, sizeof b_words);
        memcpy(engine, got, sizeof got);
        product_of(plain, size[i], rows, vecs);
        CHECK_MSG(memcmp(a_engine, a_words, sizeof a_words) == 0 &&
                  memcmp(b_engine, b_words, sizeof b_words) == 0 &&
                  memcmp(engine, got, sizeof got) == 0,
                  "%s %s k %zu rows %d vecs %d", name, factor_name[factor],
                  size[i], rows, vecs);
      }
}


/* A step of a cell of 'units' units in 'm'. */
static void cell_of (const rnli_Kernels *k, int unit, int units, int options,
                     Memory *m) {
  rnli_Cell c = {.rows = CELL_ROWS, .units = units, .H = units + 1,
                 .ld = units + 2, .relu = (options & RELU) != 0,
                 .gates = m->gates, .rec = m->rec, .h_prev = m->h_prev,
                 .c_prev = m->c_prev, .h = m->h, .c = m->c};
  if (options & VARIED) {
    c.varied = 1;
    c.hard = (options & HARD) != 0;
    c.coupled = unit == RNLI_CIFG;
    c.peep = options & PEEP ? m->peep : NULL;
    c.norm = options & NORM ? m->norm : NULL;
    c.stats = m->stats;
    c.fresh = m->fresh;
    c.inner = m->inner;
    c.zone_h = options & ZONE ? (real)0.1 : 0;
    c.zone_c = options & ZONE ? (real)0.3 : 0;
  }
  if (unit == RNLI_GRU_BEFORE) k->cells->reset(&c);
  k->cells->forward[unit](&c);
  if (c.norm && (unit == RNLI_LSTM || unit == RNLI_CIFG)) k->cells->output(&c);
}


static void check_same_cells (const rnli_Kernels *k, const rnli_Kernels *plain,
                              const char *name) {
  real *x = (real *)&input;
  for (int unit = 0; unit < RNLI_NUNIT; unit++)
    for (int options = 0; options < OPTIONS; options++) {
      int most = (unit == RNLI_ELMAN ? RNLI_VECS : 1) * k->lanes;
      int always = unit == RNLI_CIFG || unit == RNLI_GRU_BEFORE;
      if (always && !(options & VARIED)) continue;
      for (int units = 1; units <= most; units++) {
        for (size_t i = 0; i < sizeof input / sizeof *x; i++)
          x[i] = uniform() * (i % 7 ? 2 : 40);
        by_engine = by_plain = input;
        cell_of(k, unit, units, options, &by_engine);
        cell_of(plain, unit, units, options, &by_plain);
        CHECK_MSG(memcmp(&by_engine, &by_plain, sizeof input) == 0,
                  "%s cell %d units %d options %d", name, unit, units,
                  options);
      }
    }
}


/* Of any number of numbers, nothing beyond them touched; next to libm. */
static void check_exps (void) {
  real engine[K + 1], plain[K + 1];
  for (size_t n = 0; n <= K; n++) {
    engine[n] = plain[n] = 7;
    rnli_exps(a[0], n, (real)0.5, 3, engine);
    plain_exps(a[0], n, (real)0.5, 3, plain);
    CHECK_MSG(memcmp(engine, plain, (n + 1) * sizeof *plain) == 0 &&
              engine[n] == 7, "%zu", n);
    for (size_t i = 0; i < n; i++) {
      float x = (a[0][i] - 0.5f) * 3;
      CHECK_MSG(ulps(engine[i], exp((double)x)) <= 2, "e^%g", (double)x);
    }
  }
}


static void check_same (rnli_Level level) {
  const char *name = rnli_level_name[level];
  for (int f = RNLI_REAL; f < RNLI_NFACTOR; f++) {
    const rnli_Kernels *k = rnli_kernels(level, (rnli_Factor)f);
    const rnli_Kernels *plain = plain_kernels(level, (rnli_Factor)f);
    if (plain->lanes != k->lanes)   /* a small library has AVX2's there */
      k = rnli_kernels(RNLI_AVX2, (rnli_Factor)f);
    check_same_tiles(k, plain, name, f);
  }
  check_same_cells(rnli_kernels(level, RNLI_REAL),
                   plain_kernels(level, RNLI_REAL), name);
}

/* }====================================================================== */


static void check_level (rnli_Level level) {
  const char *name = rnli_level_name[level];
  for (int f = RNLI_REAL; f < RNLI_NFACTOR; f++) {
    const rnli_Kernels *k = rnli_kernels(level, (rnli_Factor)f);
    for (int rows = 1; rows <= k->rows; rows++)
      for (int vecs = 1; vecs <= RNLI_VECS; vecs++)
        check_tile(k, name, f, rows, vecs);
    check_alone(k, name);
    check_forms(k, name);
    if (f != RNLI_INT8) check_rows(k, name, f);
  }
  check_cells(rnli_kernels(level, RNLI_REAL), name);
  check_edges(rnli_kernels(level, RNLI_REAL), name);
}


/* What the processor says of itself is what the compiler reads in it. */
static void check_best (void) {
#if defined(RNLI_X86) && defined(RNLI_X86_BF16)
  rnli_Level best = rnli_level_best();
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  int avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
  CHECK((best >= RNLI_AVX2) == avx2 && (best >= RNLI_AVX512) == avx512);
  CHECK((best == RNLI_AVX512_BF16) ==
        (avx512 && __builtin_cpu_supports("avx512bf16") &&
         __builtin_cpu_supports("avx512vnni")));
#endif
}


int main (void) {
  fill();
  check_best();
  for (int level = 0; level <= (int)rnli_level_best(); level++) {
    check_level((rnli_Level)level);
    check_same((rnli_Level)level);
  }
  check_exps();
  return harness_end("kernels");
}
