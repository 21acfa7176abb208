/*
** test_vmath.c - exp, tanh and sigmoid of the kernels against libm in a longer
** type, over numbers of every exponent and over those near 0: the bounds
** vmath.h states. test_vmath_f64.c is the same in double.
*/
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "kernels/vmath.h"

#ifdef RNLI_F64
enum { DIGITS = DBL_MANT_DIG, LEAST = DBL_MIN_EXP };
#else
enum { DIGITS = FLT_MANT_DIG, LEAST = FLT_MIN_EXP };
#endif

enum { SAMPLES = 2100001 };

typedef long double Exact;

/* Distance in units in the last place of the exact value. */
static double ulps (real got, Exact exact) {
  if (isnan(exact)) return isnan(got) ? 0 : HUGE_VAL;
  real nearest = (real)exact;
  if (got == nearest) return 0;
  if (isinf(nearest) || isinf(got) || isnan(got)) return HUGE_VAL;
  int e;
  frexpl(exact, &e);
  Exact ulp = ldexpl(1.0L, (e < LEAST ? LEAST : e) - DIGITS);
  return (double)(fabsl((Exact)got - exact) / ulp);
}


static real exp_r (real x) { return rnli_exp(x); }
static real tanh_r (real x) { return rnli_tanh(x); }
static Exact sigmoid_e (Exact x) { return 1 / (1 + expl(-x)); }

/* Below -87, or -708, the result leaves the normal numbers for 0. */
static real sigmoid_r (real x) {
  real y = rnli_sigmoid(x);
  if (x >= -RNLI_SIGMOID_MOST || isnan(x)) return y;
  real most = (real)sigmoid_e(-(Exact)RNLI_SIGMOID_MOST);
  return y >= 0 && y <= most ? (real)sigmoid_e((Exact)x) : (real)NAN;
}


/* The largest error over both samples, reported with where it is. */
static double worst (const char *name, real (*f) (real),
                     Exact (*exact) (Exact)) {
  const rnli_UBits stride = (rnli_UBits)-1 / SAMPLES;
  double most = 0;
  real where = 0;
  for (int i = 0; i < 2 * SAMPLES; i++) {
    rnli_UBits bits = (rnli_UBits)(i / 2) * stride;
    real x = rnli_from_bits(bits);
    if (i % 2)
      x = (real)(i - SAMPLES) / SAMPLES * (RNLI_EXP_MOST - RNLI_EXP_LEAST);
    double u = ulps(f(x), exact((Exact)x));
    if (u > most) {
      most = u;
      where = x;
    }
  }
  printf("%s: at most %.2f ulp, at %a\n", name, most, (double)where);
  return most;
}


int main (void) {
  CHECK(worst("exp", exp_r, expl) <= 2);
  CHECK(worst("tanh", tanh_r, tanhl) <= 3);
  CHECK(worst("sigmoid", sigmoid_r, sigmoid_e) <= 3);
  CHECK(isinf(rnli_exp(INFINITY)) && rnli_exp(-INFINITY) == 0);
  CHECK(isnan(rnli_exp(NAN)) && isnan(rnli_tanh(NAN)));
  CHECK(isnan(rnli_sigmoid(NAN)));
  CHECK(rnli_tanh(INFINITY) == 1 && rnli_tanh(-INFINITY) == -1);
  CHECK(rnli_sigmoid(INFINITY) == 1 && rnli_sigmoid(-INFINITY) == 0);
  return harness_end("vmath");
}
