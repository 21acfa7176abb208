/*
** adamax.c - AdaMax (Kingma and Ba 2015, section 7) as torch.optim.Adamax:
**   g += wd*p    m += (1-b1)(g - m)    u = max(b2 u, |g| + eps)
**   p -= lr/(1-b1^t) m / u
*/
#include "core/real.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY };
enum { M, U };


RNLI_WIDE
static void update (size_t n, real step, real fresh1, real b2, real eps,
                    real wd, real *restrict p, const real *restrict grad,
                    real *restrict m, real *restrict top) {
  for (size_t i = 0; i < n; i++) {
    real g = grad[i] + wd * p[i];
    real now = RNLI_M(fabs)(g) + eps, past = b2 * top[i];
    m[i] += (g - m[i]) * fresh1;
    top[i] = past > now ? past : now;
    p[i] -= step * m[i] / top[i];
  }
}


static void adamax_update (const rnl_Update *u) {
  const double *h = u->hyper;
  double step = h[LR] / (1 - pow(h[BETA1], (double)u->step));
  update(u->n, (real)step, (real)(1 - h[BETA1]), (real)h[BETA2],
         (real)h[EPS], (real)h[WEIGHT_DECAY], u->param, u->grad, u->slot[M],
         u->slot[U]);
}


RNLI_OPTIM(adamax) = {
  .name = "adamax",
  .hyper = {{"lr", 2e-3}, {"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8},
            {"weight_decay", 0}},
  .slot = {"m", "u"},
  .update = adamax_update,
  .doc = "Adam by the largest gradient instead of the root mean square.",
};
