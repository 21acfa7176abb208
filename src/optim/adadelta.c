/*
** adadelta.c - Adadelta (Zeiler 2012) as torch.optim.Adadelta:
**   g += wd*p    s = rho*s + (1-rho) g^2
**   d = sqrt(a + eps) / sqrt(s + eps) g    a = rho*a + (1-rho) d^2
**   p -= lr*d
*/
#include "core/real.h"

enum { LR, RHO, EPS, WEIGHT_DECAY };
enum { SQUARE, DELTA };

/* fresh: 1 - rho, taken in double because it cancels. */
typedef struct Factors {
  real lr, rho, fresh, eps, wd;
} Factors;


RNLI_WIDE
static void update (size_t n, Factors f, real *restrict p,
                    const real *restrict grad, real *restrict s,
                    real *restrict a) {
  for (size_t i = 0; i < n; i++) {
    real g = grad[i] + f.wd * p[i];
    s[i] = f.rho * s[i] + f.fresh * g * g;
    real d = RNLI_M(sqrt)(a[i] + f.eps) / RNLI_M(sqrt)(s[i] + f.eps) * g;
    a[i] = f.rho * a[i] + f.fresh * d * d;
    p[i] -= f.lr * d;
  }
}


static void adadelta_update (const rnl_Update *u) {
  const double *h = u->hyper;
  Factors f = {
    .lr = (real)h[LR], .rho = (real)h[RHO], .fresh = (real)(1 - h[RHO]),
    .eps = (real)h[EPS], .wd = (real)h[WEIGHT_DECAY]};
  update(u->n, f, u->param, u->grad, u->slot[SQUARE], u->slot[DELTA]);
}


RNLI_OPTIM(adadelta) = {
  .name = "adadelta",
  .hyper = {{"lr", 1}, {"rho", 0.9}, {"eps", 1e-6}, {"weight_decay", 0}},
  .slot = {"square_avg", "delta_avg"},
  .update = adadelta_update,
  .doc = "Steps have the unit of the parameter; lr needs no tuning.",
};
