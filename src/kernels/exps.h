/*
** exps.h - e^x of many numbers. Included for the portable level alone: the bits
** are the same whatever level the kernels have.
*/

void rnli_exps (const real *x, size_t n, real top, real scale, real *to) {
  for (size_t i = 0; i < n; i += LANES) {
    int m = n - i < LANES ? (int)(n - i) : LANES;
    put(rnli_exp((get(x + i, m) - top) * scale), to + i, m);
  }
}
