/*
** nadam.c - Adam with Nesterov's momentum (Dozat 2016) as torch.optim.NAdam:
**   mu_t = b1 (1 - 0.96^(t*momentum_decay) / 2)    q = mu_1 mu_2 ... mu_t
**   m += (1-b1)(g - m)   v = b2 v + (1-b2) g^2   D = sqrt(v/(1-b2^t)) + eps
**   p -= lr (1-mu_t)/(1-q) g/D + lr mu_(t+1)/(1 - q mu_(t+1)) m/D
** q has no closed form; it is a slot, and the same number in each element.
** Weight decay adds wd*p to g; decoupled, it shrinks p by lr*wd first.
*/
#include "core/real.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, MOMENTUM_DECAY, DECOUPLED };
enum { M, V, PRODUCT };

typedef struct Factors {
  real fresh1, b2, fresh2, eps, root, decay, shrink;
  real of_grad, of_m, mu, next;
} Factors;


RNLI_WIDE
static void update (size_t n, Factors f, int first, real *restrict p,
                    const real *restrict grad, real *restrict m,
                    real *restrict v, real *restrict product) {
  for (size_t i = 0; i < n; i++) {
    real w = p[i] * f.shrink;
    real g = grad[i] + f.decay * p[i];
    real q = first ? f.mu : product[i] * f.mu;
    m[i] += (g - m[i]) * f.fresh1;
    v[i] = v[i] * f.b2 + f.fresh2 * g * g;
    real step = f.of_grad * g / (1 - q) + f.of_m * m[i] / (1 - q * f.next);
    p[i] = w - step / (RNLI_M(sqrt)(v[i]) * f.root + f.eps);
    product[i] = q;
  }
}


static double momentum (const double *h, double t) {
  return h[BETA1] * (1 - 0.5 * pow(0.96, t * h[MOMENTUM_DECAY]));
}


static void nadam_update (const rnl_Update *u) {
  const double *h = u->hyper;
  double t = (double)u->step, wd = h[WEIGHT_DECAY];
  double mu = momentum(h, t), next = momentum(h, t + 1);
  int decoupled = h[DECOUPLED] != 0;
  Factors f = {
    .fresh1 = (real)(1 - h[BETA1]), .b2 = (real)h[BETA2],
    .fresh2 = (real)(1 - h[BETA2]), .eps = (real)h[EPS],
    .root = (real)(1 / sqrt(1 - pow(h[BETA2], t))),
    .decay = (real)(decoupled ? 0 : wd),
    .shrink = (real)(decoupled ? 1 - h[LR] * wd : 1),
    .of_grad = (real)(h[LR] * (1 - mu)), .of_m = (real)(h[LR] * next),
    .mu = (real)mu, .next = (real)next};
  update(u->n, f, u->step == 1, u->param, u->grad, u->slot[M], u->slot[V],
         u->slot[PRODUCT]);
}


RNLI_OPTIM(nadam) = {
  .name = "nadam",
  .hyper = {{"lr", 2e-3}, {"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8},
            {"weight_decay", 0}, {"momentum_decay", 4e-3},
            {"decoupled_weight_decay", 0}},
  .slot = {"m", "v", "mu_product"},
  .update = nadam_update,
  .doc = "Adam with Nesterov's momentum.",
};
