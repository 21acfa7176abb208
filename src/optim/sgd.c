/*
** sgd.c - stochastic gradient descent as torch.optim.SGD:
**   g += wd*p    b = momentum*b + (1-dampening)*g, the first b is g itself
**   p -= lr*b, or with Nesterov's momentum p -= lr*(g + momentum*b)
*/
#include "core/real.h"

enum { LR, MOMENTUM, DAMPENING, NESTEROV, WEIGHT_DECAY };


RNLI_WIDE
static void plain (size_t n, real lr, real wd, real *restrict p,
                   const real *restrict g) {
  for (size_t i = 0; i < n; i++) p[i] -= lr * (g[i] + wd * p[i]);
}


RNLI_WIDE
static void heavy (size_t n, real lr, real wd, real momentum, real fresh,
                   int nesterov, real *restrict p, const real *restrict grad,
                   real *restrict b) {
  for (size_t i = 0; i < n; i++) {
    real g = grad[i] + wd * p[i];
    b[i] = momentum * b[i] + fresh * g;
    p[i] -= lr * (nesterov ? g + momentum * b[i] : b[i]);
  }
}


static void sgd_update (const rnl_Update *u) {
  const double *h = u->hyper;
  real lr = (real)h[LR], wd = (real)h[WEIGHT_DECAY];
  real fresh = (real)(u->step == 1 ? 1 : 1 - h[DAMPENING]);
  if (h[MOMENTUM] == 0)
    plain(u->n, lr, wd, u->param, u->grad);
  else
    heavy(u->n, lr, wd, (real)h[MOMENTUM], fresh, h[NESTEROV] != 0, u->param,
          u->grad, u->slot[0]);
}


RNLI_OPTIM(sgd) = {
  .name = "sgd",
  .hyper = {{"lr", 1e-3}, {"momentum", 0}, {"dampening", 0}, {"nesterov", 0},
            {"weight_decay", 0}},
  .slot = {"momentum"},
  .update = sgd_update,
  .doc = "Gradient descent, with momentum and Nesterov's form of it.",
};
