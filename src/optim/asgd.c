/*
** asgd.c - averaged gradient descent (Polyak and Juditsky 1992, in the form of
** Bottou 2010) as torch.optim.ASGD:
**   g += wd*p    eta = lr / (1 + lambd*lr*(t-1))^alpha
**   p = (1 - lambd*eta) p - eta*g    average += (p - average) * mu
** with mu = 1 / max(1, t - 1 - t0): the average is p itself until t0, then the
** mean of what p has been since. A changed lr acts at once; torch's acts one
** step later.
*/
#include "core/real.h"

enum { LR, LAMBD, ALPHA, T0, WEIGHT_DECAY };


RNLI_WIDE
static void update (size_t n, real eta, real shrink, real wd, real mu,
                    real *restrict p, const real *restrict grad,
                    real *restrict average) {
  for (size_t i = 0; i < n; i++) {
    real g = grad[i] + wd * p[i];
    p[i] = p[i] * shrink - eta * g;
    average[i] = mu == 1 ? p[i] : average[i] + (p[i] - average[i]) * mu;
  }
}


static void asgd_update (const rnl_Update *u) {
  const double *h = u->hyper;
  double before = (double)(u->step - 1), since = before - h[T0];
  double eta = h[LR] / pow(1 + h[LAMBD] * h[LR] * before, h[ALPHA]);
  update(u->n, (real)eta, (real)(1 - h[LAMBD] * eta), (real)h[WEIGHT_DECAY],
         (real)(since > 1 ? 1 / since : 1), u->param, u->grad, u->slot[0]);
}


RNLI_OPTIM(asgd) = {
  .name = "asgd",
  .hyper = {{"lr", 1e-2}, {"lambd", 1e-4}, {"alpha", 0.75}, {"t0", 1e6},
            {"weight_decay", 0}},
  .slot = {"average"},
  .update = asgd_update,
  .doc = "Gradient descent that also keeps the mean of the parameters.",
};
