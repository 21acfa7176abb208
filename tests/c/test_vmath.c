/*
** test_vmath.c - the float exp, tanh and sigmoid of the kernels against libm
** in double, over floats of every exponent: the bounds vmath.h states.
*/
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "kernels/vmath.h"

enum { STRIDE = 1009 };   /* a prime: all mantissas and exponents are met */

/* Distance in units in the last place of the exact value. */
static double ulps (float got, double exact) {
  if (isnan(exact)) return isnan(got) ? 0 : HUGE_VAL;
  float nearest = (float)exact;
  if (got == nearest) return 0;
  if (isinf(nearest) || isinf(got) || isnan(got)) return HUGE_VAL;
  int e;
  frexp(exact, &e);
  double ulp = ldexp(1.0, e - 24 < -149 ? -149 : e - 24);
  return fabs((double)got - exact) / ulp;
}


static float exp_f (float x) { return rnli_exp(x); }
static float tanh_f (float x) { return rnli_tanh(x); }
static double sigmoid_d (double x) { return 1 / (1 + exp(-x)); }

/* Below -87 the result leaves the normal floats and may come out as 0. */
static float sigmoid_f (float x) {
  float y = rnli_sigmoid(x);
  if (x >= -87.0f || isnan(x)) return y;
  return y >= 0 && y < 1.7e-38f ? (float)sigmoid_d((double)x) : NAN;
}


/* The largest error over the sample, reported with where it is. */
static double worst (const char *name, float (*f) (float),
                     double (*exact) (double)) {
  double most = 0;
  float where = 0;
  for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE) {
    uint32_t b = (uint32_t)bits;
    float x;
    memcpy(&x, &b, sizeof x);
    double u = ulps(f(x), exact((double)x));
    if (u > most) {
      most = u;
      where = x;
    }
  }
  printf("%s: at most %.2f ulp, at %a\n", name, most, (double)where);
  return most;
}


int main (void) {
  CHECK(worst("exp", exp_f, exp) <= 2);
  CHECK(worst("tanh", tanh_f, tanh) <= 3);
  CHECK(worst("sigmoid", sigmoid_f, sigmoid_d) <= 3);
  CHECK(isinf(rnli_exp(INFINITY)) && rnli_exp(-INFINITY) == 0);
  CHECK(isnan(rnli_exp(NAN)) && isnan(rnli_tanh(NAN)));
  CHECK(isnan(rnli_sigmoid(NAN)));
  CHECK(rnli_tanh(INFINITY) == 1 && rnli_tanh(-INFINITY) == -1);
  CHECK(rnli_sigmoid(INFINITY) == 1 && rnli_sigmoid(-INFINITY) == 0);
  return harness_end("vmath");
}
